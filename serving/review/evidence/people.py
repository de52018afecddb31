"""Who is in a case: figures of its first members one by one, and of all of them together, in the ledger's own words.

An account has *orders of its own* when the shop counts more orders of it than it paid with coupons here; it was
*old* when it had been registered for thirty days at its first claim, and is *cleared* when a person let it go before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
)

from serving.coupons.order import REDEEMED
from serving.review.evidence.parts import Member
from serving.store.schema import coupons, flags, order_coupons, orders
from serving.store.schema_people import users

OLD = timedelta(days=30)
_MICROSECOND = timedelta(microseconds=1)
LIVE = ("unused", "held")
LEFT = coupons.c.face_cents * (coupons.c.uses - coupons.c.used)
"""What a coupon that can still be used could take off."""

OF_CASE = bindparam("of_case", type_=flags.c.case_id.type)
NOW = bindparam("now", type_=coupons.c.claimed_at.type)
BEFORE = bindparam("before", type_=coupons.c.claimed_at.type)
SHOWN: Any = bindparam("shown", expanding=True, type_=flags.c.user_id.type)


@dataclass(frozen=True, slots=True)
class Whole:
    """Figures of all members together, with what they claimed and paid by the moment that was asked about.

    ``template_id`` is one of the ``templates`` they claimed, ``template_version`` the newest version of any;
    ``housed`` members named ``addresses``.
    """

    accounts: int
    old: int
    ordering: int
    cleared: int
    coupons: int
    unused_cents: int
    redeemed_cents: int
    refunded_cents: int
    first: datetime | None
    last: datetime | None
    templates: int
    template_id: str | None
    template_version: int | None
    addresses: int
    housed: int


def moments(now: datetime) -> dict[str, Any]:
    """The parameters of time that the statements share."""
    return {"now": now, "before": now - OLD}


def whole(connection: Connection, case_id: str, now: datetime) -> Whole:
    """Everybody in the case, beyond what a page shows: three statements, exact."""
    given = {"of_case": case_id, **moments(now)}
    people = connection.execute(_PEOPLE, given).one()
    claims = connection.execute(_CLAIMS, given).one()
    paid = connection.execute(_PAID, given).one()
    return Whole(
        int(people.accounts),
        int(people.old),
        int(people.ordering),
        int(people.cleared),
        int(claims.coupons),
        int(claims.unused),
        int(paid.taken),
        int(paid.back),
        claims.first,
        claims.last,
        int(claims.templates),
        claims.template_id,
        claims.template_version,
        int(claims.addresses),
        int(claims.housed),
    )


def shown_members(connection: Connection, case_id: str, user_ids: Sequence[str], now: datetime) -> Mapping[str, Member]:
    """Members by id, without score, action and reasons, which are the case's to tell; one statement."""
    if not user_ids:
        return {}
    given = {"of_case": case_id, "shown": list(user_ids), **moments(now)}
    return {
        row.user_id: Member(
            row.user_id,
            0.0,
            "",
            row.standing,
            row.registered_at,
            max(int(row.orders), int(row.paid)),
            int(row.coupons),
            int(row.unused) + int(row.taken) - int(row.back),
        )
        for row in connection.execute(_SHOWN, given)
    }


def total(condition: ColumnElement[bool], value: Any = 1) -> ColumnElement[int]:
    """SQL: the sum of a value over the rows where something holds; 0 where there are none."""
    return cast(func.coalesce(func.sum(case((condition, value), else_=0)), 0), BigInteger)


def members() -> Subquery:
    """SQL: the ids of everybody in the case."""
    return select(flags.c.user_id).where(flags.c.case_id == OF_CASE).subquery("members")


def _whole_number(value: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.coalesce(value, 0), BigInteger)


