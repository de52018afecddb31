"""What is bought: lines of equal units, activity discounts that the shop has already granted, freight and points."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.money import MAX_CENTS, InvalidError, check_cents, check_int

MAX_LINES = 200
MAX_UNITS = 1_000
MAX_ACTIVITIES = 50

# Other promotions that a coupon may meet in a cart (F028, F029, F108).
ACTIVITIES = (
    "full_reduction",
    "limited_time",
    "member",
    "flash_sale",
    "quantity",
    "single_item",
    "bundle",
    "group_buy",
    "preorder",
    "platform",
)


@dataclass(frozen=True, slots=True)
class Line:
    """``quantity`` units of one SKU at ``unit_price_cents`` each; ``unit_floor_cents`` is the least a unit may cost.

    ``category`` is a path of levels (``beauty/skin/cream``); ``special`` marks special-price and flash-sale goods;
    ``tags`` are words of the shop's catalogue such as ``new``, ``traffic`` or the name of an enrolment (F016, F024).
    """

    line_no: int
    sku: str
    category: str
    quantity: int
    unit_price_cents: int
    unit_floor_cents: int = 0
    brand: str | None = None
    merchant_id: str | None = None
    supplier_id: str | None = None
    tags: tuple[str, ...] = ()
    special: bool = False
    unit_cost_cents: int | None = None

    def __post_init__(self) -> None:
        check_int("line_no", self.line_no, 1, 1_000_000)
        check_int("quantity", self.quantity, 1, MAX_UNITS)
        check_cents("unit_price_cents", self.unit_price_cents)
        check_cents("unit_floor_cents", self.unit_floor_cents)
        if self.unit_floor_cents > self.unit_price_cents:
            raise InvalidError("unit_floor_cents", self.unit_floor_cents, "at most unit_price_cents")
        if self.unit_cost_cents is not None:
            check_cents("unit_cost_cents", self.unit_cost_cents)

    @property
    def price_cents(self) -> int:
        return self.quantity * self.unit_price_cents

    @property
    def floor_cents(self) -> int:
        """The least that the line may cost after everything."""
        return self.quantity * self.unit_floor_cents

    @property
    def capacity_cents(self) -> int:
        """The most that may be taken off this line."""
        return self.price_cents - self.floor_cents


@dataclass(frozen=True, slots=True)
class Activity:
    """A promotion that the shop has applied by itself: its discount on the named lines (none named: on all)."""

    kind: str
    discount_cents: int
    line_nos: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ACTIVITIES:
            raise InvalidError("activity", self.kind, f"one of: {', '.join(ACTIVITIES)}")
        check_cents("discount_cents", self.discount_cents, 1)
        if len(set(self.line_nos)) != len(self.line_nos):
            raise InvalidError("line_nos", list(self.line_nos), "each line once")


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the order of the shop, the terminal it is bought on, freight, and points the customer wants to pay."""

    lines: tuple[Line, ...]
    terminal: str = "web"
    freight_cents: int = 0
    activities: tuple[Activity, ...] = ()
    points: int = 0

    def __post_init__(self) -> None:
        check_int("lines", len(self.lines), 1, MAX_LINES)
        check_cents("freight_cents", self.freight_cents)
        check_int("points", self.points, 0, MAX_CENTS)
        check_int("activities", len(self.activities), 0, MAX_ACTIVITIES)
        known = {line.line_no for line in self.lines}
        if len(known) != len(self.lines):
            raise InvalidError("line_no", [line.line_no for line in self.lines], "a different number for every line")
        if self.goods_cents > MAX_CENTS:
            raise InvalidError("lines", self.goods_cents, f"at most {MAX_CENTS} cents in all")
        for activity in self.activities:
            if not known.issuperset(activity.line_nos):
                raise InvalidError("activities.line_nos", list(activity.line_nos), "lines of this cart")

    @property
    def goods_cents(self) -> int:
        return sum(line.price_cents for line in self.lines)
