"""What the decisions of a round cost so far, and how often people come: what a price for the rest needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, and_, distinct, func, select, type_coerce

from serving.coupons.template import NONE
from serving.store.engine import reader_engine, require_ledger
from serving.store.schema import coupons, decisions, order_coupons, orders

_DAY = 86_400_000_000  # moments are microseconds
_LIVE = ("unused", "held")


@dataclass(frozen=True, slots=True)
class Taken:
    """One decision: the offer, and what it is to cost in cents: what was redeemed and kept, and what may still be."""

    user_id: str
    offer: str
    cents: float


@dataclass(frozen=True, slots=True)
class Coming:
    """On how many days decisions were taken at all, and on how many of them for each user."""

    days: int
    of_user: dict[str, int]


def taken_between(url: str, since: datetime, now: datetime) -> list[Taken]:
    """Decisions in [since, now) in the order in which they were taken.

    An offer that can still be claimed or used counts with its expected cost; one that ran out counts only what was
    redeemed and not returned, so its money is free again. A coupon of several uses counts what it has cost when that
    is more than was expected.
    """
    kept = (
        select(
            order_coupons.c.coupon_id,
            func.sum(order_coupons.c.discount_cents - order_coupons.c.refunded_share_cents).label("kept_cents"),
        )
        .join(orders, and_(orders.c.hold_id == order_coupons.c.hold_id, orders.c.state == "redeemed"))
        .group_by(order_coupons.c.coupon_id)
        .subquery()
    )
    query = (
        select(decisions, coupons.c.state, coupons.c.valid_until, kept.c.kept_cents)
        .outerjoin(coupons, coupons.c.coupon_id == decisions.c.coupon_id)
        .outerjoin(kept, kept.c.coupon_id == decisions.c.coupon_id)
        .where(decisions.c.decided_at >= since, decisions.c.decided_at < now)
        .order_by(decisions.c.decided_at, decisions.c.decision_id)
    )
    with closing_reader(url) as connection:
        return [Taken(row.user_id, row.offer, _cents(row, now)) for row in connection.execute(query)]


def coming_between(url: str, since: datetime, until: datetime) -> Coming:
    """Days, counted from ``since``, with decisions in [since, until): in all and by user."""
    start = (since - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - naive UTC like every moment
    day = (type_coerce(decisions.c.decided_at, BigInteger) - start) // _DAY
    chosen = and_(decisions.c.decided_at >= since, decisions.c.decided_at < until)
    by_user = select(decisions.c.user_id, func.count(distinct(day))).where(chosen).group_by(decisions.c.user_id)
    with closing_reader(url) as connection:
        of_user = {str(user): int(days) for user, days in connection.execute(by_user)}
        in_all = connection.execute(select(func.count(distinct(day))).where(chosen)).scalar_one()
    return Coming(int(in_all), of_user)


@contextmanager
def closing_reader(url: str) -> Iterator[Connection]:
    """One connection that refuses to write, for a flow that reads a ledger once."""
    require_ledger(url)
    engine = reader_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _cents(row: Row[Any], now: datetime) -> float:
    kept = float(row.kept_cents or 0)
    open_until = row.claim_until if row.coupon_id is None else row.valid_until
    live = row.offer != NONE and now < open_until and (row.coupon_id is None or row.state in _LIVE)
    return max(kept, row.cost_cents or 0.0) if live else kept
