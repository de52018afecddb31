"""Cases and the state of the ledger as plain values for a page; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from serving.review.case import OPEN, Case
from serving.review.store import read_case
from serving.store.schema import campaigns, cases, coupons, decisions, order_coupons, orders


@dataclass(frozen=True, slots=True)
class Listed:
    """A case with what its users hold: coupons in all, and cents that could still be or have been taken."""

    case: Case
    coupons: int
    at_risk_cents: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The tiles of the first page; cents of all campaigns together."""

    decisions: int
    fallbacks: int
    issued: int
    live: int
    used: int
    spent_cents: int
    committed_cents: int
    budget_cents: int
    open_cases: int


def open_cases(connection: Connection, limit: int = 50, offset: int = 0) -> list[Listed]:
    """Open cases, the highest score first."""
    rows = connection.execute(
        select(cases)
        .where(cases.c.state == OPEN)
        .order_by(cases.c.score.desc(), cases.c.case_id)
        .limit(limit)
        .offset(offset)
    ).all()
    return [_listed(connection, read_case(row)) for row in rows]


def decided_cases(connection: Connection, limit: int = 10) -> list[Case]:
    """The latest verdicts."""
    rows = connection.execute(
        select(cases).where(cases.c.state != OPEN).order_by(cases.c.decided_at.desc()).limit(limit)
    ).all()
    return [read_case(row) for row in rows]


def totals(connection: Connection) -> Totals:
    issued = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((coupons.c.state.in_(["unused", "held"]), 1), else_=0)), 0),
            func.coalesce(func.sum(case((coupons.c.state == "used", 1), else_=0)), 0),
        ).select_from(coupons)
    ).one()
    money = connection.execute(
        select(
            func.coalesce(func.sum(campaigns.c.committed_cents), 0),
            func.coalesce(func.sum(campaigns.c.budget_cents), 0),
        )
    ).one()
    taken = connection.execute(
        select(func.count(), func.coalesce(func.sum(case((decisions.c.fallback, 1), else_=0)), 0)).select_from(
            decisions
        )
    ).one()
    spent = connection.execute(select(func.coalesce(func.sum(_GIVEN), 0)).select_from(_PAID)).scalar_one()
    waiting = connection.execute(select(func.count()).select_from(cases).where(cases.c.state == OPEN)).scalar_one()
    return Totals(
        int(taken[0]),
        int(taken[1]),
        int(issued[0]),
        int(issued[1]),
        int(issued[2]),
        int(spent),
        int(money[0]),
        int(money[1]),
        int(waiting),
    )


def verdict_rows(connection: Connection) -> list[tuple[str, datetime, str, str, str | None]]:
    """The ``verdicts`` table: (user_id, decided_at, verdict, source, reviewer), one row per user of a decided case."""
    rows = connection.execute(
        select(cases).where(cases.c.state != OPEN).order_by(cases.c.decided_at, cases.c.case_id)
    ).all()
    found: dict[tuple[str, datetime], tuple[str, datetime, str, str, str | None]] = {}
    for row in rows:
        judged = read_case(row)
        for user_id in judged.users:
            # One verdict per user and moment: the later case of the same microsecond stands.
            found[user_id, row.decided_at] = (user_id, row.decided_at, row.verdict, "reviewer", row.decided_by)
    return list(found.values())


# What redeemed orders still give: a coupon of several uses may be in several of them.
_PAID = order_coupons.join(orders, (orders.c.hold_id == order_coupons.c.hold_id) & (orders.c.state == "redeemed"))
_GIVEN = order_coupons.c.discount_cents - order_coupons.c.refunded_share_cents


def _listed(connection: Connection, found: Case) -> Listed:
    live = coupons.c.face_cents * (coupons.c.uses - coupons.c.used)
    count, could = connection.execute(
        select(func.count(), func.coalesce(func.sum(case((coupons.c.state.in_(["unused", "held"]), live), else_=0)), 0))
        .select_from(coupons)
        .where(coupons.c.user_id.in_(found.users))
    ).one()
    taken = connection.execute(
        select(func.coalesce(func.sum(_GIVEN), 0)).select_from(_PAID).where(orders.c.user_id.in_(found.users))
    ).scalar_one()
    return Listed(found, int(count), int(could) + int(taken))
