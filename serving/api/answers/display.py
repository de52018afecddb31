"""What users are shown: cards of their wallet, offers to take, and the places that show both."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.api.answers.deductions import AnsweredDeduction
from serving.api.answers.quotes import Quote
from serving.api.answers.templates import AnsweredValidity
from serving.api.answers.words import Count, CouponId, Moment, Reason, Shown, TemplateId, Texts


class ClassName(Texts):
    """What a coupon is for."""

    code: str = Field(examples=["newcomer"])


class Face(Shown):
    """What a card says of its template."""

    template_id: TemplateId
    name: str = Field(examples=["Newcomer 99-20"])
    kind: str = Field(examples=["threshold_cut"])
    type: Texts = Field(description="the kind as people call it")
    coupon_class: ClassName = Field(alias="class")
    condition: Texts
    description: str
    image: str | None = Field(examples=["https://img.example.com/coupon.png"])
    use_link: str | None = Field(description="where “use now” leads", examples=["shop://category/beauty"])
    scope: str = Field(examples=["category:beauty"])
    terminals: list[str]
    stackable: bool


class WalletCard(Face):
    """A coupon in a wallet; what an order holds is unused with ``held_until``, what was taken back is expired."""

    coupon_id: CouponId
    state: Literal["unused", "used", "expired"]
    held_until: Moment | None
    uses_left: Count
    claimed_at: Moment
    valid_from: Moment
    valid_until: Moment = Field(description="exclusive")
    expiring_soon: bool = Field(description="unused, and over within three days")


class Wallet(Shown):
    """Cards by coupon id."""

    data: list[WalletCard]
    has_more: bool


class Scarcity(Texts):
    """A limited quantity is shown as such."""

    quantity: Count
    remaining: Count


class Offer(Face):
    """Something to take. ``claimable`` and ``why_not`` are there only when the request names a user."""

    deduction: AnsweredDeduction
    validity: AnsweredValidity
    delivery: Literal["claim", "push", "code", "automatic"]
    scarcity: Scarcity | None = Field(description="null where there is no limit")
    claimable: bool = Field(False, description="whether this user may take it now")
    why_not: Reason | None = None


class CouponCentre(Shown):
    """Offers by template id."""

    data: list[Offer]
    has_more: bool


class StateCounts(Shown):
    """How many coupons of each state."""

    unused: Count
    used: Count
    expired: Count


class PersonalCentre(Shown):
    """A user's counts, what ends within three days, and what may be taken here."""

    counts: StateCounts
    expiring_soon: list[WalletCard]
    offers: list[Offer]


class ProductOffers(Shown):
    """Everything that is on for one product."""

    sku: str = Field(examples=["cream-50"])
    flash_sale: list[Offer]
    quantity: list[Offer]
    gift: list[Offer]
    coupon: list[Offer]


class OrderConfirmation(Quote):
    """The quote with the best coupons selected, and what may still be taken for this cart."""

    selected: list[CouponId]
    offers: list[Offer]
