"""Orders that rings place by plan, each with a coupon from the coupon centre taken minutes before."""

from __future__ import annotations

import numpy as np

from pipelines.shop.attacks import Script
from pipelines.shop.behaviour import REVIEW, SIGN_IN, Events
from pipelines.shop.calendar import HOUR, MINUTE
from pipelines.shop.catalogue import Catalogue
from pipelines.shop.network import Network
from pipelines.shop.offers import TEMPLATES
from pipelines.shop.purchases import Grants, Purchases
from pipelines.shop.seeds import Ints, stream


def play_script(
    network: Network, script: Script, catalogue: Catalogue, users: Ints, seed: int, block: int
) -> tuple[Purchases, Grants]:
    """The scripted orders of a block's users and the coupons used on them."""
    mine = _mine(script, users)
    rng = stream(seed, "script", block)
    user, at = np.array(script.user, dtype=np.int64)[mine], np.array(script.at, dtype=np.int64)[mine]
    sku, quantity = (lines[mine] for lines in script.lines())
    template = np.array(script.template, dtype=np.int64)[mine]
    goods = (quantity * catalogue.price[sku]).sum(axis=1)
    off = np.zeros(len(mine), dtype=np.int64)
    for index, kind in enumerate(TEMPLATES):
        off = np.where(template == index, kind.discount(goods), off)
    device, ip = (np.array(getattr(script, name), dtype=np.int64)[mine] for name in ("device", "ip"))
    purchases = Purchases(
        user=user,
        at=at,
        sku=sku,
        quantity=quantity,
        off=off,
        fate=np.array(script.fate, dtype=np.int64)[mine],
        terminal=network.terminal[user],
        device=device,
        ip=ip,
        address=np.array(script.address, dtype=np.int64)[mine],
    )
    grants = Grants(
        user=user,
        template=template,
        decision=np.full(len(mine), -1),
        at=at - rng.integers(MINUTE, 8 * MINUTE, len(mine)),
        order=np.where(off > 0, np.arange(len(mine)), -1),
        off=off,
        device=device,
        ip=ip,
    )
    return purchases, grants


def script_events(script: Script, users: Ints, terminal: Ints) -> Events:
    """A sign-in shortly before each scripted order and, now and then, a review right after it."""
    mine = _mine(script, users)
    n = len(mine)
    user, at, device, ip = (np.array(getattr(script, f), dtype=np.int64)[mine] for f in ("user", "at", "device", "ip"))
    sku = script.lines()[0][mine, 0]
    reviewed = np.flatnonzero(at % 3 == 0)
    who = np.concatenate([np.arange(n), reviewed])
    return Events(
        user=user[who],
        at=np.concatenate([at - 10 * MINUTE, at[reviewed] + 2 * HOUR]),
        kind=np.repeat([SIGN_IN, REVIEW], [n, len(reviewed)]),
        sku=np.concatenate([np.full(n, -1), sku[reviewed]]),
        dwell=np.full(len(who), np.nan),
        terminal=terminal[user[who]],
        device=device[who],
        ip=ip[who],
    )


def _mine(script: Script, users: Ints) -> Ints:
    return np.flatnonzero(np.isin(np.array(script.user, dtype=np.int64), users))
