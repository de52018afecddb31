"""What accounts could still take and have taken: cents at risk, asked of the ledger at the moment of asking.

Of a live coupon it is the face for every use that is left; of redeemed orders the discount that was not refunded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, and_, case, func, select, true

from serving.coupons.order import REDEEMED
from serving.store.schema import cases, coupons, flags, order_coupons, orders

_CHUNK = 500
LIVE = coupons.c.state.in_(("unused", "held"))
LEFT = coupons.c.face_cents * (coupons.c.uses - coupons.c.used)
TAKEN = order_coupons.c.discount_cents - order_coupons.c.refunded_share_cents
PAID = order_coupons.join(orders, and_(orders.c.hold_id == order_coupons.c.hold_id, orders.c.state == REDEEMED))


def at_risk(connection: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Cents at risk by user; users who have and had nothing are left out."""
    found: dict[str, int] = {}
    for chunk in _chunks(user_ids):
        live = (
            select(coupons.c.user_id, func.sum(LEFT))
            .where(coupons.c.user_id.in_(chunk), LIVE)
            .group_by(coupons.c.user_id)
        )
        taken = select(orders.c.user_id, func.sum(TAKEN)).select_from(PAID)
        for query in (live, taken.where(orders.c.user_id.in_(chunk)).group_by(orders.c.user_id)):
            for user_id, cents in connection.execute(query):
                found[user_id] = found.get(user_id, 0) + int(cents)
    return found


def at_risk_of_case(connection: Connection, case_id: str) -> int:
    """Cents at risk of all members of one case."""
    return at_risk_by_case(connection, case_ids=(case_id,)).get(case_id, 0)


def at_risk_by_case(
    connection: Connection, state: str | None = None, case_ids: Sequence[str] | None = None
) -> dict[str, int]:
    """Cents at risk of every case in a state, or of some cases, in two statements; those with nothing at risk are left
    out."""
    members = (
        flags if state is None else flags.join(cases, and_(cases.c.case_id == flags.c.case_id, cases.c.state == state))
    )
    some = true() if case_ids is None else flags.c.case_id.in_(case_ids)
    live = (
        # no condition on the state: it would tempt a planner to begin with all live coupons of the shop
        select(flags.c.case_id, func.sum(case((LIVE, LEFT), else_=0)))
        .select_from(members.join(coupons, coupons.c.user_id == flags.c.user_id))
        .where(some)
        .group_by(flags.c.case_id)
    )
    paid = and_(orders.c.user_id == flags.c.user_id, orders.c.state == REDEEMED)
    taken = (
        select(flags.c.case_id, func.sum(TAKEN))
        .select_from(members.join(orders, paid).join(order_coupons, order_coupons.c.hold_id == orders.c.hold_id))
        .where(some)
        .group_by(flags.c.case_id)
    )
    found: dict[str, int] = {}
    for query in (live, taken):
        for case_id, cents in connection.execute(query):
            found[case_id] = found.get(case_id, 0) + int(cents)
    return found


def revocable(connection: Connection, user_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(coupons, cents) that a revocation would take back now, by user; held coupons belong to an order and stay."""
    found: dict[str, tuple[int, int]] = {}
    for chunk in _chunks(user_ids):
        rows = connection.execute(
            select(coupons.c.user_id, func.count(), func.sum(LEFT))
            .where(coupons.c.user_id.in_(chunk), coupons.c.state == "unused")
            .group_by(coupons.c.user_id)
        )
        found |= {user_id: (int(count), int(cents)) for user_id, count, cents in rows}
    return found


def _chunks(user_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Lists that both databases take in one statement."""
    for start in range(0, len(user_ids), _CHUNK):
        yield user_ids[start : start + _CHUNK]
