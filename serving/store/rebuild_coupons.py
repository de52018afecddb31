"""Coupons, their orders and the money of campaigns, derived anew from the events with the functions that wrote them."""

from __future__ import annotations

from datetime import tzinfo

from serving.coupons.coupon import Coupon, apply
from serving.coupons.effects import effect
from serving.coupons.events import (
    COUPON_EVENTS,
    ORDER_EVENTS,
    Claimed,
    CouponEvent,
    OrderEvent,
    OrderHeld,
    OrderReleased,
    OrderRolledBack,
    event_from_data,
)
from serving.coupons.order import Order, apply_order
from serving.store import orders as order_store
from serving.store.coupons import changing, new_row
from serving.store.rebuild import EventRow, Rows
from serving.store.schema import coupons, order_coupons, order_slots, orders


class Coupons:
    """Rebuilds ``coupons``; adds what they move to ``campaigns``, and to ``decisions`` the coupon that each gave."""

    tables = (coupons,)
    kinds = tuple(COUPON_EVENTS)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """The zone of the shop says nothing about a coupon; every rebuilder is made with it."""
        self._coupons: dict[str, Coupon] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        event = event_from_data(row.kind, row.data)
        if not isinstance(event, CouponEvent):
            raise TypeError(row.kind)
        before = self._coupons.get(event.coupon_id)
        after = apply(before, event)
        if after.n != row.n:
            raise ValueError(f"event {row.n} of {event.coupon_id} stands where event {after.n} belongs")
        self._coupons[event.coupon_id] = after
        if after.campaign_id is not None:
            moved = effect(before, event, after)
            campaign = rows["campaigns"][after.campaign_id,]
            campaign["committed_cents"] += moved.committed
            campaign["live_cents"] += moved.live
        if isinstance(event, Claimed):
            rows["coupons"][event.coupon_id,] = new_row(after, event)
            if event.decision_id is not None:
                rows["decisions"][event.decision_id,]["coupon_id"] = event.coupon_id
        else:
            rows["coupons"][event.coupon_id,].update(changing(after))


class Orders:
    """Rebuilds ``orders``, ``order_coupons`` and ``order_slots``."""

    tables = (orders, order_coupons, order_slots)
    kinds = tuple(ORDER_EVENTS)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """The zone of the shop says nothing about an order; every rebuilder is made with it."""
        self._orders: dict[str, Order] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        event = event_from_data(row.kind, row.data)
        if not isinstance(event, OrderEvent):
            raise TypeError(row.kind)
        after = apply_order(self._orders.get(event.hold_id), event)
        if after.n != row.n:
            raise ValueError(f"event {row.n} of {event.hold_id} stands where event {after.n} belongs")
        self._orders[event.hold_id] = after
        slot = {"order_id": after.order_id, "hold_id": after.hold_id}
        if isinstance(event, OrderHeld):
            if rows["order_slots"].setdefault((after.order_id,), slot) != slot:
                raise ValueError(f"{event.hold_id} holds order {after.order_id}, which another hold has")
        elif isinstance(event, OrderReleased | OrderRolledBack):
            del rows["order_slots"][after.order_id,]
        rows["orders"][after.hold_id,] = order_store.new_row(after)
        for coupon_row in order_store.coupon_rows(after):
            rows["order_coupons"][after.hold_id, coupon_row["coupon_id"]] = coupon_row
