"""The life of one order with coupons: open (held) → redeemed, or released; redeemed → refunded in parts, or undone.

One order holds all its coupons under one ``hold_id`` and is redeemed under one ``redemption_id``; its receipt is
frozen when it is held. ``apply_order`` is the only way it changes, in the store and when the ledger is rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from serving.coupons.coupon import ImpossibleError
from serving.coupons.events import (
    OrderEvent,
    OrderHeld,
    OrderRedeemed,
    OrderRefunded,
    OrderReleased,
    OrderRolledBack,
)
from serving.coupons.receipt import Receipt

OPEN, RELEASED, REDEEMED, UNDONE = "open", "released", "redeemed", "undone"


@dataclass(frozen=True, slots=True)
class Order:
    """The state after ``n`` events; ``refunded`` are (line_no, unit) pairs that went back.

    ``refunded_cents`` is money given back (freight included), ``refunded_shares`` what each coupon of the receipt no
    longer gives, in the receipt's order.
    """

    hold_id: str
    order_id: str
    user_id: str
    held_at: datetime
    deadline: datetime
    receipt: Receipt
    state: str = OPEN
    reason: str | None = None
    redemption_id: str | None = None
    redeemed_at: datetime | None = None
    late: bool = False
    refunded: frozenset[tuple[int, int]] = frozenset()
    refunded_cents: int = 0
    refunded_freight_cents: int = 0
    refunded_shares: tuple[int, ...] = ()
    n: int = 1

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.receipt.lines)

    @property
    def left_cents(self) -> int:
        """What the customer has paid and not got back."""
        return self.receipt.payable_cents - self.refunded_cents

    def spent_cents(self, index: int) -> int:
        """The part of coupon number ``index``'s discount that is still given."""
        given_up = self.refunded_shares[index] if self.refunded_shares else 0
        return self.receipt.coupons[index].discount_cents - given_up


def apply_order(order: Order | None, event: OrderEvent) -> Order:
    """The state after ``event``; a timed-out order may be held again under its own id when a late payment arrives."""
    if isinstance(event, OrderHeld):
        if order is not None and (order.state != RELEASED or order.receipt != event.receipt):
            raise ImpossibleError(f"{event.TAG} of {event.hold_id}, which is {order.state}")
        fresh = Order(event.hold_id, event.order_id, event.user_id, event.at, event.deadline, event.receipt)
        return fresh if order is None else replace(fresh, held_at=order.held_at, n=order.n + 1)
    if order is None:
        raise ImpossibleError(f"{event.TAG} of {event.hold_id}, which was never held")
    return replace(_changed(order, event), n=order.n + 1)


def _changed(order: Order, event: OrderEvent) -> Order:
    match event:
        case OrderReleased() if order.state == OPEN:
            return replace(order, state=RELEASED, reason=event.reason)
        case OrderRedeemed() if order.state == OPEN:
            return replace(
                order, state=REDEEMED, redemption_id=event.redemption_id, redeemed_at=event.at, late=event.late
            )
        case OrderRefunded() if order.state == REDEEMED and order.redemption_id == event.redemption_id:
            return _refunded(order, event)
        case OrderRolledBack() if order.state == REDEEMED and order.redemption_id == event.redemption_id:
            return replace(order, state=UNDONE, reason=event.scene)
        case _:
            raise ImpossibleError(f"{event.TAG} of {order.hold_id}, which is {order.state}")


def _refunded(order: Order, event: OrderRefunded) -> Order:
    units = frozenset((unit.line_no, unit.unit) for unit in event.units)
    if len(units) != len(event.units) or units & order.refunded:
        raise ImpossibleError(f"{event.TAG} of {order.hold_id} repeats a unit")
    before = order.refunded_shares or (0,) * len(order.receipt.coupons)
    shares = tuple(had + sum(unit.shares[i] for unit in event.units) for i, had in enumerate(before))
    return replace(
        order,
        refunded=order.refunded | units,
        refunded_cents=order.refunded_cents + event.paid_cents,
        refunded_freight_cents=order.refunded_freight_cents + event.freight_cents,
        refunded_shares=shares,
    )
