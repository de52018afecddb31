"""Coupons in the store: read one with its hold and redemption, and record what happens to it.

``record`` is the only way a coupon changes: it moves the campaign's money, writes the new state where the old one is
still there, and appends the event, all in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from serving.coupons.coupon import HELD, UNUSED, Coupon, Hold, Redemption, apply
from serving.coupons.effects import effect
from serving.coupons.events import (
    Claimed,
    Event,
    Held,
    LineSplit,
    Redeemed,
    Refunded,
    Released,
    RolledBack,
    event_to_data,
)
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.store.faults import fault
from serving.store.limits import add_committed, add_live
from serving.store.rows import insert_new
from serving.store.schema import coupons, holds, order_slots, redemptions
from serving.store.shelf import find_version
from serving.store.unit import StaleError, Transaction, canonical

AnyRow = Row[Any]


def load(tx: Transaction, coupon_id: str) -> Coupon | None:
    """The coupon, locked until the end of the transaction (on SQLite the transaction itself is the lock)."""
    row = tx.connection.execute(select(coupons).where(coupons.c.coupon_id == coupon_id).with_for_update()).one_or_none()
    return None if row is None else _coupon(tx.connection, row)


def wallet(connection: Connection, user_id: str, after: str = "", limit: int = 200) -> list[tuple[Coupon, Template]]:
    """A user's coupons by id, each with the template version under which it was issued."""
    rows = connection.execute(
        select(coupons)
        .where(coupons.c.user_id == user_id, coupons.c.coupon_id > after)
        .order_by(coupons.c.coupon_id)
        .limit(limit)
    ).all()
    found = [_coupon(connection, row) for row in rows]
    return [(coupon, find_version(connection, coupon.template_id, coupon.template_version)) for coupon in found]


def usable_wallet(connection: Connection, user_id: str) -> list[tuple[Coupon, Template]]:
    """The coupons of a user that are not used up or expired."""
    rows = connection.execute(
        select(coupons)
        .where(coupons.c.user_id == user_id, coupons.c.state.in_([UNUSED, HELD]))
        .order_by(coupons.c.coupon_id)
    ).all()
    found = [_coupon(connection, row) for row in rows]
    return [(coupon, find_version(connection, coupon.template_id, coupon.template_version)) for coupon in found]


def find_hold(connection: Connection, hold_id: str) -> AnyRow | None:
    return connection.execute(select(holds).where(holds.c.hold_id == hold_id)).one_or_none()


def find_redemption(connection: Connection, redemption_id: str) -> AnyRow | None:
    return connection.execute(select(redemptions).where(redemptions.c.redemption_id == redemption_id)).one_or_none()


def hold_of_order(connection: Connection, order_id: str) -> AnyRow | None:
    """The hold that occupies the order's one coupon slot."""
    return connection.execute(
        select(holds)
        .join(order_slots, order_slots.c.hold_id == holds.c.hold_id)
        .where(order_slots.c.order_id == order_id)
    ).one_or_none()


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """Coupons to which time has done something: a hold past its deadline or a validity that is over."""
    late = select(holds.c.coupon_id).where(holds.c.state == "open", holds.c.deadline <= now).limit(limit)
    over = select(coupons.c.coupon_id).where(coupons.c.state == UNUSED, coupons.c.valid_until <= now).limit(limit)
    found = [*connection.execute(late).scalars(), *connection.execute(over).scalars()]
    return list(dict.fromkeys(found))[:limit]


def read_hold(row: AnyRow) -> Hold:
    return Hold(row.hold_id, row.order_id, row.deadline, row.discount_cents, row.goods_cents, read_split(row.split))


def read_split(text: str) -> tuple[LineSplit, ...]:
    return tuple(LineSplit(*part) for part in json.loads(text))


def record_all(tx: Transaction, coupon: Coupon, events: Iterable[Event]) -> Coupon | Refuse:
    """Record events one after the other; the first refusal ends it (and the command, which is then undone)."""
    for event in events:
        outcome = record(tx, coupon, event)
        if isinstance(outcome, Refuse):
            return outcome
        coupon = outcome
    return coupon


def record(tx: Transaction, before: Coupon | None, event: Event) -> Coupon | Refuse:
    """Write what ``event`` does; refused when the campaign's money or the order's slot does not allow it."""
    after = apply(before, event)
    refuse = _move_money(tx, before, event, after.campaign_id) or _move_order(tx, before, event)
    if refuse is not None:
        return refuse
    if isinstance(event, Claimed):
        tx.connection.execute(insert(coupons), _new_row(after, event))
    else:
        written = tx.connection.execute(
            update(coupons)
            .where(coupons.c.coupon_id == after.coupon_id, coupons.c.n == after.n - 1)
            .values(_changing(after))
        )
        if written.rowcount != 1:
            raise StaleError(after.coupon_id)
    fault("after_state")
    tx.append(f"coupon:{after.coupon_id}", after.n, event.TAG, event_to_data(event))
    return after


