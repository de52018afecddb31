"""Coupons in the store: read them with their locks, and record what happens to them.

``record`` is the only way a coupon changes: it moves the campaign's money, writes the new state where the old one is
still there, and appends the event, all in the caller's transaction. Rows are locked in the order coupons (by id) →
orders → order slots → campaigns (by id), so that two commands never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, literal, select, update

from serving.coupons.coupon import HELD, UNUSED, Coupon, Lock, apply
from serving.coupons.effects import Effect, effect
from serving.coupons.events import Claimed, CouponEvent, event_to_data
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Template
from serving.store.faults import fault
from serving.store.limits import add_committed, add_live
from serving.store.rows import Listed, Prepared, insert_rows
from serving.store.schema import coupons, order_coupons, orders
from serving.store.shelf import find_versions
from serving.store.unit import StaleError, Transaction

AnyRow = Row[Any]
Step = tuple[Coupon | None, CouponEvent, Coupon]

# In one statement, so that a coupon and its lock are of one moment.
_WITH_LOCKS = (
    select(coupons, orders.c.order_id, orders.c.deadline, order_coupons.c.discount_cents)
    .outerjoin(orders, orders.c.hold_id == coupons.c.hold_id)
    .outerjoin(
        order_coupons,
        (order_coupons.c.hold_id == coupons.c.hold_id) & (order_coupons.c.coupon_id == coupons.c.coupon_id),
    )
    .order_by(coupons.c.coupon_id)
)
_OF_USER = _WITH_LOCKS.where(coupons.c.user_id == bindparam("of_user"))
_IDS = {"ids": coupons.c.coupon_id.type}
_BY_IDS = Listed(_IDS, lambda lists: _WITH_LOCKS.where(coupons.c.coupon_id.in_(lists["ids"])))
_TAKE = Listed(
    _IDS,
    lambda lists: (
        select(coupons.c.coupon_id)
        .where(coupons.c.coupon_id.in_(lists["ids"]))
        .order_by(coupons.c.coupon_id)
        .with_for_update()
    ),
)
_USABLE = Prepared(_OF_USER.where(coupons.c.state.in_([literal(UNUSED), literal(HELD)])))
_LIVE = Listed(
    {"of_templates": coupons.c.template_id.type},
    lambda lists: select(coupons.c.template_id).where(
        coupons.c.user_id == bindparam("of_user"),
        coupons.c.state.in_([literal(UNUSED), literal(HELD)]),
        coupons.c.template_id.in_(lists["of_templates"]),
    ),
)
_CHANGE = Prepared(
    update(coupons)
    .where(coupons.c.coupon_id == bindparam("changed_id"), coupons.c.n == bindparam("before_n"))
    .values({name: bindparam(name) for name in ("state", "hold_id", "used", "n")})
)


def load(tx: Transaction, coupon_id: str) -> Coupon | None:
    """The coupon, locked until the end of the transaction (on SQLite the transaction itself is the lock)."""
    return load_all(tx, [coupon_id]).get(coupon_id)


def load_all(tx: Transaction, coupon_ids: Iterable[str]) -> dict[str, Coupon]:
    """The coupons that exist, by id, locked in the order of their ids."""
    ids = sorted(set(coupon_ids))
    if not ids:
        return {}
    if tx.connection.dialect.name != "sqlite":
        _TAKE.all(tx.connection, {"ids": ids})
    return find_all(tx.connection, ids)  # a statement of its own: it sees what the lock has waited for


def find_all(connection: Connection, coupon_ids: Iterable[str]) -> dict[str, Coupon]:
    """The coupons that exist, by id, as they are now; nothing keeps them so."""
    ids = sorted(set(coupon_ids))
    rows = _BY_IDS.all(connection, {"ids": ids}) if ids else ()
    return {row.coupon_id: read_coupon(row) for row in rows}


def wallet(connection: Connection, user_id: str, after: str = "", limit: int = 200) -> list[tuple[Coupon, Template]]:
    """A user's coupons by id, each with the template version under which it was issued."""
    query = _OF_USER.where(coupons.c.coupon_id > after).limit(limit)
    return _with_templates(connection, connection.execute(query, {"of_user": user_id}).all())


def usable_wallet(connection: Connection, user_id: str) -> list[tuple[Coupon, Template]]:
    """The coupons of a user that are not used up, expired or revoked."""
    return _with_templates(connection, _USABLE.all(connection, {"of_user": user_id}))


