"""How many accounts claimed coupons on one device, IP or address lately, and how many one user did: counts that no
nightly feature can know yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, bindparam, case, distinct, func, literal, select, union_all

from serving.store.rows import Prepared
from serving.store.schema import coupons

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
CLAIM_WINDOWS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}


def live_counts(
    connection: Connection, user_id: str, hashed: Mapping[str, str | None], now: datetime
) -> dict[str, float]:
    """Accounts on each given thing per window, named like the identity features (this user counts as one).

    ``hashed`` maps device, ip and address to keyed hashes; a missing thing gives no count. One query for all.
    """
    asked = tuple(kind for kind, value in hashed.items() if value is not None)
    if not asked:
        return {}
    given = {kind: hashed[kind] for kind in asked}
    times = {f"since_{window}": now - length for window, length in WINDOWS.items()}
    counts: dict[str, float] = {}
    for kind, *others in _statement(asked).all(connection, {**given, **times, "user_id": user_id}):
        for window, count in zip(WINDOWS, others, strict=True):
            counts[f"{kind}_others_{window}"] = float(count)
            counts[f"{kind}_accounts_{window}"] = float(count + 1)
    return counts


def claim_counts(connection: Connection, user_id: str, now: datetime) -> dict[str, float]:
    """Coupons that the user claimed per window, named like the user's features: what contact limits look at."""
    times = {f"since_{window}": now - length for window, length in CLAIM_WINDOWS.items()}
    found = _claims().all(connection, {**times, "user_id": user_id})[0]
    return {f"claims_{window}": float(count) for window, count in zip(CLAIM_WINDOWS, found, strict=True)}


@cache
def _claims() -> Prepared:
    at = coupons.c.claimed_at
    since = {window: bindparam(f"since_{window}", type_=at.type) for window in CLAIM_WINDOWS}
    counts = [
        func.count(case((at >= start, coupons.c.coupon_id))).label(f"within_{window}")
        for window, start in since.items()
    ]
    longest = since[max(CLAIM_WINDOWS, key=lambda window: CLAIM_WINDOWS[window])]
    return Prepared(select(*counts).where(coupons.c.user_id == bindparam("user_id"), at >= longest))


@cache
def _statement(kinds: tuple[str, ...]) -> Prepared:
    """One row per kind with a column per window; built once, because building it takes longer than running it."""
    user, at = coupons.c.user_id, coupons.c.claimed_at
    since = {window: bindparam(f"since_{window}", type_=at.type) for window in WINDOWS}
    others = [
        func.count(distinct(case((at >= start, user)))).label(f"within_{window}") for window, start in since.items()
    ]
    longest = since[max(WINDOWS, key=lambda window: WINDOWS[window])]
    counted = (
        select(literal(kind).label("kind"), *others).where(
            coupons.c[kind] == bindparam(kind), at >= longest, user != bindparam("user_id")
        )
        for kind in kinds
    )
    return Prepared(union_all(*counted))
