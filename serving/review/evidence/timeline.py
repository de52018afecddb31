"""What the members did and what was done to them, in time order: the newest ``LINES`` lines, three statements.

Claims come from the coupons that were read already, holds and redemptions from orders, and what else befell a coupon
from its events. A line never tells more than the ledger knew at its moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, literal, select, union_all

from serving.coupons.events import Expired, Refunded, Restored, Revoked, RolledBack
from serving.review.evidence.parts import WHATS, Member, Moment
from serving.review.evidence.people import NOW, SHOWN, moments
from serving.review.evidence.sights import Claim
from serving.store.schema import cases, coupons, events, flags, order_coupons, orders
from serving.store.schema_people import account_actions

LINES = 500
_COUPONS = 2_000
"""Coupons of which it is asked what befell them, the newest."""
_WHAT = {
    Refunded.TAG: "refund",
    RolledBack.TAG: "rollback",
    Expired.TAG: "expired",
    Revoked.TAG: "revoked",
    Restored.TAG: "restored",
}


def told_lines(
    connection: Connection, members: Mapping[str, Member], claims: Iterable[Claim], now: datetime
) -> list[Moment]:
    """What the ledger tells of the members, in any order; of each source at least one line more than is shown."""
    user_ids = list(members)
    found = [
        Moment(member.registered_at, member.user_id, "registered")
        for member in members.values()
        if member.registered_at is not None and member.registered_at <= now
    ]
    found += [
        Moment(claim.claimed_at, claim.user_id, "claim", claim.coupon_id, claim.template_id, None, claim.face_cents)
        for claim in claims
    ]
    if user_ids:
        given = {"shown": user_ids, **moments(now)}
        found += _paid(connection.execute(_PAID, given))
        found += _befell(connection.execute(_BEFELL, given))
        found += [Moment(row.at, row.user_id, row.what, word=row.word) for row in connection.execute(_JUDGED, given)]
    return found


def cut(found: Iterable[Moment]) -> tuple[tuple[Moment, ...], bool]:
    """The newest ``LINES`` in time order, and whether there were more."""
    lines = sorted(found, key=_order)
    return tuple(lines[-LINES:]), len(lines) > LINES


def _order(line: Moment) -> tuple[datetime, int, str, str]:
    return line.at, WHATS.index(line.what), line.user_id, line.coupon_id or ""


def _paid(rows: Iterable[Any]) -> list[Moment]:
    found = []
    for row in rows:
        about = (row.coupon_id, row.template_id, row.order_id, int(row.discount_cents))
        found.append(Moment(row.held_at, row.user_id, "hold", *about))
        if row.redeemed_at is not None:
            found.append(Moment(row.redeemed_at, row.user_id, "redemption", *about))
    return found


def _befell(rows: Iterable[Any]) -> list[Moment]:
    found = []
    for row in rows:
        data = json.loads(row.data)
        cents = data.get("share_cents", data.get("spent_cents"))
        word = str(data.get("reason", data.get("scene", "")))
        found.append(Moment(row.at, row.user_id, _WHAT[row.kind], row.coupon_id, row.template_id, None, cents, word))
    return found


def _newest(query: Any, at: Any) -> Any:
    """One line more than are shown tells that there are more."""
    return query.order_by(at.desc()).limit(LINES + 1)


_PAID: Any = _newest(
    select(
        orders.c.user_id,
        orders.c.order_id,
        orders.c.held_at,
        orders.c.redeemed_at,
        order_coupons.c.coupon_id,
        order_coupons.c.discount_cents,
        coupons.c.template_id,
    )
    .join(order_coupons, order_coupons.c.hold_id == orders.c.hold_id)
    .join(coupons, coupons.c.coupon_id == order_coupons.c.coupon_id)
    .where(orders.c.user_id.in_(SHOWN), orders.c.held_at <= NOW),
    orders.c.held_at,
)


def _coupon_events() -> Any:
    of = (
        select(coupons.c.coupon_id, coupons.c.user_id, coupons.c.template_id)
        .where(coupons.c.user_id.in_(SHOWN), coupons.c.claimed_at <= NOW)
        .order_by(coupons.c.claimed_at.desc())
        .limit(_COUPONS)
        .subquery()
    )
    query = select(of, events.c.kind, events.c.at, events.c.data).join(
        events, events.c.stream == literal("coupon:") + of.c.coupon_id
    )
    return _newest(query.where(events.c.kind.in_(list(_WHAT)), events.c.at <= NOW), events.c.at)


def _judged() -> Any:
    flagged = select(
        flags.c.user_id, literal("flag").label("what"), flags.c.flagged_at.label("at"), flags.c.action.label("word")
    ).where(flags.c.user_id.in_(SHOWN), flags.c.flagged_at <= NOW)
    decided = (
        select(flags.c.user_id, literal("verdict"), cases.c.decided_at, cases.c.verdict)
        .join(cases, cases.c.case_id == flags.c.case_id)
        .where(flags.c.user_id.in_(SHOWN), cases.c.decided_at <= NOW)
    )
    done = select(
        account_actions.c.user_id, literal("action"), account_actions.c.taken_at, account_actions.c.action
    ).where(account_actions.c.user_id.in_(SHOWN), account_actions.c.taken_at <= NOW)
    every = union_all(flagged, decided, done).subquery()
    return _newest(select(every), every.c.at)


_BEFELL, _JUDGED = _coupon_events(), _judged()
