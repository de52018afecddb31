"""What a coupon takes off, as it is answered: one model per kind, told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.api.answers.words import Cents, Count, Shown, TemplateId

PercentOff = Annotated[int, Field(ge=1, le=99, description="20 is 8折", examples=[20])]
Strict = Annotated[bool, Field(description="true: spend more than the minimum; false: reach it")]


class ThresholdCut(Shown):
    """Spend ``minimum_cents``, take ``face_cents`` off."""

    kind: Literal["threshold_cut"]
    minimum_cents: Cents
    face_cents: Cents
    strict: Strict


class CutStep(Shown):
    """One threshold of a tiered coupon."""

    minimum_cents: Cents
    face_cents: Cents


class TieredCut(Shown):
    """The highest step that is reached applies."""

    kind: Literal["tiered_cut"]
    steps: list[CutStep]
    strict: Strict


class PercentCut(Shown):
    """``percent_off`` % off, at most ``cap_cents``."""

    kind: Literal["percent"]
    percent_off: PercentOff
    cap_cents: Cents
    minimum_cents: Cents
    strict: Strict


class CategoryRate(Shown):
    """The percentage of a category and everything below it."""

    category: str = Field(examples=["beauty"])
    percent_off: PercentOff


class CategoryPercentCut(Shown):
    """Another percentage for each category; where categories are nested, the deepest counts."""

    kind: Literal["category_percent"]
    rates: list[CategoryRate]
    cap_cents: Cents
    minimum_cents: Cents
    strict: Strict


class SkuPrice(Shown):
    """One SKU at a price of the coupon's own."""

    sku: str = Field(examples=["A"])
    price_cents: Cents


class SpecialPrices(Shown):
    """Named SKUs at a special price, for ``max_units`` units in all (null: every unit)."""

    kind: Literal["special_price"]
    prices: list[SkuPrice]
    cap_cents: Cents
    max_units: Count | None


class NoThresholdCut(Shown):
    """``face_cents`` off any price."""

    kind: Literal["no_threshold"]
    face_cents: Cents


class FreightCut(Shown):
    """Up to ``face_cents`` of the freight."""

    kind: Literal["freight"]
    face_cents: Cents
    minimum_cents: Cents
    strict: Strict


class RandomCut(Shown):
    """An amount that is drawn when the coupon is claimed; ``face_cents`` of the coupon has it."""

    kind: Literal["random_amount"]
    low_cents: Cents
    high_cents: Cents
    minimum_cents: Cents
    strict: Strict


class PiecesCut(Shown):
    """Buy ``pieces``, take ``face_cents`` off; again for every such number, up to ``max_times``."""

    kind: Literal["quantity_cut"]
    pieces: Count
    face_cents: Cents
    max_times: Count


class Units(Shown):
    """Units of a SKU."""

    sku: str = Field(examples=["sample-1"])
    quantity: Count


class GiftGoods(Shown):
    """Goods that come with an order free of charge."""

    kind: Literal["gift"]
    gifts: list[Units]
    cost_cents: Cents = Field(description="what the gifts cost the shop together")
    minimum_cents: Cents
    minimum_pieces: Count
    strict: Strict


class GivenBack(Shown):
    """Points or money given back once the order is redeemed."""

    kind: Literal["give_back"]
    minimum_cents: Cents
    give: Literal["points", "red_packet", "virtual_money"]
    amount: Count = Field(description="points or cents")
    cost_cents: Cents
    strict: Strict


class BundleCut(Shown):
    """All ``items`` together: ``face_cents`` cheaper, or for ``price_cents``."""

    kind: Literal["bundle"]
    items: list[Units]
    face_cents: Cents | None
    price_cents: Cents | None
    cap_cents: Cents | None
    max_times: Count


class GiftPackOf(Shown):
    """One coupon of each of these templates, issued together."""

    kind: Literal["gift_pack"]
    templates: list[TemplateId]


class WeightedPrize(Shown):
    """A coupon of a template with its weight among all prizes."""

    template_id: TemplateId
    weight: Count


class LuckyDrawOf(Shown):
    """One coupon out of ``prizes`` by chance."""

    kind: Literal["lucky_draw"]
    prizes: list[WeightedPrize]


AnsweredDeduction = Annotated[
    ThresholdCut
    | TieredCut
    | PercentCut
    | CategoryPercentCut
    | SpecialPrices
    | NoThresholdCut
    | FreightCut
    | RandomCut
    | PiecesCut
    | GiftGoods
    | GivenBack
    | BundleCut
    | GiftPackOf
    | LuckyDrawOf,
    Field(discriminator="kind"),
]
