"""What an order does to its coupons: hold, redeem, release, roll back, refund. Pure: each returns events or a refusal.

An order and its coupons change together: all of them are held, all are redeemed, or none. A payment that arrives after
the deadline of its hold is honoured when every coupon is still free and valid (the hold is taken again with its frozen
receipt); it is refused with ``hold_lost`` when another order has one of them, and with ``hold_expired`` when the
validity of one is over. Within the deadline the validity that counts is the one at the moment of the hold, because that
is when the order was placed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from serving.coupons.coupon import EXPIRED, HELD, REVOKED, UNUSED, USED, Coupon
from serving.coupons.events import (
    CouponEvent,
    Event,
    Expired,
    Held,
    OrderHeld,
    OrderRedeemed,
    OrderRefunded,
    OrderReleased,
    OrderRolledBack,
    Redeemed,
    Refunded,
    RefundedUnit,
    Released,
    Restored,
    Revoked,
    RolledBack,
)
from serving.coupons.order import OPEN, REDEEMED, RELEASED, UNDONE, Order
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.rollback import AFTER_REFUNDS, Rollback
from serving.coupons.template import Template

TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order with its coupons, in the order in which the receipt applied them."""

    order: Order
    coupons: tuple[Coupon, ...]


def hold(
    receipt: Receipt, user_id: str, hold_id: str, order_id: str, deadline: datetime, now: datetime
) -> tuple[Event, ...]:
    """Lock every coupon of a priced receipt for an order; an order without coupons is recorded all the same."""
    locks = tuple(
        Held(applied.coupon_id, now, hold_id, order_id, deadline, applied.discount_cents) for applied in receipt.coupons
    )
    return (*locks, OrderHeld(hold_id, now, order_id, user_id, deadline, receipt))


def timed_out(order: Order, now: datetime) -> bool:
    """A hold past its deadline no longer locks anything."""
    return order.state == OPEN and now >= order.deadline


def free(placed: Placed, now: datetime) -> tuple[Event, ...]:
    """Give the coupons of a timed-out hold back."""
    return _released(placed, TIMEOUT, now) if timed_out(placed.order, now) else ()


def release(placed: Placed, scene: str, now: datetime) -> tuple[Event, ...] | Refuse:
    """The order of an open hold is undone before it was paid: every coupon comes back, if it is still valid."""
    if placed.order.state in (REDEEMED, UNDONE):
        return Refuse("already_redeemed")
    if placed.order.state == RELEASED:
        return Refuse("hold_released")
    over = tuple(event for coupon in placed.coupons for event in expired(coupon, now))
    return _released(placed, scene, now) + over


def redeem(placed: Placed, redemption_id: str, now: datetime) -> tuple[Event, ...] | Refuse:
    """The order of a hold is paid."""
    order = placed.order
    if order.state in (REDEEMED, UNDONE):
        return Refuse("already_redeemed")
    late = now >= order.deadline
    refuse = _too_late(placed, now) if late or order.state == RELEASED else None
    if refuse is not None:
        return refuse
    again = hold(order.receipt, order.user_id, order.hold_id, order.order_id, now, now) if order.state != OPEN else ()
    paid = tuple(Redeemed(coupon.coupon_id, now, order.hold_id, redemption_id, late) for coupon in placed.coupons)
    return (*again, *paid, OrderRedeemed(order.hold_id, now, redemption_id, late))


def roll_back(
    placed: Placed, templates: Sequence[Template], scene: str, policy: Rollback, now: datetime
) -> tuple[Event, ...] | Refuse:
    """Undo a paid order; ``policy`` says which coupons come back, and what was not refunded goes back to the budget.

    A coupon of several uses that has ended meanwhile cannot take a use back.
    """
    order = placed.order
    if order.state != REDEEMED or order.redemption_id is None:
        return Refuse("already_rolled_back")
    if scene in AFTER_REFUNDS and len(order.refunded) < order.units:
        return Refuse("not_fully_refunded", order.units - len(order.refunded), "units")
    if scene not in AFTER_REFUNDS and (order.refunded or order.refunded_freight_cents):
        return Refuse("refunds_started")
    events: list[Event] = []
    for index, (coupon, template) in enumerate(zip(placed.coupons, templates, strict=True)):
        returned = policy.returns(scene, template) and coupon.state in (UNUSED, HELD, USED)
        spent = order.spent_cents(index)
        events.append(RolledBack(coupon.coupon_id, now, order.redemption_id, scene, returned, spent))
        if returned and coupon.state != HELD:
            events += expired(coupon, now)
    return (*events, OrderRolledBack(order.hold_id, now, order.redemption_id, scene))


