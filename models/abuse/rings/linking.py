"""Who joined whom: typed, timed, weighted links between accounts, made from spine rows in time order.

A link joins an account to the previous and to the first account that claimed the same template on the same device,
address, person, IP or block within that kind's window. So n accounts on one value make at most 2n links, not n². It is
made only where the evidence of the later row holds: its strength is the purity of the value's company at that moment
(a hub's is near zero, however many accounts it has) times how far both accounts are there for the coupon. A null key
links nothing. Cost: one pass over the rows, no sort by key.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from models.abuse.evidence import SHARING, alike_on, coupon_only, pace, purity
from models.abuse.marks import DAY
from models.abuse.rings.union import Floats, Ints

REACH_DAYS = {"device": 60.0, "address": 60.0, "ip": 1.0, "block": 1 / 24, "merchant": 7.0, "person": 365.0}
LEAST_STRENGTH = 0.35


def links(rows: pd.DataFrame, user: NDArray[np.int64], terms: pd.DataFrame) -> pd.DataFrame:
    """Links (at, row, a, b, kind, strength): account ``b`` joined ``a`` with spine row ``row`` at ``at``; by time."""
    own, ones = coupon_only(rows), np.ones(len(rows))
    claim = (rows["kind"] == "claim").to_numpy()
    order = ((rows["kind"] == "order") & (rows["strange"] > 0)).to_numpy()
    drained = rows["drain"].to_numpy(np.float64) > 0
    template = _codes(rows["template"])
    found = []
    for sharing in SHARING:
        pure = purity(rows, sharing, alike_on(rows, sharing)) * pace(rows, sharing.kind)
        value = _codes(rows[sharing.kind])
        same = np.where(value >= 0, value * (template.max(initial=0) + 1) + template, -1)
        found.append((sharing.kind, np.where(claim & (template >= 0), same, -1), own, pure))
    resale = np.minimum(terms["resale"].to_numpy(np.float64) / 3.0, 1.0)
    found.append(("address", np.where(order, _codes(rows["address"]), -1), ones, resale))
    back = ((rows["kind"] == "order") & (rows["own_merchant_spends_7d"] > 0)).to_numpy()
    collusion = np.minimum(terms["merchant"].to_numpy(np.float64) / 4.0, 1.0)
    found.append(("merchant", np.where(back, _codes(rows["merchant"]), -1), ones, collusion))
    taken = np.minimum(terms["takeovers"].to_numpy(np.float64) / 2.0, 1.0)
    found.append(("device", np.where(drained, _codes(rows["device"]), -1), ones, taken))
    found.append(("person", _codes(rows["phone"].fillna(rows["identity"])), ones, ones))
    us = rows["us"].to_numpy(np.int64)
    parts = []
    for kind, key, weight, pure in found:
        a, b, strength = chained(key, user, us, weight, pure, int(REACH_DAYS[kind] * DAY))
        part = {"at": us[b], "row": b, "a": user[a], "b": user[b], "kind": kind, "strength": strength}
        parts.append(pd.DataFrame(part))
    both = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    # Rows come in time order, so that the row says the time too.
    return both.take(np.lexsort((both["a"], both["kind"].to_numpy(str), both["row"]))).reset_index(drop=True)


def strongest(rows: int, found: pd.DataFrame) -> Floats:
    """The strength of the best link that each spine row makes; 0 where it makes none."""
    best = np.zeros(rows)
    np.maximum.at(best, found["row"].to_numpy(np.int64), found["strength"].to_numpy(np.float64))
    return best


def chained(key: Ints, user: Ints, at: Ints, own: Floats, pure: Floats, reach: int) -> tuple[Ints, Ints, Floats]:
    """Rows ``a`` and ``b`` of the links on one kind of value, and their strengths.

    ``key``: the value's number per row, -1 where it has none; rows in time order. Each account's first row on a value
    is joined to the previous and to the first account's, where these are strictly earlier and within ``reach`` (µs). A
    silence longer than that starts a new chain, so that the first account is the first of this one.
    """
    values = int(key.max(initial=-1)) + 1
    order, start = _by_key(key, values)
    args = (order, start, user, at, np.asarray(own, np.float64), np.asarray(pure, np.float64), reach)
    seen = np.full(int(user.max(initial=-1)) + 1, -1, np.int64)
    count = _chain(*args, seen, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    a, b, strength = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
    seen[:] = -1
    _chain(*args, seen, a, b, strength)
    return a, b, strength


def _codes(values: pd.Series) -> Ints:
    return np.asarray(pd.factorize(values)[0], np.int64)


@njit
def _by_key(key: Any, values: int) -> Any:
    """Row numbers grouped by key, in their own order within it, and where each group starts."""
    start = np.zeros(values + 1, np.int64)
    for k in key:
        if k >= 0:
            start[k + 1] += 1
    start = np.cumsum(start)
    order = np.empty(start[values], np.int64)
    free = start[:-1].copy()
    for row in range(len(key)):
        k = key[row]
        if k >= 0:
            order[free[k]] = row
            free[k] += 1
    return order, start


@njit
def _chain(
    order: Any, start: Any, user: Any, at: Any, own: Any, pure: Any, reach: int, seen: Any, a: Any, b: Any, w: Any
) -> int:
    """Write the links into ``a``, ``b``, ``w`` as far as these have room; how many there are."""
    count = 0
    for key in range(len(start) - 1):
        last = first = -1
        for place in range(start[key], start[key + 1]):
            row = order[place]
            if seen[user[row]] == key:
                continue
            seen[user[row]] = key
            if last < 0 or at[row] - at[last] > reach:
                first = row
            for before in (last, first) if last != first else (last, -1):
                if before < 0 or at[before] >= at[row] or at[row] - at[before] > reach:
                    continue
                strength = pure[row] * np.sqrt(own[before] * own[row])
                if strength >= LEAST_STRENGTH:
                    if count < len(a):
                        a[count], b[count], w[count] = before, row, strength
                    count += 1
            last = row
    return count
