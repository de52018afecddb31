"""The plain limits by loops over everything, without a line of the product."""

from __future__ import annotations

from typing import Any

import pandas as pd

MINUTE, DAY = 60_000_000, 86_400_000_000


def naive(
    limits: Any, claims: pd.DataFrame, orders: pd.DataFrame, capped: pd.DataFrame, start: int, end: int
) -> list[tuple[str, str, int]]:
    """(limit, user, moment) of everything that a limit would have met."""
    met: list[tuple[str, str, int]] = []
    buying = sorted((int(r.us), r.user_id, float(r.goods)) for r in orders.itertuples() if r.us < end)
    for at, user, goods in buying:
        if goods >= limits.large_order_cents:
            met.append(("large_order", user, at))
    held: list[tuple[int, str]] = []
    for at, user, _ in buying:
        near = [1 for t, u in held if u == user and at - t < limits.orders_within_minutes * MINUTE]
        if len(near) >= limits.orders_in_a_row:
            met.append(("orders_burst", user, at))
        else:
            held.append((at, user))
    rows = claims[claims["us"] < end].sort_values(["us", "user_id"], kind="stable")
    taking = [(int(r.us), r.user_id, r.device, r.ip) for r in rows.itertuples()]
    for n, (at, user, device, _) in enumerate(taking):
        others = {u for t, u, d, _ in taking[:n] if d is not None and d == device and u != user and at - t < 7 * DAY}
        if device is not None and len(others) >= limits.device_accounts - 1:
            met.append(("device_accounts", user, at))
    passed: list[tuple[int, str]] = []
    for at, user, _, ip in taking:
        if ip is None:
            continue
        if len([1 for t, i in passed if i == ip and at - t < MINUTE]) >= limits.ip_claims_per_minute:
            met.append(("ip_burst", user, at))
        else:
            passed.append((at, ip))
    since = dict(zip(capped["user_id"], capped["since"], strict=True))
    got: list[tuple[int, str]] = []
    for at, user, _, _ in taking:
        lately = len([1 for t, u in got if u == user and at - t < DAY])
        if user in since and at >= since[user] and lately >= limits.capped_per_day:
            met.append(("capped", user, at))
        else:
            got.append((at, user))
    return [one for one in met if one[2] >= start]
