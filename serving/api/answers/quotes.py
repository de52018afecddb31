"""Prices as the checkout is answered: totals, receipts down to the unit, and the quote of a wallet."""

from __future__ import annotations

from pydantic import Field

from serving.api.answers.deductions import Units
from serving.api.answers.words import Cents, Count, CouponId, Moment, Reason, Shown, TemplateId, Texts


class Totals(Shown):
    """Payable = goods + freight − discount; discount = activities + coupons + points."""

    goods_cents: Cents
    freight_cents: Cents
    activity_cents: Cents
    coupon_cents: Cents
    points_cents: Cents = Field(description="what the points are worth that pay")
    discount_cents: Cents
    payable_cents: Cents


class PricedLine(Shown):
    """One line, with what each of its units costs the customer."""

    line_no: int
    sku: str = Field(examples=["sneaker-42"])
    quantity: Count
    unit_price_cents: Cents
    price_cents: Cents
    activity_cents: Cents
    coupon_cents: Cents
    points_cents: Cents
    paid_cents: Cents
    unit_paid_cents: list[int] = Field(description="one for each unit; they sum to paid_cents")


class BorneCents(Shown):
    """Who pays the share of a line; a coupon without a split has none of the three."""

    platform: Cents = 0
    merchant: Cents = 0
    supplier: Cents = 0


class AppliedLine(Shown):
    """What a coupon takes off one line."""

    line_no: int
    share_cents: Cents
    unit_share_cents: list[int] = Field(description="one for each unit; they sum to share_cents")
    borne: BorneCents


class AppliedCoupon(Shown):
    """One coupon of an order and all that it does."""

    coupon_id: CouponId
    template_id: TemplateId
    template_version: Count
    kind: str = Field(examples=["threshold_cut"])
    discount_cents: Cents
    freight_cents: Cents = Field(description="the part that comes off the freight")
    lines: list[AppliedLine] = Field(description="lines that it takes nothing off are left out")
    gifts: list[Units]
    points: Count = Field(description="points given back once the order is paid")
    red_packet_cents: Cents = Field(description="money given back once the order is paid")


class Receipt(Totals):
    """A price with its parts; ``coupons`` are in the order applied."""

    freight_paid_cents: Cents
    points: Count = Field(description="points that pay")
    lines: list[PricedLine]
    coupons: list[AppliedCoupon]


class BestSet(Receipt):
    """The best combination of coupons for a cart."""

    coupon_ids: list[CouponId] = Field(description="in the order applied")
    saving_cents: Cents
    bound_cents: Cents = Field(description="no combination saves more than this")
    exact: bool = Field(description="true: nothing better exists")


class QuotedCoupon(Shown):
    """A coupon of the wallet, or an automatic one, named ``auto:<template_id>``."""

    coupon_id: CouponId
    template_id: TemplateId
    name: str
    kind: str = Field(examples=["threshold_cut"])
    condition: Texts
    valid_until: Moment


class UsableCoupon(QuotedCoupon):
    """A coupon that may be used for this cart, and what it saves alone."""

    saving_cents: Cents


class UnusableCoupon(QuotedCoupon, Reason):
    """A coupon that may not be used for this cart, and why not."""


class MarginWarning(Shown):
    """A line that is sold with too thin a margin, or below cost."""

    line_no: int
    detail: str
    detail_zh: str


class Quote(Totals):
    """Every coupon against one cart; the totals are those of ``best``, or without coupons when it is null."""

    best: BestSet | None
    usable: list[UsableCoupon]
    unusable: list[UnusableCoupon]
    warnings: list[MarginWarning]