def refund(
    placed: Placed, refund_id: str, units: Sequence[tuple[int, int]], now: datetime, *, freight: bool = False
) -> tuple[Event, ...] | Refuse:
    """Units (line_no, number from 1) come back, each for what was paid for it, in any order; the freight only once."""
    order = placed.order
    if order.state != REDEEMED or order.redemption_id is None:
        return Refuse("already_rolled_back")
    found = _units(order, units)
    if isinstance(found, Refuse):
        return found
    freight_cents = order.receipt.freight_paid_cents if freight else 0
    if freight and (order.refunded_freight_cents or not (found or freight_cents)):
        return Refuse("freight_already_refunded")
    given_up = [sum(unit.shares[index] for unit in found) for index in range(len(placed.coupons))]
    shares = tuple(
        Refunded(coupon.coupon_id, now, order.redemption_id, refund_id, cents)
        for coupon, cents in zip(placed.coupons, given_up, strict=True)
        if cents
    )
    return (*shares, OrderRefunded(order.hold_id, now, order.redemption_id, refund_id, found, freight_cents))


def expire(coupon: Coupon, now: datetime) -> tuple[CouponEvent, ...]:
    """What time alone does to a free coupon."""
    return expired(coupon, now) if coupon.state == UNUSED else ()


def revoke(coupon: Coupon, reason: str, now: datetime) -> tuple[CouponEvent, ...] | Refuse:
    """Take a coupon back from its user; one that an order holds has to be freed first."""
    taken = {HELD: "coupon_held", USED: "coupon_used", EXPIRED: "coupon_expired", REVOKED: "coupon_revoked"}
    if coupon.state in taken:
        return Refuse(taken[coupon.state])
    return (Revoked(coupon.coupon_id, now, reason),)


def restore(coupon: Coupon, reason: str, now: datetime) -> tuple[CouponEvent, ...]:
    """Give a revoked coupon back, as far as its time is not over; nothing happens to any other coupon."""
    if coupon.state != REVOKED:
        return ()
    return (Restored(coupon.coupon_id, now, reason), *expired(coupon, now))


def _released(placed: Placed, reason: str, now: datetime) -> tuple[Event, ...]:
    hold_id = placed.order.hold_id
    freed = tuple(Released(coupon.coupon_id, now, hold_id, reason) for coupon in placed.coupons)
    return (*freed, OrderReleased(hold_id, now, reason))


def _too_late(placed: Placed, now: datetime) -> Refuse | None:
    """Why a payment after the deadline, or after the hold was given back, cannot be honoured."""
    released = placed.order.state == RELEASED
    if released and placed.order.reason != TIMEOUT:
        return Refuse("hold_released")
    for coupon in placed.coupons:
        if released and coupon.state != UNUSED:
            return Refuse({EXPIRED: "hold_expired", REVOKED: "coupon_revoked"}.get(coupon.state, "hold_lost"))
        if now >= coupon.valid_until:
            return Refuse("hold_expired")
    return None


def _units(order: Order, units: Sequence[tuple[int, int]]) -> tuple[RefundedUnit, ...] | Refuse:
    receipt = order.receipt
    lines: Mapping[int, int] = {line.line_no: index for index, line in enumerate(receipt.lines)}
    found: list[RefundedUnit] = []
    seen: set[tuple[int, int]] = set()
    for line_no, unit in units:
        index = lines.get(line_no)
        if index is None:
            return Refuse("line_unknown")
        if not 1 <= unit <= receipt.lines[index].quantity:
            return Refuse("unit_unknown")
        if (line_no, unit) in order.refunded or (line_no, unit) in seen:
            return Refuse("unit_already_refunded")
        seen.add((line_no, unit))
        _, *shares, points = receipt.unit_components(index, unit)
        found.append(RefundedUnit(line_no, unit, receipt.unit_paid_cents(index, unit), points, tuple(shares)))
    return tuple(found)


def expired(coupon: Coupon, now: datetime) -> tuple[CouponEvent, ...]:
    """What follows when a coupon becomes free whose time is over."""
    return (Expired(coupon.coupon_id, now),) if now >= coupon.valid_until else ()
