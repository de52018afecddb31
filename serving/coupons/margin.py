"""The margin guard: what a line must still earn after coupons (F053)."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.cart import Cart, Line
from serving.coupons.money import InvalidError, check_int
from serving.coupons.receipt import Receipt

MODES = ("warn", "refuse", "floor")


@dataclass(frozen=True, slots=True)
class Margin:
    """A line with a known cost should earn ``least_percent`` % of what is paid for it after activities and coupons.

    ``warn`` tells, ``refuse`` refuses a coupon that would take a line below, ``floor`` lets it take only what leaves
    the margin. Lines that a coupon takes nothing from are the shop's own price and never named.
    """

    least_percent: int = 10
    mode: str = "warn"

    def __post_init__(self) -> None:
        check_int("margin.least_percent", self.least_percent, 0, 99)
        if self.mode not in MODES:
            raise InvalidError("margin.mode", self.mode, f"one of: {', '.join(MODES)}")

    def unit_least_cents(self, line: Line) -> int:
        """The least that a unit may be sold for to keep the margin: cost / (1 - x), rounded up; 0 without a cost.

        >>> Margin(10).unit_least_cents(Line(1, "a", "x", 1, 10000, unit_cost_cents=8000))
        8889
        """
        if line.unit_cost_cents is None:
            return 0
        return -(-line.unit_cost_cents * 100 // (100 - self.least_percent))


@dataclass(frozen=True, slots=True)
class Thin:
    """A warning: line ``line_no`` earns ``basis_points`` / 100 % after coupons (None: it is given away)."""

    line_no: int
    basis_points: int | None
    least_percent: int

    def text(self, language: str = "en") -> str:
        """The sentence for a reader of ``en`` or ``zh``.

        >>> Thin(1, 588, 10).text()
        'Line 1 earns 5.9 % after coupons, less than 10 %.'
        """
        rate = "-100" if self.basis_points is None else f"{self.basis_points / 100:.1f}"
        if language == "zh":
            return f"第 {self.line_no} 行券后利润率 {rate} %，低于 {self.least_percent} %。"
        return f"Line {self.line_no} earns {rate} % after coupons, less than {self.least_percent} %."


def thin_lines(receipt: Receipt, cart: Cart, margin: Margin) -> tuple[Thin, ...]:
    """Lines from which a coupon took too much; points are a way to pay and lower no margin."""
    found: list[Thin] = []
    for index, line in enumerate(cart.lines):
        taken = sum(coupon.shares[index] for coupon in receipt.coupons)
        if not taken or line.unit_cost_cents is None:
            continue
        paid = line.price_cents - receipt.lines[index].activity_cents - taken
        if paid < margin.unit_least_cents(line) * line.quantity:
            earned = paid - line.unit_cost_cents * line.quantity
            found.append(Thin(line.line_no, earned * 10_000 // paid if paid else None, margin.least_percent))
    return tuple(found)