def _move_money(tx: Transaction, before: Coupon | None, event: Event, campaign_id: str | None) -> Refuse | None:
    if campaign_id is None:
        return None
    moved = effect(before, event)
    if moved.committed:
        verdict = add_committed(tx, campaign_id, moved.committed)
        if isinstance(verdict, Refuse):
            return verdict
    if moved.live:
        verdict = add_live(tx, campaign_id, moved.live, capped=moved.capped_live)
        if isinstance(verdict, Refuse):
            return verdict
    return None


def _move_order(tx: Transaction, before: Coupon | None, event: Event) -> Refuse | None:
    """Keep the rows of holds, redemptions and the one coupon slot of an order."""
    connection = tx.connection
    match event:
        case Held():
            if not insert_new(connection, order_slots, {"order_id": event.order_id, "hold_id": event.hold_id}):
                return Refuse("one_coupon_per_order")
            row = {
                "hold_id": event.hold_id,
                "coupon_id": event.coupon_id,
                "order_id": event.order_id,
                "deadline": event.deadline,
                "discount_cents": event.discount_cents,
                "goods_cents": event.goods_cents,
                "split": canonical([astuple(line) for line in event.split]),
                "state": "open",
                "reason": None,
            }
            if not insert_new(connection, holds, row):  # a late payment takes its hold again
                _set_hold(connection, event.hold_id, "released", deadline=event.deadline, state="open", reason=None)
        case Released():
            connection.execute(delete(order_slots).where(order_slots.c.hold_id == event.hold_id))
            _set_hold(connection, event.hold_id, "open", state="released", reason=event.reason)
        case Redeemed() if before is not None and before.hold is not None:
            _set_hold(connection, event.hold_id, "open", state="redeemed")
            redemption = Redemption(event.redemption_id, before.hold, event.at)
            connection.execute(
                insert(redemptions),
                {
                    "redemption_id": event.redemption_id,
                    "hold_id": event.hold_id,
                    "coupon_id": event.coupon_id,
                    "order_id": before.hold.order_id,
                    "redeemed_at": event.at,
                    "discount_cents": before.hold.discount_cents,
                    "paid_cents": redemption.paid_cents,
                    "refunded": "[]",
                    "refunded_cents": 0,
                    "refunded_share_cents": 0,
                    "state": "done",
                    "scene": None,
                },
            )
        case Refunded() if before is not None and before.redemption is not None:
            after = apply(before, event).redemption
            if after is not None:
                _set_redemption(
                    connection,
                    event.redemption_id,
                    refunded=canonical(sorted(after.refunded)),
                    refunded_cents=after.refunded_cents,
                    refunded_share_cents=after.refunded_share_cents,
                )
        case RolledBack() if before is not None and before.redemption is not None:
            connection.execute(delete(order_slots).where(order_slots.c.hold_id == before.redemption.hold.hold_id))
            _set_redemption(connection, event.redemption_id, state="undone", scene=event.scene)
        case _:
            pass  # claims and expiries touch no order
    return None


def _set_hold(connection: Connection, hold_id: str, was: str, **values: Any) -> None:
    written = connection.execute(update(holds).where(holds.c.hold_id == hold_id, holds.c.state == was).values(**values))
    if written.rowcount != 1:
        raise StaleError(hold_id)


def _set_redemption(connection: Connection, redemption_id: str, **values: Any) -> None:
    written = connection.execute(
        update(redemptions)
        .where(redemptions.c.redemption_id == redemption_id, redemptions.c.state == "done")
        .values(**values)
    )
    if written.rowcount != 1:
        raise StaleError(redemption_id)


def _changing(coupon: Coupon) -> dict[str, Any]:
    return {
        "state": coupon.state,
        "hold_id": coupon.hold.hold_id if coupon.hold else None,
        "redemption_id": coupon.redemption.redemption_id if coupon.redemption else None,
        "n": coupon.n,
    }


def _new_row(coupon: Coupon, event: Claimed) -> dict[str, Any]:
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
        "device": event.device,
        "ip": event.ip,
        "address": event.address,
        **_changing(coupon),
    }


def _coupon(connection: Connection, row: AnyRow) -> Coupon:
    hold = find_hold(connection, row.hold_id) if row.hold_id else None
    redemption = find_redemption(connection, row.redemption_id) if row.redemption_id else None
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
        read_hold(hold) if hold is not None else None,
        _redemption(connection, redemption) if redemption is not None else None,
        row.n,
    )


def _redemption(connection: Connection, row: AnyRow) -> Redemption:
    hold = find_hold(connection, row.hold_id)
    if hold is None:
        raise StaleError(row.hold_id)
    return Redemption(
        row.redemption_id,
        read_hold(hold),
        row.redeemed_at,
        frozenset((line, unit) for line, unit in json.loads(row.refunded)),
        row.refunded_cents,
        row.refunded_share_cents,
    )
