"""What the reads of the catalogue and of the display places answer: the shapes of the OpenAPI document.

Answers are made by ``serving.views`` and are not checked again as they leave; tests hold them to these shapes.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
State = Literal["unused", "used", "expired"]


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Said(Shown):
    """The same in two languages."""

    en: str
    zh: str


class CouponClass(Said):
    code: str


class Distance(Shown):
    amount: int
    unit: str | None


class Refusal(Shown):
    """Why not: a code, its sentence in two languages, and how far success is."""

    code: str
    detail: str
    detail_zh: str
    distance: Distance | None = None


class Face(Shown):
    """What a coupon looks like."""

    template_id: str
    name: str
    kind: str
    type: Said = Field(description="the tag of the card")
    class_: CouponClass = Field(alias="class")
    condition: Said
    description: str
    image: str | None
    use_link: str | None = Field(description="where the button to use it leads")
    scope: str
    terminals: list[str]
    stackable: bool


class Card(Face):
    """A coupon in a wallet (F096)."""

    coupon_id: str
    state: State
    held_until: str | None = Field(description="locked for an order until then")
    uses_left: int
    claimed_at: str
    valid_from: str
    valid_until: str
    expiring_soon: bool = Field(description="ends within three days")


class Scarcity(Said):
    """A limited quantity (F040)."""

    quantity: int
    remaining: int


class Offer(Face):
    """A coupon that may be taken, or that comes by itself; ``claimable`` and ``why_not`` only for a named user."""

    deduction: dict[str, Any]
    validity: dict[str, Any]
    delivery: Literal["claim", "automatic"]
    scarcity: Scarcity | None
    claimable: bool | None = None
    why_not: Refusal | None = None


class Page(Shown, Generic[T]):
    """One page of a list."""

    data: list[T]
    has_more: bool


class PersonalCentre(Shown):
    counts: dict[State, int]
    expiring_soon: list[Card]
    offers: list[Offer]


class ProductOffers(Shown):
    """Everything that is on for one product (F097)."""

    sku: str
    flash_sale: list[Offer]
    quantity: list[Offer]
    gift: list[Offer]
    coupon: list[Offer]


class Candidate(Shown):
    """A coupon of the wallet against the cart."""

    coupon_id: str
    template_id: str
    name: str
    kind: str
    condition: Said
    valid_until: str


class Usable(Candidate):
    saving_cents: int


class Unusable(Candidate, Refusal):
    """With the first rule that does not hold."""


class Confirmation(Shown):
    """The price with the selected coupons; ``best`` is their receipt in the order applied."""

    goods_cents: int
    freight_cents: int
    activity_cents: int
    coupon_cents: int
    points_cents: int
    discount_cents: int
    payable_cents: int
    selected: list[str]
    best: dict[str, Any] | None
    usable: list[Usable]
    unusable: list[Unusable]
    warnings: list[dict[str, Any]]
    offers: list[Offer]


class AdviceShown(Shown):
    """Advice; it refuses nothing."""

    code: str
    detail: str
    detail_zh: str
    requirement: str


class Version(BaseModel):
    """One version of a template; further fields are those of the template's body."""

    template_id: str
    version: int
    name: str
    kind: str
    deduction: dict[str, Any]
    validity: dict[str, Any]
    scope: str
    coupon_class: str
    delivery: str


class OnShelf(Version):
    """The current version with what has been issued; None remaining is unlimited."""

    access: str
    issued: int
    remaining: int | None


class Written(OnShelf):
    warnings: list[AdviceShown]


class Advised(Shown):
    template: dict[str, Any]
    warnings: list[AdviceShown]


class CampaignShown(Shown):
    campaign_id: str
    name: str
    budget_cents: int
    liability_cents: int | None
    committed_cents: int = Field(description="held and spent discount")
    live_cents: int = Field(description="face value of live coupons")
    created_at: str
