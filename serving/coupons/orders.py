"""What an order does to a coupon: hold, redeem, release, roll back, refund. Pure: each returns events or a refusal.

A payment that arrives after the deadline of its hold is honoured when the coupon is still free and valid (the hold is
taken again with its frozen split); it is refused with ``hold_lost`` when another order has the coupon, and with
``hold_expired`` when the coupon's own validity is over. Within the deadline the validity that counts is the one at the
moment of the hold, because that is when the order was placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from serving.coupons.apportion import unit_share
from serving.coupons.coupon import HELD, UNUSED, Coupon, Hold, Redemption
from serving.coupons.events import Event, Expired, Held, Redeemed, Refunded, RefundedUnit, Released, RolledBack
from serving.coupons.pricing import price
from serving.coupons.refusals import Refuse
from serving.coupons.rules import Use
from serving.coupons.template import Template

TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Scene:
    """Why an order is undone, and which coupons come back."""

    all_units_refunded: bool  # True: only after every unit came back; False: only while none did
    all_goods_coupons_only: bool


SCENES = MappingProxyType(
    {
        "order_unpaid": Scene(False, False),
        "order_cancelled": Scene(False, False),
        "refund_before_shipping": Scene(False, False),
        # A category coupon would come back although the goods it was meant to sell did not sell.
        "after_sale_return": Scene(True, True),
    }
)


def free_expired_hold(coupon: Coupon, now: datetime) -> tuple[Event, ...]:
    """A hold past its deadline no longer locks the coupon."""
    if coupon.state == HELD and coupon.hold is not None and now >= coupon.hold.deadline:
        return (Released(coupon.coupon_id, now, coupon.hold.hold_id, TIMEOUT),)
    return ()


def hold(use: Use, hold_id: str, order_id: str, deadline: datetime) -> Held | Refuse:
    """Lock the coupon for an order with the price of now."""
    priced = price(use)
    if isinstance(priced, Refuse):
        return priced
    return Held(
        priced.coupon.coupon_id,
        use.now,
        hold_id,
        order_id,
        deadline,
        priced.discount_cents,
        use.cart.goods_cents,
        priced.split,
    )


def redeem(
    coupon: Coupon, held: Hold, released_because: str | None, redemption_id: str, now: datetime
) -> tuple[Event, ...] | Refuse:
    """Pay the order of a hold; ``released_because`` is the reason if the hold was given back, else None."""
    late = now >= held.deadline
    ours = coupon.state == HELD and coupon.hold is not None and coupon.hold.hold_id == held.hold_id
    if ours:
        if late and now >= coupon.valid_until:
            return Refuse("hold_expired")
        return (Redeemed(coupon.coupon_id, now, held.hold_id, redemption_id, late),)
    if released_because not in (None, TIMEOUT):
        return Refuse("hold_released")
    if coupon.state != UNUSED:
        return Refuse("hold_expired" if coupon.state == "expired" else "hold_lost")
    if now >= coupon.valid_until:
        return Refuse("hold_expired")
    again = Held(
        coupon.coupon_id, now, held.hold_id, held.order_id, now, held.discount_cents, held.goods_cents, held.split
    )
    return (again, Redeemed(coupon.coupon_id, now, held.hold_id, redemption_id, True))


def release(coupon: Coupon, hold_id: str, scene: str, now: datetime) -> tuple[Event, ...]:
    """The order of an open hold is undone before it was paid."""
    released: tuple[Event, ...] = (Released(coupon.coupon_id, now, hold_id, scene),)
    return released + _expired(coupon, now)


def roll_back(
    coupon: Coupon, redemption: Redemption, template: Template, scene: str, now: datetime
) -> tuple[Event, ...] | Refuse:
    """Undo a paid order: the coupon comes back where the scene says so, and expires at once if its time is over."""
    rule = SCENES[scene]
    if rule.all_units_refunded and len(redemption.refunded) < redemption.units:
        return Refuse("not_fully_refunded", redemption.units - len(redemption.refunded), "units")
    if not rule.all_units_refunded and redemption.refunded:
        return Refuse("refunds_started")
    returned = not rule.all_goods_coupons_only or template.scope.of == "all"
    undone: tuple[Event, ...] = (RolledBack(coupon.coupon_id, now, redemption.redemption_id, scene, returned),)
    return undone + (_expired(coupon, now) if returned else ())


def refund(
    redemption: Redemption, coupon_id: str, refund_id: str, units: Sequence[tuple[int, int]], now: datetime
) -> Refunded | Refuse:
    """Return units (line_no, unit number from 1), each for its price less its frozen share, in any order."""
    lines = {line.line_no: line for line in redemption.hold.split}
    returned: list[RefundedUnit] = []
    seen: set[tuple[int, int]] = set()
    for line_no, unit in units:
        line = lines.get(line_no)
        if line is None:
            return Refuse("line_unknown")
        if not 1 <= unit <= line.quantity:
            return Refuse("unit_unknown")
        if (line_no, unit) in redemption.refunded or (line_no, unit) in seen:
            return Refuse("unit_already_refunded")
        seen.add((line_no, unit))
        share = unit_share(line.share_cents, line.quantity, unit)
        returned.append(RefundedUnit(line_no, unit, line.unit_price_cents - share, share))
    return Refunded(coupon_id, now, redemption.redemption_id, refund_id, tuple(returned))


def expire(coupon: Coupon, now: datetime) -> tuple[Event, ...]:
    """What time alone does: holds past their deadline are freed, coupons past their validity end."""
    freed = free_expired_hold(coupon, now)
    if freed or coupon.state == UNUSED:
        return freed + _expired(coupon, now)
    return ()


def _expired(coupon: Coupon, now: datetime) -> tuple[Event, ...]:
    return (Expired(coupon.coupon_id, now),) if now >= coupon.valid_until else ()
