"""What the members of a case share: one statement over the whole ring, which gives no more rows for ten thousand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, func, literal, select, union_all
from sqlalchemy.engine import Connection

from serving.review.evidence.parts import KINDS
from serving.review.evidence.people import NOW, members, moments
from serving.review.evidence.sights import SEEN_ON
from serving.store.schema import coupons
from serving.store.schema_people import user_links

THINGS = 60
"""Most things that are shown of a case."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A thing and its members; ``of_kind`` things are shared in all, with ``on_kind`` members (some on several)."""

    kind: str
    value: str
    members: int
    first_seen: datetime
    last_seen: datetime
    of_kind: int
    on_kind: int


def shared(connection: Connection, case_id: str, now: datetime, least: int = 2) -> tuple[Shared, ...]:
    """Things that ``least`` members or more were seen on by ``now``, the most shared first, at most ``THINGS``."""
    rows = connection.execute(_SHARED, {"of_case": case_id, "least": least, **moments(now)})
    found = (
        Shared(row.kind, row.value, int(row.members), row.first, row.last, int(row.of_kind), int(row.on_kind))
        for row in rows
    )
    return most_shared(found)


def most_shared(found: Iterable[Shared]) -> tuple[Shared, ...]:
    """The first ``THINGS``: with most members, then those that say most of a person."""
    return tuple(sorted(found, key=lambda t: (-t.members, KINDS.index(t.kind), t.value)))[:THINGS]


def _shared() -> Any:
    touched = []
    for kind in SEEN_ON:
        of, value = members(), coupons.c[kind]
        touched.append(
            select(
                literal(kind).label("kind"), value.label("value"), coupons.c.user_id, coupons.c.claimed_at.label("at")
            )
            .select_from(of.join(coupons, coupons.c.user_id == of.c.user_id))
            .where(value.is_not(None), coupons.c.claimed_at <= NOW)
        )
    of = members()
    touched.append(
        select(user_links.c.kind, user_links.c.value, user_links.c.user_id, user_links.c.first_seen)
        .select_from(of.join(user_links, user_links.c.user_id == of.c.user_id))
        .where(user_links.c.first_seen <= NOW)
    )
    touch = union_all(*touched).subquery()
    thing = (touch.c.kind, touch.c.value)
    counted = (
        select(
            *thing,
            func.count(touch.c.user_id.distinct()).label("members"),
            func.min(touch.c.at).label("first"),
            func.max(touch.c.at).label("last"),
        )
        .group_by(*thing)
        .having(func.count(touch.c.user_id.distinct()) >= bindparam("least", type_=Integer()))
        .subquery()
    )
    ranked = select(
        counted,
        func.count().over(partition_by=counted.c.kind).label("of_kind"),
        func.sum(counted.c.members).over(partition_by=counted.c.kind).label("on_kind"),
        func.row_number()
        .over(partition_by=counted.c.kind, order_by=(counted.c.members.desc(), counted.c.value))
        .label("place"),
    ).subquery()
    return select(ranked).where(ranked.c.place <= THINGS)


_SHARED = _shared()