def _people() -> Any:
    """Facts of each member are asked by its id: a join would let a planner read all orders of the shop."""
    of, earlier = members(), flags.alias()
    paid = (
        select(func.count())
        .where(orders.c.user_id == of.c.user_id, orders.c.state == REDEEMED, orders.c.redeemed_at <= NOW)
        .scalar_subquery()
    )
    first = (
        select(func.min(coupons.c.claimed_at))
        .where(coupons.c.user_id == of.c.user_id, coupons.c.claimed_at <= NOW)
        .scalar_subquery()
    )
    let_go = (
        select(earlier.c.user_id)
        .where(
            earlier.c.user_id == of.c.user_id,
            earlier.c.case_id != OF_CASE,
            earlier.c.standing == "allow",
            earlier.c.flagged_at <= NOW,
        )
        .exists()
    )
    age = type_coerce(first, BigInteger) - type_coerce(users.c.registered_at, BigInteger)
    return select(
        func.count().label("accounts"),
        total(age >= literal(OLD // _MICROSECOND, BigInteger)).label("old"),
        total(and_(users.c.orders > 0, users.c.orders > paid)).label("ordering"),
        total(let_go).label("cleared"),
    ).select_from(of.outerjoin(users, users.c.user_id == of.c.user_id))


def _claims() -> Any:
    of = members()
    return (
        select(
            func.count().label("coupons"),
            total(coupons.c.state.in_(LIVE), LEFT).label("unused"),
            func.min(coupons.c.claimed_at).label("first"),
            func.max(coupons.c.claimed_at).label("last"),
            func.count(coupons.c.template_id.distinct()).label("templates"),
            func.max(coupons.c.template_id).label("template_id"),
            func.max(coupons.c.template_version).label("template_version"),
            func.count(coupons.c.address.distinct()).label("addresses"),
            func.count(case((coupons.c.address.is_not(None), coupons.c.user_id)).distinct()).label("housed"),
        )
        .select_from(of.join(coupons, coupons.c.user_id == of.c.user_id))
        .where(coupons.c.claimed_at <= NOW)
    )


def _paid() -> Any:
    of = members()
    stands = and_(orders.c.state == REDEEMED, orders.c.redeemed_at <= NOW)
    return select(
        total(stands, order_coupons.c.discount_cents).label("taken"),
        total(stands, order_coupons.c.refunded_share_cents).label("back"),
    ).select_from(
        of.join(orders, orders.c.user_id == of.c.user_id).join(
            order_coupons, order_coupons.c.hold_id == orders.c.hold_id
        )
    )


def _shown() -> Any:
    claimed = (
        select(
            coupons.c.user_id,
            func.count().label("coupons"),
            total(coupons.c.state.in_(LIVE), LEFT).label("unused"),
        )
        .where(coupons.c.user_id.in_(SHOWN), coupons.c.claimed_at <= NOW)
        .group_by(coupons.c.user_id)
        .subquery()
    )
    paid = (
        select(
            orders.c.user_id,
            func.count(orders.c.hold_id.distinct()).label("paid"),
            _whole_number(func.sum(order_coupons.c.discount_cents)).label("taken"),
            _whole_number(func.sum(order_coupons.c.refunded_share_cents)).label("back"),
        )
        .outerjoin(order_coupons, order_coupons.c.hold_id == orders.c.hold_id)
        .where(orders.c.user_id.in_(SHOWN), orders.c.state == REDEEMED, orders.c.redeemed_at <= NOW)
        .group_by(orders.c.user_id)
        .subquery()
    )
    number = _whole_number
    return (
        select(
            flags.c.user_id,
            flags.c.standing,
            users.c.registered_at,
            number(users.c.orders).label("orders"),
            number(claimed.c.coupons).label("coupons"),
            number(claimed.c.unused).label("unused"),
            number(paid.c.paid).label("paid"),
            number(paid.c.taken).label("taken"),
            number(paid.c.back).label("back"),
        )
        .select_from(
            flags.outerjoin(users, users.c.user_id == flags.c.user_id)
            .outerjoin(claimed, claimed.c.user_id == flags.c.user_id)
            .outerjoin(paid, paid.c.user_id == flags.c.user_id)
        )
        .where(flags.c.case_id == OF_CASE, flags.c.user_id.in_(SHOWN))
    )


_PEOPLE, _CLAIMS, _PAID, _SHOWN = _people(), _claims(), _paid(), _shown()
