"""What a coupon takes off, as JSON: one strict body per kind, told apart by ``kind``.

The fields are those under which a kind is stored, so every body reads itself through ``kind_from_data``; what two
fields must be to each other is checked there and named there (F033).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.api.words import Body, Category, Cents, Flag, Positive, Slug, Word
from serving.coupons.kinds import Kind, kind_from_data

Price = Annotated[Cents, Field(ge=1)]
PercentOff = Annotated[int, Field(strict=True, ge=1, le=99, description="20 is 8折", examples=[20])]
Minimum = Annotated[Cents, Field(description="spend at least this much on the goods of the scope", examples=[10000])]
Strict = Annotated[Flag, Field(description="true: spend more than the minimum; false: reach it")]
Cap = Annotated[Price, Field(description="the most that one use takes off", examples=[5000])]


class KindBody(Body):
    """One kind; subclasses give ``kind`` and its fields."""

    def value(self) -> Kind:
        return kind_from_data(self.model_dump())


class ThresholdCutBody(KindBody):
    """Spend ``minimum_cents``, take ``face_cents`` off: 100-20."""

    kind: Literal["threshold_cut"]
    minimum_cents: Minimum
    face_cents: Price = Field(description="less than minimum_cents", examples=[2000])
    strict: Strict = False


class StepBody(Body):
    """One threshold of a tiered coupon."""

    minimum_cents: Minimum
    face_cents: Price = Field(examples=[1500])


class TieredCutBody(KindBody):
    """The highest step that is reached applies: 100-15, 200-35, 300-60."""

    kind: Literal["tiered_cut"]
    steps: list[StepBody] = Field(min_length=1, max_length=100, description="both amounts rise from step to step")
    strict: Strict = False


class PercentBody(KindBody):
    """``percent_off`` % off, at most ``cap_cents``."""

    kind: Literal["percent"]
    percent_off: PercentOff
    cap_cents: Cap
    minimum_cents: Minimum = 0
    strict: Strict = False


class RateBody(Body):
    """The percentage of a category and everything below it."""

    category: Category = Field(examples=["beauty"])
    percent_off: PercentOff


class CategoryPercentBody(KindBody):
    """Another percentage for each category; where categories are nested, the deepest counts."""

    kind: Literal["category_percent"]
    rates: list[RateBody] = Field(min_length=1, max_length=100)
    cap_cents: Cap
    minimum_cents: Minimum = 0
    strict: Strict = False


class SpecialBody(Body):
    """One SKU at a price of the coupon's own."""

    sku: Word = Field(examples=["A"])
    price_cents: Price = Field(examples=[7900])


class SpecialPriceBody(KindBody):
    """Named SKUs at a special price, for ``max_units`` units in all (null: every unit)."""

    kind: Literal["special_price"]
    prices: list[SpecialBody] = Field(min_length=1, max_length=100)
    cap_cents: Cap
    max_units: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None


class NoThresholdBody(KindBody):
    """``face_cents`` off any price."""

    kind: Literal["no_threshold"]
    face_cents: Price = Field(examples=[1000])


class FreightBody(KindBody):
    """Up to ``face_cents`` of the freight; the goods keep their price."""

    kind: Literal["freight"]
    face_cents: Price = Field(examples=[1000])
    minimum_cents: Minimum = 0
    strict: Strict = False


class RandomAmountBody(KindBody):
    """An amount from ``low_cents`` to ``high_cents``, drawn when the coupon is claimed."""

    kind: Literal["random_amount"]
    low_cents: Price = Field(examples=[100])
    high_cents: Price = Field(examples=[10000])
    minimum_cents: Minimum = 0
    strict: Strict = False


class QuantityCutBody(KindBody):
    """Buy ``pieces``, take ``face_cents`` off; again for every such number, up to ``max_times``."""

    kind: Literal["quantity_cut"]
    pieces: Annotated[int, Field(strict=True, ge=1, le=10_000, examples=[2])]
    face_cents: Price = Field(examples=[500])
    max_times: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1


class ItemBody(Body):
    """Units of a SKU."""

    sku: Word = Field(examples=["sample-1"])
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1


class GiftBody(KindBody):
    """Goods that come with an order free of charge; ``cost_cents`` is what they cost the shop together."""

    kind: Literal["gift"]
    gifts: list[ItemBody] = Field(min_length=1, max_length=100)
    cost_cents: Cents = Field(examples=[300])
    minimum_cents: Minimum = 0
    minimum_pieces: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 0
    strict: Strict = False


class GiveBackBody(KindBody):
    """Points, or cents in a red packet or as money of this shop, given back once the order is redeemed.

    ``cost_cents`` is what that costs the shop at most; it may be left out for money, which costs its amount.
    """

    kind: Literal["give_back"]
    minimum_cents: Minimum
    give: Literal["points", "red_packet", "virtual_money"]
    amount: Price = Field(description="points or cents", examples=[500])
    cost_cents: Price | None = None
    strict: Strict = False

    def value(self) -> Kind:
        cost = self.amount if self.cost_cents is None and self.give != "points" else self.cost_cents
        return kind_from_data({**self.model_dump(), "cost_cents": cost})


class BundleBody(KindBody):
    """All ``items`` together: ``face_cents`` cheaper, or for ``price_cents`` with a ``cap_cents``."""

    kind: Literal["bundle"]
    items: list[ItemBody] = Field(min_length=1, max_length=100)
    face_cents: Price | None = Field(None, examples=[1000])
    price_cents: Price | None = None
    cap_cents: Cap | None = None
    max_times: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1


class GiftPackBody(KindBody):
    """One coupon of each of these templates, issued together."""

    kind: Literal["gift_pack"]
    templates: list[Slug] = Field(min_length=2, max_length=100, examples=[["cash_10", "save_99_20", "save_199_50"]])


class PrizeBody(Body):
    """A coupon of a template with its weight among all prizes."""

    template_id: Slug
    weight: Positive = Field(1, le=1_000_000)


class LuckyDrawBody(KindBody):
    """One coupon out of ``prizes`` by chance."""

    kind: Literal["lucky_draw"]
    prizes: list[PrizeBody] = Field(min_length=1, max_length=100)


Deduction = Annotated[
    ThresholdCutBody
    | TieredCutBody
    | PercentBody
    | CategoryPercentBody
    | SpecialPriceBody
    | NoThresholdBody
    | FreightBody
    | RandomAmountBody
    | QuantityCutBody
    | GiftBody
    | GiveBackBody
    | BundleBody
    | GiftPackBody
    | LuckyDrawBody,
    Field(discriminator="kind"),
]
