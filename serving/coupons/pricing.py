"""What a cart costs with coupons: which may be used, which not and why, and the best one (an order takes one coupon).

Quotes, holds and redemptions all come from ``price``, so a quote is the redemption of an unchanged cart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serving.coupons.apportion import apportion
from serving.coupons.cart import Cart
from serving.coupons.coupon import Coupon
from serving.coupons.events import LineSplit
from serving.coupons.refusals import Refuse
from serving.coupons.rules import Use, check
from serving.coupons.template import Template


@dataclass(frozen=True, slots=True)
class Priced:
    """A usable coupon: what it takes off the cart and which line carries how much."""

    coupon: Coupon
    discount_cents: int
    split: tuple[LineSplit, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """All coupons of a wallet against one cart."""

    cart: Cart
    usable: tuple[Priced, ...]
    unusable: tuple[tuple[Coupon, Refuse], ...]

    @property
    def best(self) -> Priced | None:
        """The largest discount; ties go to the coupon that ends first, then to the smaller id."""
        return min(
            self.usable,
            key=lambda priced: (-priced.discount_cents, priced.coupon.valid_until, priced.coupon.coupon_id),
            default=None,
        )

    @property
    def payable_cents(self) -> int:
        """Goods and freight less the best discount."""
        return self.cart.goods_cents + self.cart.freight_cents - (self.best.discount_cents if self.best else 0)


def price(use: Use) -> Priced | Refuse:
    """The discount of one coupon on one cart, never more than the lines can carry above their floors."""
    verdict = check(use)
    if isinstance(verdict, Refuse):
        return verdict
    coupon, template = use.coupon, use.template
    if coupon is None or template is None:
        return Refuse("coupon_unknown")
    lines = use.cart.lines
    weights = [line.price_cents if template.scope.covers(line) else 0 for line in lines]
    capacities = [line.capacity_cents if template.scope.covers(line) else 0 for line in lines]
    discount = min(template.kind.saving(sum(weights)), sum(capacities))
    if discount == 0:
        return Refuse("nothing_to_deduct")
    shares = apportion(discount, weights, capacities)
    split = tuple(
        LineSplit(line.line_no, line.quantity, line.unit_price_cents, share)
        for line, share in zip(lines, shares, strict=True)
    )
    return Priced(coupon, discount, split)


def quote(wallet: Sequence[tuple[Coupon, Template]], user_id: str, cart: Cart, now: datetime) -> Quote:
    usable: list[Priced] = []
    unusable: list[tuple[Coupon, Refuse]] = []
    for coupon, template in wallet:
        answer = price(Use(coupon, template, user_id, cart, now))
        if isinstance(answer, Refuse):
            unusable.append((coupon, answer))
        else:
            usable.append(answer)
    usable.sort(key=lambda priced: (-priced.discount_cents, priced.coupon.valid_until, priced.coupon.coupon_id))
    return Quote(cart, tuple(usable), tuple(unusable))
