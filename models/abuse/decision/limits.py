"""The plain limits of the gate replayed over the past: which claims and orders each would have stopped or noticed.

In: claims (user_id, us, device, ip) and orders (user_id, us, goods) in microseconds and cents. The replay does what the
gate does (``serving.people.checks``): what a limit refuses is not there for the next one to count, a limit that only
notices changes nothing, and each kind of limit is replayed by itself. Rows before the window fill the counters; only
rows within it are told.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.marks import DAY

MINUTE = 60_000_000
DEVICE_WITHIN = 7 * DAY


@dataclass(frozen=True)
class Limits:
    """As the rule has them: cents, counts and minutes."""

    large_order_cents: int
    orders_in_a_row: int
    orders_within_minutes: int
    device_accounts: int
    ip_claims_per_minute: int
    capped_per_day: int


STOPS = ("orders_burst", "ip_burst", "capped")
NAMES = ("large_order", "orders_burst", "device_accounts", "ip_burst", "capped")
"""What the gate calls them; those of STOPS refuse, the others ask a person to look."""


def replay(
    limits: Limits, claims: pd.DataFrame, orders: pd.DataFrame, capped: pd.DataFrame, start: int, end: int
) -> pd.DataFrame:
    """One row (limit, user_id, us) per claim or order that a limit would have met from ``start`` to before ``end``.

    ``capped``: user_id and since (microseconds) of users whom the rule caps.
    """
    claims = claims[claims["us"] < end].sort_values(["us", "user_id"], ignore_index=True, kind="stable")
    orders = orders[orders["us"] < end].sort_values(["us", "user_id"], ignore_index=True, kind="stable")
    length = limits.orders_within_minutes * MINUTE
    met = {
        "large_order": (orders, orders["goods"].to_numpy(np.float64) >= limits.large_order_cents),
        "orders_burst": (orders, too_many(orders["user_id"], orders["us"], limits.orders_in_a_row, length)),
        "device_accounts": (claims, crowded(claims, limits.device_accounts)),
        "ip_burst": (claims, too_many(claims["ip"], claims["us"], limits.ip_claims_per_minute, MINUTE)),
        "capped": _capped(claims, capped, limits.capped_per_day),
    }
    found = []
    for name, (rows, hit) in met.items():
        rows = rows.loc[hit & (rows["us"].to_numpy(np.int64) >= start), ["user_id", "us"]]
        found.append(rows.assign(limit=name))
    return pd.concat(found, ignore_index=True)[["limit", "user_id", "us"]]


def too_many(key: pd.Series, us: pd.Series, most: int, length: int) -> NDArray[np.bool_]:
    """Which rows (n,) come when ``most`` others of their key went through within ``length`` microseconds before them.

    Rows are in time order; one that is refused counts for nobody. A missing key has no limit.
    """
    hit = np.zeros(len(key), bool)
    codes, _ = pd.factorize(key)
    order = np.lexsort((np.arange(len(codes)), codes))
    code, at = codes[order], us.to_numpy(np.int64)[order]
    # Only keys that ever had so many rows so close together can be refused anything.
    close = np.zeros(len(code), bool)
    close[most:] = (code[most:] == code[:-most]) & (at[most:] - at[:-most] < length) & (code[most:] >= 0)
    for one in np.unique(code[close]):
        first, last = np.searchsorted(code, one, "left"), np.searchsorted(code, one, "right")
        passed: deque[int] = deque()
        for place in range(first, last):
            while passed and at[place] - passed[0] >= length:
                passed.popleft()
            if len(passed) >= most:
                hit[order[place]] = True
            else:
                passed.append(int(at[place]))
    return hit


def crowded(claims: pd.DataFrame, accounts: int) -> NDArray[np.bool_]:
    """Which claims (n,) are on a device where ``accounts`` − 1 other users claimed within the week before."""
    hit = np.zeros(len(claims), bool)
    codes, _ = pd.factorize(claims["device"])
    users = pd.factorize(claims["user_id"])[0]
    pairs = pd.DataFrame({"code": codes, "user": users}).drop_duplicates()
    shared = pairs.groupby("code")["user"].size()
    busy = set(shared[shared >= accounts].index) - {-1}
    rows = np.flatnonzero(np.isin(codes, list(busy)))
    at = claims["us"].to_numpy(np.int64)
    order = rows[np.lexsort((rows, codes[rows]))]
    of, lately, known = None, deque[tuple[int, int]](), Counter[int]()
    for row in order:
        if codes[row] != of:
            of, lately, known = codes[row], deque(), Counter()
        while lately and at[row] - lately[0][0] >= DEVICE_WITHIN:
            gone = lately.popleft()[1]
            known[gone] -= 1
            if not known[gone]:
                del known[gone]
        user = int(users[row])
        hit[row] = len(known) - (user in known) >= accounts - 1
        lately.append((int(at[row]), user))
        known[user] += 1
    return hit


def _capped(claims: pd.DataFrame, capped: pd.DataFrame, per_day: int) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Claims of capped users, and which of them come too soon after ``per_day`` others."""
    since = claims["user_id"].map(capped.set_index("user_id")["since"])
    mine = claims[since.notna()].reset_index(drop=True)
    begins = since[since.notna()].to_numpy(np.int64)
    at = mine["us"].to_numpy(np.int64)
    hit = np.zeros(len(mine), bool)
    passed: dict[str, deque[int]] = {}
    for row, user in enumerate(mine["user_id"]):
        lately = passed.setdefault(user, deque())
        while lately and at[row] - lately[0] >= DAY:
            lately.popleft()
        if at[row] >= begins[row] and len(lately) >= per_day:
            hit[row] = True
        else:
            lately.append(int(at[row]))
    return mine, hit


def told(met: pd.DataFrame, abusive: pd.Series) -> dict[str, dict[str, float | None]]:
    """Per limit: rows it met, users, how many of them were judged, and the share of abusers among these.

    ``abusive``: 1, 0 or NaN by user_id.
    """
    found: dict[str, dict[str, float | None]] = {}
    for name in NAMES:
        rows = met[met["limit"] == name]
        users = pd.Series(rows["user_id"].unique(), dtype="object")
        said = users.map(abusive).astype(np.float64).dropna()
        found[name] = {
            "rows": float(len(rows)),
            "users": float(len(users)),
            "judged": float(len(said)),
            "precision": float(said.mean()) if len(said) else None,
        }
    return found