def live_templates(connection: Connection, user_id: str, template_ids: Sequence[str]) -> set[str]:
    """The templates of these of which the user has a coupon that could still be used."""
    if not template_ids:
        return set()
    rows = _LIVE.all(connection, {"of_templates": template_ids}, {"of_user": user_id})
    return {row.template_id for row in rows}


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """Free coupons whose validity is over."""
    over = select(coupons.c.coupon_id).where(coupons.c.state == UNUSED, coupons.c.valid_until <= now).limit(limit)
    return connection.execute(over).scalars().all()


def record_all(tx: Transaction, coupon: Coupon, events: Iterable[CouponEvent]) -> Coupon:
    """Record events of one coupon, one after the other."""
    for event in events:
        coupon = record(tx, coupon, event)
    return coupon


def record(tx: Transaction, before: Coupon | None, event: CouponEvent) -> Coupon:
    """Write what ``event`` does; the command is refused at its end when the campaign's money does not allow it."""
    after = apply(before, event)
    write(tx, after, event)
    move_money(tx, [(before, event, after)])
    return after


def move_money(tx: Transaction, steps: Iterable[Step]) -> None:
    """Move the budget and the liability of every campaign concerned, as the last things that the command does."""
    moved: dict[str, Effect] = {}
    for before, event, after in steps:
        if after.campaign_id is not None:
            had, more = moved.get(after.campaign_id, Effect()), effect(before, event, after)
            capped = had.capped_live or more.capped_live
            moved[after.campaign_id] = Effect(had.committed + more.committed, had.live + more.live, capped)
    for campaign_id, change in moved.items():
        if change.committed or change.live:
            tx.last(("campaigns", campaign_id), partial(_move, tx, campaign_id, change))


def _move(tx: Transaction, campaign_id: str, change: Effect) -> Verdict:
    if change.committed:
        verdict = add_committed(tx, campaign_id, change.committed)
        if isinstance(verdict, Refuse):
            return verdict
    return add_live(tx, campaign_id, change.live, capped=change.capped_live) if change.live else PASS


def write(tx: Transaction, after: Coupon, event: CouponEvent) -> None:
    """The state after ``event``, where the state before it is still there, and the event itself."""
    if isinstance(event, Claimed):
        insert_rows(tx.connection, coupons, [new_row(after, event)])
    else:
        changed = {**changing(after), "changed_id": after.coupon_id, "before_n": after.n - 1}
        if _CHANGE.count(tx.connection, changed) != 1:
            raise StaleError(after.coupon_id)
    fault("after_state")
    tx.append(f"coupon:{after.coupon_id}", after.n, event.TAG, event_to_data(event))


def changing(coupon: Coupon) -> dict[str, Any]:
    """The columns that events change."""
    return {
        "state": coupon.state,
        "hold_id": coupon.hold.hold_id if coupon.hold else None,
        "used": coupon.used,
        "n": coupon.n,
    }


def new_row(coupon: Coupon, event: Claimed) -> dict[str, Any]:
    """The row of a coupon that has just been claimed."""
    return {
        "coupon_id": coupon.coupon_id,
        "user_id": coupon.user_id,
        "template_id": coupon.template_id,
        "template_version": coupon.template_version,
        "campaign_id": coupon.campaign_id,
        "decision_id": coupon.decision_id,
        "face_cents": coupon.face_cents,
        "claimed_at": coupon.claimed_at,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
        "uses": coupon.uses,
        "source": coupon.source,
        "ref": coupon.ref,
        "place": event.place,
        "device": event.device,
        "ip": event.ip,
        "address": event.address,
        **changing(coupon),
    }


def _with_templates(connection: Connection, rows: Sequence[AnyRow]) -> list[tuple[Coupon, Template]]:
    found = [read_coupon(row) for row in rows]
    versions = find_versions(connection, {(coupon.template_id, coupon.template_version) for coupon in found})
    return [(coupon, versions[coupon.template_id, coupon.template_version]) for coupon in found]


def read_coupon(row: AnyRow) -> Coupon:
    return Coupon(
        row.coupon_id,
        row.user_id,
        row.template_id,
        row.template_version,
        row.campaign_id,
        row.decision_id,
        row.face_cents,
        row.claimed_at,
        row.valid_from,
        row.valid_until,
        row.state,
        Lock(row.hold_id, row.order_id, row.deadline, row.discount_cents) if row.state == HELD else None,
        row.uses,
        row.used,
        row.source,
        row.ref,
        row.n,
    )
