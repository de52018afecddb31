"""The frozen price of an order: what each coupon took off which line, down to the unit; refunds follow it for ever.

Every line has components that took something off it, in this order: the shop's activities, the coupons in the order
applied, the points. A component's share of a line goes to its units round robin, going on where the component before
it stopped: so the shares of each component sum up, and no unit is ever taken below its floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from serving.coupons.money import InvalidError

BEARERS = ("platform", "merchant", "supplier")


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line as bought; ``activity_cents`` and ``points_cents`` are its shares of activities and points."""

    line_no: int
    sku: str
    quantity: int
    unit_price_cents: int
    activity_cents: int = 0
    points_cents: int = 0
    merchant_id: str | None = None
    supplier_id: str | None = None

    @property
    def price_cents(self) -> int:
        return self.quantity * self.unit_price_cents


@dataclass(frozen=True, slots=True)
class Applied:
    """One coupon of the order: ``shares`` per line in line order, ``freight_cents`` off the freight.

    ``borne`` says per line who pays the share: cents of platform, merchant and supplier (F123, F150); what a coupon
    takes off the freight is borne by the platform.
    """

    coupon_id: str
    template_id: str
    template_version: int
    kind: str
    shares: tuple[int, ...]
    freight_cents: int = 0
    borne: tuple[tuple[int, int, int], ...] = ()
    gifts: tuple[tuple[str, int], ...] = ()
    points: int = 0
    red_packet_cents: int = 0

    @property
    def goods_cents(self) -> int:
        return sum(self.shares)

    @property
    def discount_cents(self) -> int:
        return self.goods_cents + self.freight_cents


@dataclass(frozen=True, slots=True)
class Receipt:
    """Lines, and the coupons in the order in which they were applied."""

    lines: tuple[ReceiptLine, ...]
    coupons: tuple[Applied, ...] = ()
    freight_cents: int = 0
    points: int = 0

    @property
    def goods_cents(self) -> int:
        return sum(line.price_cents for line in self.lines)

    @property
    def activity_cents(self) -> int:
        return sum(line.activity_cents for line in self.lines)

    @property
    def coupon_cents(self) -> int:
        return sum(coupon.discount_cents for coupon in self.coupons)

    @property
    def points_cents(self) -> int:
        return sum(line.points_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        """Activities, coupons and points together (F113)."""
        return self.activity_cents + self.coupon_cents + self.points_cents

    @property
    def freight_paid_cents(self) -> int:
        return self.freight_cents - sum(coupon.freight_cents for coupon in self.coupons)

    @property
    def payable_cents(self) -> int:
        """Goods plus freight less every discount (F112)."""
        return self.goods_cents + self.freight_cents - self.discount_cents

    def components(self, index: int) -> tuple[int, ...]:
        """Shares of one line in the order of the components: activities, each coupon, points."""
        line = self.lines[index]
        return (line.activity_cents, *(coupon.shares[index] for coupon in self.coupons), line.points_cents)

    def unit_components(self, index: int, unit: int) -> tuple[int, ...]:
        """The same shares for unit number ``unit`` (from 1) of the line."""
        quantity = self.lines[index].quantity
        if not 1 <= unit <= quantity:
            raise InvalidError("unit", unit, f"from 1 to {quantity}")
        found: list[int] = []
        before = 0
        for share in self.components(index):
            found.append(_dealt(before + share, quantity, unit) - _dealt(before, quantity, unit))
            before += share
        return tuple(found)

    def unit_paid_cents(self, index: int, unit: int) -> int:
        """What the customer paid for one unit."""
        return self.lines[index].unit_price_cents - sum(self.unit_components(index, unit))

    def line_paid_cents(self, index: int) -> int:
        return self.lines[index].price_cents - sum(self.components(index))


def _dealt(cents: int, quantity: int, unit: int) -> int:
    """What ``unit`` has after ``cents`` were dealt out one by one.

    >>> [_dealt(16, 3, unit) for unit in (1, 2, 3)]
    [6, 5, 5]
    """
    whole, odd = divmod(cents, quantity)
    return whole + (1 if unit <= odd else 0)


def receipt_to_data(receipt: Receipt) -> dict[str, Any]:
    """The same as ``dataclasses.asdict``, which copies every number and takes ten times as long."""
    return {
        "lines": tuple(_data(line) for line in receipt.lines),
        "coupons": tuple(_data(coupon) for coupon in receipt.coupons),
        "freight_cents": receipt.freight_cents,
        "points": receipt.points,
    }


def _data(value: ReceiptLine | Applied) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def receipt_from_data(data: Mapping[str, Any]) -> Receipt:
    lines = tuple(ReceiptLine(**line) for line in data["lines"])
    coupons = tuple(
        Applied(
            **{
                **coupon,
                "shares": tuple(coupon["shares"]),
                "borne": tuple((part[0], part[1], part[2]) for part in coupon["borne"]),
                "gifts": tuple((gift[0], gift[1]) for gift in coupon["gifts"]),
            }
        )
        for coupon in data["coupons"]
    )
    return Receipt(lines, coupons, data["freight_cents"], data["points"])
