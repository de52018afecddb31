"""What the checkout sends: carts, quotes, holds, payments, rollbacks and refunds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from serving.api.words import Body, Cents, Flag, Name, Slug, WhoBody, Word
from serving.coupons.cart import MAX_ACTIVITIES, MAX_LINES, MAX_UNITS, Activity, Cart, Line
from serving.coupons.rollback import BEFORE_PAYMENT

MAX_COUPONS = 50

_CART: dict[str, Any] = {
    "lines": [
        {"line_no": 1, "sku": "sneaker-42", "category": "shoes/sport", "quantity": 2, "unit_price_cents": 19900},
        {"line_no": 2, "sku": "sock-3", "category": "shoes/socks", "quantity": 1, "unit_price_cents": 2900},
    ],
    "terminal": "app",
    "freight_cents": 800,
}
LineNo = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
CouponIds = Annotated[
    list[Slug],
    Field(
        max_length=MAX_COUPONS,
        description="each once, in any order: the best order is applied; `auto:<template_id>` names an automatic one",
        examples=[["cpn_01kqgdbj000000000000000000"]],
    ),
]


def _each_once(ids: list[str] | None) -> list[str] | None:
    if ids is not None and len(set(ids)) != len(ids):
        raise ValueError("each coupon once")
    return ids


class LineBody(Body):
    """Equal units of one SKU; ``unit_floor_cents`` is the least that a unit may cost after every discount."""

    line_no: LineNo
    sku: Word
    category: Word = Field(description="levels from the widest to the narrowest, with `/` between them")
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]
    unit_price_cents: Cents
    unit_floor_cents: Cents = 0
    brand: Word | None = None
    merchant_id: Word | None = None
    supplier_id: Word | None = None
    tags: list[Word] = Field(default_factory=list, max_length=50)
    special: Flag = Field(False, description="special-price or flash-sale goods")
    unit_cost_cents: Cents | None = Field(None, description="what a unit costs the shop; for the margin guard")

    def value(self) -> Line:
        return Line(**{**self.model_dump(), "tags": tuple(self.tags)})


class ActivityBody(Body):
    """A promotion that the shop has applied by itself; no lines means all of them."""

    kind: Literal[
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
    ]
    discount_cents: Cents
    line_nos: list[LineNo] = Field(default_factory=list, max_length=MAX_LINES)

    def value(self) -> Activity:
        return Activity(self.kind, self.discount_cents, tuple(self.line_nos))


class CartBody(Body):
    """What is bought; prices before any discount."""

    lines: list[LineBody] = Field(min_length=1, max_length=MAX_LINES)
    terminal: Word = "web"
    freight_cents: Cents = 0
    activities: list[ActivityBody] = Field(default_factory=list, max_length=MAX_ACTIVITIES)
    points: Cents = Field(0, description="points that the customer wants to pay with")

    def value(self) -> Cart:
        return Cart(
            tuple(line.value() for line in self.lines),
            self.terminal,
            self.freight_cents,
            tuple(activity.value() for activity in self.activities),
            self.points,
        )


class QuoteBody(WhoBody):
    """A cart on its way to an order: what do this user's coupons do to it?"""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "u_1001", "cart": _CART}]})

    cart: CartBody


class HoldBody(WhoBody):
    """Place an order with the coupons of the customer's choice; with none, the order is recorded all the same."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "u_1001",
                    "coupon_ids": ["cpn_01kqgdbj000000000000000000"],
                    "order_id": "o_7001",
                    "cart": _CART,
                }
            ]
        }
    )

    coupon_ids: CouponIds
    order_id: Slug
    cart: CartBody

    _once = field_validator("coupon_ids")(_each_once)


class RedemptionBody(WhoBody):
    """Pay the order of a hold, or hold and pay in one step with ``coupon_ids``, ``order_id`` and ``cart``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "u_1001", "hold_id": "hold_01kqgdbj000000000000000000"}]}
    )

    hold_id: Slug | None = None
    coupon_ids: CouponIds | None = None
    order_id: Slug | None = None
    cart: CartBody | None = None

    _once = field_validator("coupon_ids")(_each_once)

    @model_validator(mode="after")
    def _one_way(self) -> RedemptionBody:
        given = [part is not None for part in (self.coupon_ids, self.order_id, self.cart)]
        if any(given) if self.hold_id is not None else not all(given):
            raise ValueError("either hold_id, or coupon_ids with order_id and cart")
        return self

    def direct(self) -> tuple[list[str], str, CartBody]:
        """The parts of a redemption without a hold."""
        if self.coupon_ids is None or self.order_id is None or self.cart is None:
            raise ValueError("not a redemption without a hold")
        return self.coupon_ids, self.order_id, self.cart


class RollbackBody(Body):
    """Undo an order: ``hold_id`` before, ``redemption_id`` after it was paid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "u_1001", "scene": "order_cancelled", "hold_id": "hold_01kqgdbj000000000000000000"}
            ]
        }
    )

    user_id: Name
    scene: Literal["order_unpaid", "order_cancelled", "refund_before_shipping", "after_sale_return"]
    hold_id: Slug | None = None
    redemption_id: Slug | None = None

    @model_validator(mode="after")
    def _one_of(self) -> RollbackBody:
        if (self.hold_id is None) == (self.redemption_id is None):
            raise ValueError("either hold_id or redemption_id")
        if self.hold_id is not None and self.scene not in BEFORE_PAYMENT:
            raise ValueError(f"{' or '.join(BEFORE_PAYMENT)} for a hold")
        return self


class RefundUnits(Body):
    """Unit numbers (from 1) of one line."""

    line_no: LineNo
    units: list[Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]] = Field(min_length=1, max_length=MAX_UNITS)


class RefundBody(Body):
    """Units that come back; ``freight`` gives what was paid for the freight back with them, once per order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "u_1001",
                    "redemption_id": "red_01kqgdbj000000000000000000",
                    "lines": [{"line_no": 1, "units": [1, 2]}],
                    "freight": False,
                }
            ]
        }
    )

    user_id: Name
    redemption_id: Slug
    lines: list[RefundUnits] = Field(default_factory=list, max_length=MAX_LINES)
    freight: Flag = False

    @model_validator(mode="after")
    def _something(self) -> RefundBody:
        if not self.lines and not self.freight:
            raise ValueError("lines, or freight, or both")
        return self

    def units(self) -> list[tuple[int, int]]:
        return [(line.line_no, unit) for line in self.lines for unit in line.units]
