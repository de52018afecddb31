"""What coupons brought: profit per decision of what was given, against giving nothing to the same people.

The outcome of a decision is the margin of the orders that its user placed within the window behind it; margins of the
shop's tables are after the discount, so the coupon's cost is in them. What nothing would have brought is estimated
from the decisions that gave nothing, weighted by their logged chance (self-normalised inverse propensity), with an
interval that knows that decisions of one user belong together. Left out are fallbacks, which have no chance to compare
with, and decisions whose only choice was nothing: with them it makes no difference what the policy does.

Outcomes end where the tables end, and a decision counts when its whole window lies before that moment. The ledger
knows newer orders, but only those at its till: who was given a coupon buys there, and many who were given none are in
the tables alone. To add the ledger's redemptions for the time behind the tables would count the orders of one side
only and find a profit where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from models.policy.ope import Logged, difference, snips
from serving.performance.shop_tables import Margins
from serving.store.schema import decisions

WINDOW = timedelta(days=7)
FEWEST = 100
_ONLY_NONE = '["none"]'


@dataclass(frozen=True, slots=True)
class Profit:
    """Cents over all ``n`` decisions, with a 95 % interval; ``nothing`` of them gave no coupon; outcomes are known
    until ``known``. ``value`` is None where too few gave nothing or no outcome is known yet; ``shaky`` says that a few
    heavy decisions make it."""

    n: int
    nothing: int
    known: datetime | None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    shaky: bool = False


def decided(connection: Connection, start: datetime, end: datetime) -> list[Any]:
    """Decisions that had a choice and a logged chance: user, moment, offer, propensity."""
    columns = (decisions.c.user_id, decisions.c.decided_at, decisions.c.offer, decisions.c.propensity)
    asked = (decisions.c.decided_at >= start, decisions.c.decided_at < end, decisions.c.fallback.is_(False))
    return list(connection.execute(select(*columns).where(*asked, decisions.c.eligible != _ONLY_NONE)))


def incremental(rows: Sequence[Any], shop: Margins | None, until: datetime, window: timedelta = WINDOW) -> Profit:
    """The profit of decisions (user, moment, offer, propensity) by the orders that were known at ``until``."""
    if shop is None or not rows:
        return Profit(len(rows), 0, None)
    known = min(shop.known, until)
    settled = [row for row in rows if row[1] + window <= known]
    nothing = sum(row[2] == "none" for row in settled)
    if nothing < FEWEST or nothing == len(settled):
        return Profit(len(settled), nothing, known)
    chance = np.array([row[3] for row in settled])
    given = np.array([row[2] != "none" for row in settled])
    users = np.array([row[0] for row in settled], dtype=object)
    reward = _within(settled, shop.orders, window)
    taken = given.astype(int)
    target = np.stack([np.where(given, 1 - chance, chance), np.where(given, chance, 1 - chance)], axis=1)
    as_was = Logged(taken, reward, chance, target, cluster=users)
    none = Logged(taken, reward, chance, np.tile([1.0, 0.0], (len(settled), 1)), cluster=users)
    found, n = difference(as_was, none, snips), len(settled)
    return Profit(n, nothing, known, found.value * n, found.low * n, found.high * n, found.exploded)


def _within(rows: Sequence[Any], orders: pd.DataFrame, window: timedelta) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Margin (n,) of each decision's user from the decision on until ``window`` later, cents."""
    names, codes = np.unique([row[0] for row in rows], return_inverse=True)
    place = {name: code for code, name in enumerate(names)}
    owner = orders.user_id.map(place)
    kept = orders[owner.notna()]
    owner = owner[owner.notna()].to_numpy(np.int64)
    at = kept.placed_at.to_numpy("datetime64[us]").astype(np.int64)
    moments = np.array([row[1] for row in rows], dtype="datetime64[us]").astype(np.int64)
    ends = moments + window // timedelta(microseconds=1)
    # One number per user and moment; ranks instead of moments, so that it stays small.
    ranks = np.unique(np.concatenate([at, moments, ends]))
    keys = owner * len(ranks) + np.searchsorted(ranks, at)
    order = np.argsort(keys, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(kept.margin_cents.to_numpy(np.float64)[order])])
    first = np.searchsorted(keys[order], codes * len(ranks) + np.searchsorted(ranks, moments))
    last = np.searchsorted(keys[order], codes * len(ranks) + np.searchsorted(ranks, ends))
    return np.asarray(sums[last] - sums[first], dtype=np.float64)
