"""Who claimed coupons on one device, IP or address lately, and how many one user did: what the night does not know.

Only claims up to the asking moment count, so the same question about the same moment has the same answer later. On
each thing the newest ``MOST`` claims of others are read and no more: a claim costs the same behind a gateway that
carries a city as at home, and counts there mean "at least".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, case, func, literal, select, union_all

from serving.store.rows import Prepared
from serving.store.schema import coupons

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
CLAIM_WINDOWS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
LONGEST = max(WINDOWS.values())
KINDS = ("device", "address", "ip")
"""Things that accounts share, those that say most first."""
MOST = 64


class Seen(Protocol):
    """A claim of another account on a thing of the asking one (``kind``), with the hashes of where it came from."""

    @property
    def kind(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def template_id(self) -> str: ...
    @property
    def template_version(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def address(self) -> str | None: ...


def seen_lately(
    connection: Connection,
    user_id: str,
    hashed: Mapping[str, str | None],
    since: datetime,
    now: datetime,
) -> Sequence[Seen]:
    """Claims of others on each given thing from ``since`` to ``now``, newest first, at most ``MOST`` for each kind.

    ``hashed`` maps device, ip and address to keyed hashes; a missing thing has no claims. One query for all.
    """
    asked = tuple(kind for kind in KINDS if hashed.get(kind) is not None)
    if not asked:
        return ()
    given = {kind: hashed[kind] for kind in asked}
    return _statement(asked).all(connection, {**given, "of_user": user_id, "since": since, "until": now})


def live_counts(
    connection: Connection, user_id: str, hashed: Mapping[str, str | None], now: datetime
) -> dict[str, float]:
    """Accounts on each given thing per window, named like the identity features (this user counts as one)."""
    return counts_of(seen_lately(connection, user_id, hashed, now - LONGEST, now), hashed, now)


def counts_of(seen: Sequence[Seen], hashed: Mapping[str, str | None], now: datetime) -> dict[str, float]:
    """``live_counts`` from claims that were read before; a missing thing gives no count."""
    counts: dict[str, float] = {}
    for kind in (kind for kind in KINDS if hashed.get(kind) is not None):
        for window, length in WINDOWS.items():
            others = len({row.user_id for row in seen if row.kind == kind and row.at >= now - length}) if seen else 0
            counts[f"{kind}_others_{window}"] = float(others)
            counts[f"{kind}_accounts_{window}"] = float(others + 1)
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
    """One row per claim; built once, because building it takes longer than running it."""
    user, at = coupons.c.user_id, coupons.c.claimed_at
    since, until = bindparam("since", type_=at.type), bindparam("until", type_=at.type)
    of_template = (coupons.c.template_id, coupons.c.template_version)
    parts: list[Any] = []
    for kind in kinds:
        newest = (
            select(literal(kind).label("kind"), user, *of_template, at.label("at"), coupons.c.address)
            .where(coupons.c[kind] == bindparam(kind), at >= since, at <= until, user != bindparam("of_user"))
            .order_by(at.desc(), coupons.c.coupon_id.desc())
            .limit(literal(MOST))
            .subquery()
        )
        parts.append(select(newest))
    return Prepared(union_all(*parts))
