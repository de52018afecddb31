"""How many accounts claimed coupons on one device, IP or address lately: counts that no nightly feature can know
yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, distinct, func, select

from serving.store.schema import coupons

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}


def live_counts(
    connection: Connection, user_id: str, hashed: Mapping[str, str | None], now: datetime
) -> dict[str, float]:
    """Accounts on each given thing per window, named like the identity features (this user counts as one).

    ``hashed`` maps device, ip and address to keyed hashes; a missing thing gives no count.
    """
    counts: dict[str, float] = {}
    for kind, value in hashed.items():
        if value is None:
            continue
        column = coupons.c[kind]
        for window, length in WINDOWS.items():
            others = connection.execute(
                select(func.count(distinct(coupons.c.user_id))).where(
                    column == value, coupons.c.claimed_at >= now - length, coupons.c.user_id != user_id
                )
            ).scalar_one()
            counts[f"{kind}_others_{window}"] = float(others)
            counts[f"{kind}_accounts_{window}"] = float(others + 1)
    return counts
