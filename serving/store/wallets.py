"""A user's coupons as the user sees them: pages by visible state, counts, and what ends soon. Reads only.

An unused coupon whose time is over counts as expired before the sweeper has visited it, and one that was taken back
counts as expired too: people see three states (F098).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from serving.coupons.coupon import EXPIRED, HELD, REVOKED, UNUSED, USED, Coupon
from serving.coupons.template import Template
from serving.store.coupons import find_all
from serving.store.cursor import Cursor, Slice
from serving.store.schema import coupons
from serving.store.versions import find_versions

VISIBLE = (UNUSED, USED, EXPIRED)
Card = tuple[Coupon, Template]


def wallet_page(
    connection: Connection, user_id: str, cursor: Cursor, now: datetime, state: str | None = None
) -> Slice[Card]:
    """One page of a wallet by coupon id, all of it or one visible state; an unknown user has none."""
    query = select(coupons.c.coupon_id).where(coupons.c.user_id == user_id)
    if state is not None:
        query = query.where(_visible(now) == state)
    found = cursor.fetch(connection, query, coupons.c.coupon_id)
    return Slice(_cards(connection, [row.coupon_id for row in found.rows]), found.has_more)


def wallet_counts(connection: Connection, user_id: str, now: datetime) -> dict[str, int]:
    """How many coupons of each visible state the user has."""
    state = _visible(now).label("visible")
    rows = connection.execute(select(state, func.count()).where(coupons.c.user_id == user_id).group_by(state))
    return {**dict.fromkeys(VISIBLE, 0), **{row[0]: row[1] for row in rows}}


def ending_soon(connection: Connection, user_id: str, now: datetime, until: datetime, limit: int) -> Sequence[Card]:
    """Unused coupons that end by ``until``, the first to end first (F087)."""
    query = (
        select(coupons.c.coupon_id)
        .where(coupons.c.user_id == user_id, _visible(now) == UNUSED, coupons.c.valid_until <= until)
        .order_by(coupons.c.valid_until, coupons.c.coupon_id)
        .limit(limit)
    )
    return _cards(connection, connection.execute(query).scalars().all())


def _visible(now: datetime) -> ColumnElement[str]:
    over = and_(coupons.c.state == UNUSED, coupons.c.valid_until <= now)
    return case(
        (or_(coupons.c.state.in_([EXPIRED, REVOKED]), over), EXPIRED),
        (coupons.c.state.in_([UNUSED, HELD]), UNUSED),
        else_=USED,
    )


def _cards(connection: Connection, coupon_ids: Sequence[str]) -> list[Card]:
    found = find_all(connection, coupon_ids)
    versions = find_versions(connection, {(c.template_id, c.template_version) for c in found.values()})
    ordered = [found[coupon_id] for coupon_id in coupon_ids if coupon_id in found]
    return [(coupon, versions[coupon.template_id, coupon.template_version]) for coupon in ordered]
