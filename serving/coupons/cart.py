"""What is bought: lines of equal units, each with a price and a floor below which no coupon may take it."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.money import MAX_CENTS, InvalidError, check_cents, check_int

MAX_LINES = 200
MAX_UNITS = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """``quantity`` units of one SKU at ``unit_price_cents`` each; ``unit_floor_cents`` is the least a unit may cost."""

    line_no: int
    sku: str
    category: str
    quantity: int
    unit_price_cents: int
    unit_floor_cents: int = 0

    def __post_init__(self) -> None:
        check_int("line_no", self.line_no, 1, 1_000_000)
        check_int("quantity", self.quantity, 1, MAX_UNITS)
        check_cents("unit_price_cents", self.unit_price_cents)
        check_cents("unit_floor_cents", self.unit_floor_cents)
        if self.unit_floor_cents > self.unit_price_cents:
            raise InvalidError("unit_floor_cents", self.unit_floor_cents, "at most unit_price_cents")

    @property
    def price_cents(self) -> int:
        return self.quantity * self.unit_price_cents

    @property
    def capacity_cents(self) -> int:
        """The most that coupons may take off this line."""
        return self.quantity * (self.unit_price_cents - self.unit_floor_cents)


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the order of the shop, the terminal it is bought on, and freight (coupons here leave freight alone)."""

    lines: tuple[Line, ...]
    terminal: str = "web"
    freight_cents: int = 0

    def __post_init__(self) -> None:
        check_int("lines", len(self.lines), 1, MAX_LINES)
        check_cents("freight_cents", self.freight_cents)
        if len({line.line_no for line in self.lines}) != len(self.lines):
            raise InvalidError("line_no", [line.line_no for line in self.lines], "a different number for every line")
        if self.goods_cents > MAX_CENTS:
            raise InvalidError("lines", self.goods_cents, f"at most {MAX_CENTS} cents in all")

    @property
    def goods_cents(self) -> int:
        return sum(line.price_cents for line in self.lines)
