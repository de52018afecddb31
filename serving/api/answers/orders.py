"""Orders as the checkout is answered: holds, redemptions, rollbacks and refunds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.api.answers.quotes import MarginWarning, Receipt
from serving.api.answers.words import (
    Asked,
    Cents,
    Count,
    CouponId,
    HoldId,
    Moment,
    OrderId,
    RedemptionId,
    Shown,
    UserId,
    Written,
)


class HeldReceipt(Receipt):
    """An order with its frozen price."""

    hold_id: HoldId
    order_id: OrderId
    held_at: Moment
    deadline: Moment = Field(description="unpaid until then, the order gives its coupons back")
    coupon_ids: list[CouponId] = Field(description="in the order applied")


class Held(HeldReceipt, Asked, Written):
    """A placed order."""

    warnings: list[MarginWarning]


class PaidReceipt(HeldReceipt):
    """An order that was, or may be, paid."""

    redemption_id: RedemptionId | None
    redeemed_at: Moment | None
    late: bool = Field(description="paid after the deadline, while its coupons were free")
    paid_cents: Cents = Field(description="what the customer pays, freight included and points not")


class Redeemed(PaidReceipt, Asked, Written):
    """A paid order: its coupons are used."""

    warnings: list[MarginWarning] = Field([], description="of an order that is paid as it is placed")


class UnitName(Shown):
    """One unit of a line; units count from 1."""

    line_no: int
    unit: Count


class Order(PaidReceipt):
    """The whole of an order: its frozen price and what has happened to it since."""

    user_id: UserId
    state: Literal["open", "released", "redeemed", "undone"]
    reason: str | None = Field(description="why it was undone", examples=["order_cancelled"])
    refunded: list[UnitName]
    refunded_cents: Cents
    refunded_freight_cents: Cents
    left_cents: Cents | None = Field(description="paid and not refunded; null while unpaid")


class UndoneCoupon(Shown):
    """What became of a coupon of an order that was undone."""

    coupon_id: CouponId
    state: Literal["unused", "used", "expired"]
    returned: bool = Field(description="its use came back")


class Undone(Written):
    """An order that was undone, with each of its coupons."""

    hold_id: HoldId
    order_id: OrderId
    redemption_id: RedemptionId | None
    scene: str = Field(examples=["order_cancelled"])
    coupons: list[UndoneCoupon]


class GivenUp(Shown):
    """What a coupon of the order had taken off a unit."""

    coupon_id: CouponId
    share_cents: Cents


class RefundedUnit(Shown):
    """One unit that came back, for what was paid for it."""

    line_no: int
    unit: Count
    refunded_cents: Cents
    points_cents: Cents = Field(description="worth of the points that paid for it")
    coupons: list[GivenUp]


class Refunded(Written):
    """One refund, and what is left of the order."""

    refund_id: str = Field(examples=["rfd_01kqgdbj000000000000000000"])
    redemption_id: RedemptionId
    refunded_cents: Cents = Field(description="by this refund")
    points_cents: Cents
    freight_cents: Cents
    units: list[RefundedUnit]
    refunded_total_cents: Cents = Field(description="by all refunds of the order")
    left_cents: Cents
