"""Orders in the store: one row per hold with its frozen receipt, one row per coupon in it, one slot per order.

``record`` writes what happens to an order and to its coupons together; the campaigns' money comes last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from serving.coupons.coupon import Coupon, apply
from serving.coupons.events import (
    CouponEvent,
    Event,
    OrderEvent,
    OrderHeld,
    OrderReleased,
    OrderRolledBack,
    event_to_data,
)
from serving.coupons.order import OPEN, REDEEMED, Order, apply_order
from serving.coupons.orders import Placed
from serving.coupons.receipt import receipt_from_data, receipt_to_data
from serving.coupons.refusals import Refuse
from serving.store import coupons as repository
from serving.store.faults import fault
from serving.store.rows import Prepared, insert_new, insert_rows
from serving.store.schema import order_coupons, order_slots, orders
from serving.store.schema_people import users
from serving.store.unit import StaleError, Transaction, canonical

AnyRow = Row[Any]

_BY_HOLD = Prepared(select(orders).where(orders.c.hold_id == bindparam("id")))
_BY_REDEMPTION = Prepared(select(orders).where(orders.c.redemption_id == bindparam("id")))
_IN_SLOT = Prepared(
    select(orders)
    .join(order_slots, order_slots.c.hold_id == orders.c.hold_id)
    .where(order_slots.c.order_id == bindparam("id"))
)
_LATEST = select(orders).where(orders.c.order_id == bindparam("id")).order_by(orders.c.hold_id.desc()).limit(1)
_TAKE = Prepared(select(orders.c.hold_id).where(orders.c.hold_id == bindparam("id")).with_for_update())
_LEAVE = Prepared(delete(order_slots).where(order_slots.c.hold_id == bindparam("id")))
_PAID = Prepared(
    select(func.count().label("paid"))
    .select_from(orders)
    .where(orders.c.user_id == bindparam("of_user"), orders.c.state == REDEEMED)
)
_TURN = Prepared(select(users.c.user_id).where(users.c.user_id == bindparam("of_user")).with_for_update())
_OPEN = Prepared(
    select(orders).where(
        orders.c.user_id == bindparam("of_user"), orders.c.state == OPEN, orders.c.deadline > bindparam("now")
    )
)
_SHARE = Prepared(
    update(order_coupons)
    .where(order_coupons.c.hold_id == bindparam("of_hold"), order_coupons.c.coupon_id == bindparam("of_coupon"))
    .values(refunded_share_cents=bindparam("share_cents"))
)
_CHANGED = ("deadline", "state", "reason", "redemption_id", "redeemed_at", "late", "refunded", "refunded_cents")
_CHANGING = (*_CHANGED, "refunded_freight_cents", "refunded_shares", "n")
_CHANGE = Prepared(
    update(orders)
    .where(orders.c.hold_id == bindparam("changed_id"), orders.c.n == bindparam("before_n"))
    .values({name: bindparam(name) for name in _CHANGING})
)


def find_order(connection: Connection, hold_id: str) -> Order | None:
    return _read(_BY_HOLD.one(connection, {"id": hold_id}))


def find_redemption(connection: Connection, redemption_id: str) -> Order | None:
    return _read(_BY_REDEMPTION.one(connection, {"id": redemption_id}))


def occupant(connection: Connection, order_id: str) -> Order | None:
    """The hold or redemption that an order has now."""
    return _read(_IN_SLOT.one(connection, {"id": order_id}))


def latest(connection: Connection, order_id: str) -> Order | None:
    """What has happened last under an order id: its occupant, or else the hold that ended last."""
    found = connection.execute(_LATEST, {"id": order_id}).first()
    return occupant(connection, order_id) or _read(found)


def paid_orders(connection: Connection, user_id: str) -> int:
    """Orders of a user that were redeemed here and not undone."""
    return int(_PAID.one(connection, {"of_user": user_id}).paid)


def in_turn(tx: Transaction, user_id: str) -> None:
    """Orders of one user that ask whether they are the first ask one after the other."""
    if tx.connection.dialect.name != "sqlite":
        _TURN.all(tx.connection, {"of_user": user_id})


def open_orders(connection: Connection, user_id: str, now: datetime) -> list[Order]:
    """Orders of a user that wait for their payment."""
    return [order for row in _OPEN.all(connection, {"of_user": user_id, "now": now}) if (order := _read(row))]


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """Holds past their deadline."""
    late = select(orders.c.hold_id).where(orders.c.state == OPEN, orders.c.deadline <= now).limit(limit)
    return connection.execute(late).scalars().all()


def coupon_ids(order: Order) -> list[str]:
    """The coupons of an order as its receipt applied them."""
    return [applied.coupon_id for applied in order.receipt.coupons]


def lock(tx: Transaction, order: Order) -> Placed:
    """The order and its coupons as they are now, locked until the end of the transaction."""
    coupons = repository.load_all(tx, coupon_ids(order))
    return place(tx, order.hold_id, coupons)


def place(tx: Transaction, hold_id: str, coupons: dict[str, Coupon]) -> Placed:
    """The order, locked now, with its coupons, which were locked before it."""
    if tx.connection.dialect.name != "sqlite":
        _TAKE.all(tx.connection, {"id": hold_id})
    order = find_order(tx.connection, hold_id)
    if order is None:
        raise StaleError(hold_id)
    return Placed(order, tuple(coupons[coupon_id] for coupon_id in coupon_ids(order)))


def record(
    tx: Transaction, placed: Placed | None, events: Iterable[Event], coupons: Iterable[Coupon] = ()
) -> Placed | Refuse:
    """Write what happens to an order and its coupons (``coupons`` for one that is not placed yet)."""
    known = {coupon.coupon_id: coupon for coupon in (placed.coupons if placed is not None else coupons)}
    order = placed.order if placed is not None else None
    steps: list[repository.Step] = []
    for event in events:
        if isinstance(event, CouponEvent):
            before = known[event.coupon_id]
            after = apply(before, event)
            known[event.coupon_id] = after
            steps.append((before, event, after))
            repository.write(tx, after, event)
        else:
            written = _write(tx, order, event)
            if isinstance(written, Refuse):
                return written
            order = written
    repository.move_money(tx, steps)
    if order is None:
        raise StaleError("no order")
    return Placed(order, tuple(known[coupon_id] for coupon_id in coupon_ids(order)))


def _write(tx: Transaction, before: Order | None, event: OrderEvent) -> Order | Refuse:
    after = apply_order(before, event)
    connection = tx.connection
    if isinstance(event, OrderHeld):
        if not insert_new(connection, order_slots, {"order_id": after.order_id, "hold_id": after.hold_id}):
            return Refuse("order_taken")
        if before is None:
            insert_rows(connection, orders, [new_row(after)])
            if after.receipt.coupons:
                insert_rows(connection, order_coupons, coupon_rows(after))
    elif isinstance(event, OrderReleased | OrderRolledBack):
        _LEAVE.count(connection, {"id": after.hold_id})
    if before is not None:
        changed = {**changing(after), "changed_id": after.hold_id, "before_n": before.n}
        if _CHANGE.count(connection, changed) != 1:
            raise StaleError(after.hold_id)
        if after.refunded_shares != before.refunded_shares:
            _write_shares(connection, after)
    fault("after_state")
    tx.append(f"order:{after.hold_id}", after.n, event.TAG, event_to_data(event))
    return after


def _write_shares(connection: Connection, order: Order) -> None:
    for row in coupon_rows(order):
        changed = {"of_hold": order.hold_id, "of_coupon": row["coupon_id"], "share_cents": row["refunded_share_cents"]}
        _SHARE.count(connection, changed)


def changing(order: Order) -> dict[str, Any]:
    """The columns that events change."""
    return {
        "deadline": order.deadline,
        "state": order.state,
        "reason": order.reason,
        "redemption_id": order.redemption_id,
        "redeemed_at": order.redeemed_at,
        "late": order.late,
        "refunded": canonical(sorted(list(unit) for unit in order.refunded)),
        "refunded_cents": order.refunded_cents,
        "refunded_freight_cents": order.refunded_freight_cents,
        "refunded_shares": canonical(list(order.refunded_shares)),
        "n": order.n,
    }


def new_row(order: Order) -> dict[str, Any]:
    receipt = order.receipt
    return {
        "hold_id": order.hold_id,
        "order_id": order.order_id,
        "user_id": order.user_id,
        "held_at": order.held_at,
        "goods_cents": receipt.goods_cents,
        "discount_cents": receipt.discount_cents,
        "payable_cents": receipt.payable_cents,
        "receipt": canonical(receipt_to_data(receipt)),
        **changing(order),
    }


def coupon_rows(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "hold_id": order.hold_id,
            "coupon_id": applied.coupon_id,
            "position": position,
            "discount_cents": applied.discount_cents,
            "refunded_share_cents": order.refunded_shares[position] if order.refunded_shares else 0,
        }
        for position, applied in enumerate(order.receipt.coupons)
    ]


def _read(row: AnyRow | None) -> Order | None:
    if row is None:
        return None
    return Order(
        row.hold_id,
        row.order_id,
        row.user_id,
        row.held_at,
        row.deadline,
        receipt_from_data(json.loads(row.receipt)),
        row.state,
        row.reason,
        row.redemption_id,
        row.redeemed_at,
        bool(row.late),
        frozenset((line, unit) for line, unit in json.loads(row.refunded)),
        row.refunded_cents,
        row.refunded_freight_cents,
        tuple(json.loads(row.refunded_shares)),
        row.n,
    )
