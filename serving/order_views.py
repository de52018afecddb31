"""How orders look in an answer: the frozen receipt with what has happened to it since."""

from __future__ import annotations

from typing import Any

from serving.coupons.coupon import EXPIRED
from serving.coupons.events import OrderRefunded
from serving.coupons.order import Order
from serving.coupons.orders import Placed
from serving.views import moment, receipt_view, visible_state


def hold_view(order: Order) -> dict[str, Any]:
    """A hold; ``coupon_ids`` are in the order applied."""
    return {
        "hold_id": order.hold_id,
        "order_id": order.order_id,
        "held_at": moment(order.held_at),
        "deadline": moment(order.deadline),
        "coupon_ids": [applied.coupon_id for applied in order.receipt.coupons],
        **receipt_view(order.receipt),
    }


def redemption_view(order: Order) -> dict[str, Any]:
    """A paid order: ``paid_cents`` is what the customer paid, freight included and points not."""
    return {
        **hold_view(order),
        "redemption_id": order.redemption_id,
        "redeemed_at": moment(order.redeemed_at) if order.redeemed_at else None,
        "late": order.late,
        "paid_cents": order.receipt.payable_cents,
    }


def order_view(order: Order) -> dict[str, Any]:
    """The whole of an order: its price, and what was refunded of it."""
    return {
        **redemption_view(order),
        "user_id": order.user_id,
        "state": order.state,
        "reason": order.reason,
        "refunded": [{"line_no": line_no, "unit": unit} for line_no, unit in sorted(order.refunded)],
        "refunded_cents": order.refunded_cents,
        "refunded_freight_cents": order.refunded_freight_cents,
        "left_cents": order.left_cents if order.redemption_id else None,
    }


def undone_view(after: Placed, scene: str, returned: dict[str, bool]) -> dict[str, Any]:
    """What became of each coupon; ``returned`` says whether its use came back."""
    order = after.order
    return {
        "hold_id": order.hold_id,
        "order_id": order.order_id,
        "redemption_id": order.redemption_id,
        "scene": scene,
        "coupons": [
            {
                "coupon_id": coupon.coupon_id,
                "state": visible_state(coupon),
                "returned": returned[coupon.coupon_id] and coupon.state != EXPIRED,
            }
            for coupon in after.coupons
        ],
    }


def refund_view(order: Order, event: OrderRefunded) -> dict[str, Any]:
    """One refund: per unit the money, the worth of its points, and what each coupon of the order gives up."""
    names = [applied.coupon_id for applied in order.receipt.coupons]
    return {
        "refund_id": event.refund_id,
        "redemption_id": event.redemption_id,
        "refunded_cents": event.paid_cents,
        "points_cents": sum(unit.points_cents for unit in event.units),
        "freight_cents": event.freight_cents,
        "units": [
            {
                "line_no": unit.line_no,
                "unit": unit.unit,
                "refunded_cents": unit.paid_cents,
                "points_cents": unit.points_cents,
                "coupons": [
                    {"coupon_id": name, "share_cents": share} for name, share in zip(names, unit.shares, strict=True)
                ],
            }
            for unit in event.units
        ],
        "refunded_total_cents": order.refunded_cents,
        "left_cents": order.left_cents,
    }
