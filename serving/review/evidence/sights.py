"""Where members were seen, from claims and from what the shop said of them: two statements, newest first, bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from serving.review.evidence.parts import Sight
from serving.review.evidence.people import NOW, SHOWN, moments
from serving.store.schema import coupons
from serving.store.schema_people import user_links

MOST_CLAIMS, MOST_LINKS = 10_000, 5_000
SEEN_ON = ("device", "ip", "address")


@dataclass(frozen=True, slots=True)
class Claim:
    """A coupon as it was claimed: by whom, when, and where from (keyed hashes)."""

    coupon_id: str
    user_id: str
    template_id: str
    claimed_at: datetime
    face_cents: int
    device: str | None
    ip: str | None
    address: str | None


def claims_of(connection: Connection, user_ids: Sequence[str], now: datetime) -> tuple[Claim, ...]:
    """The newest claims of some accounts by ``now``."""
    if not user_ids:
        return ()
    rows = connection.execute(_CLAIMS, {"shown": list(user_ids), **moments(now)})
    return tuple(Claim(*row) for row in rows)


def sights_of(
    connection: Connection, claims: Iterable[Claim], user_ids: Sequence[str], now: datetime
) -> tuple[Sight, ...]:
    """On what each account was seen, in the order of account, kind and value."""
    found: dict[tuple[str, str, str], Sight] = {}
    for claim in claims:
        for kind in SEEN_ON:
            value = getattr(claim, kind)
            if value is not None:
                add(found, Sight(claim.user_id, kind, value, claim.claimed_at, claim.claimed_at, 1))
    if user_ids:
        for row in connection.execute(_LINKS, {"shown": list(user_ids), **moments(now)}):
            add(found, Sight(row.user_id, row.kind, row.value, row.first_seen, row.first_seen, 1))
    return tuple(found[key] for key in sorted(found))


def add(found: dict[tuple[str, str, str], Sight], new: Sight) -> None:
    """Count a sighting with what is known of the same account on the same thing."""
    key = (new.user_id, new.kind, new.value)
    old = found.get(key)
    if old is None:
        found[key] = new
        return
    first, last = min(old.first_seen, new.first_seen), max(old.last_seen, new.last_seen)
    found[key] = Sight(*key, first, last, old.times + new.times)


_CLAIMS: Any = (
    select(
        coupons.c.coupon_id,
        coupons.c.user_id,
        coupons.c.template_id,
        coupons.c.claimed_at,
        coupons.c.face_cents,
        coupons.c.device,
        coupons.c.ip,
        coupons.c.address,
    )
    .where(coupons.c.user_id.in_(SHOWN), coupons.c.claimed_at <= NOW)
    .order_by(coupons.c.claimed_at.desc(), coupons.c.coupon_id.desc())
    .limit(MOST_CLAIMS)
)
_LINKS: Any = (
    select(user_links.c.user_id, user_links.c.kind, user_links.c.value, user_links.c.first_seen)
    .where(user_links.c.user_id.in_(SHOWN), user_links.c.first_seen <= NOW)
    .order_by(user_links.c.first_seen.desc(), user_links.c.kind, user_links.c.value)
    .limit(MOST_LINKS)
)
