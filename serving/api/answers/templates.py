"""Campaigns, and templates with their versions and advice, as operators are answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.api.answers.deductions import AnsweredDeduction
from serving.api.answers.words import CampaignId, Cents, Count, Moment, Shown, TemplateId, Written

Limit = Annotated[int | None, Field(description="null is unlimited", examples=[500])]
ShopClock = Annotated[str, Field(description="of the shop's own clock", examples=["08:00"])]


class CampaignMade(Written):
    """A campaign with its caps."""

    campaign_id: CampaignId
    name: str = Field(examples=["Spring sale"])
    budget_cents: Cents
    liability_cents: Cents | None = Field(description="cap on the face value of live coupons; null is none")


class Campaign(Shown):
    """A campaign with its caps and what they hold now."""

    campaign_id: CampaignId
    name: str = Field(examples=["Spring sale"])
    budget_cents: Cents
    liability_cents: Cents | None
    committed_cents: Cents = Field(description="held and spent discount, under the budget")
    live_cents: Cents = Field(description="face value of coupons that may still be used, under the liability")
    created_at: Moment


class Campaigns(Shown):
    """Campaigns by id."""

    data: list[Campaign]
    has_more: bool


class FixedDates(Shown):
    """Shop-local dates, both included."""

    kind: Literal["fixed"]
    first: str = Field(examples=["2026-11-11"])
    last: str = Field(examples=["2026-11-11"])


class DaysFromClaim(Shown):
    """Shop-local days; the day of the claim is day 1."""

    kind: Literal["days"]
    days: Count


class MinutesFromClaim(Shown):
    """Minutes from the claim."""

    kind: Literal["minutes"]
    minutes: Count


AnsweredValidity = Annotated[FixedDates | DaysFromClaim | MinutesFromClaim, Field(discriminator="kind")]


class UseWindow(Shown):
    """When the coupon may be used; empty lists ask nothing."""

    start: ShopClock
    end: ShopClock
    weekdays: list[int] = Field(description="1 Monday … 7 Sunday")
    month_days: list[int]
    months: list[int]


class ClaimSlot(Shown):
    """Hours of every day in which the coupon may be claimed, with a quota of their own."""

    start: ShopClock
    end: ShopClock
    quota: Count


class AskedAudience(Shown):
    """Whom the coupon is for; empty lists and false ask nothing."""

    tags: list[str]
    without_tags: list[str]
    member_tiers: list[str]
    newcomer: bool
    first_order: bool
    phone_verified: bool
    identity_verified: bool
    birthday_month: bool


class BearerPercents(Shown):
    """Who pays the discount, in percent; together 100."""

    platform: int
    merchant: int
    supplier: int


class ShownCard(Shown):
    """What cards and places show."""

    link: str | None = Field(examples=["shop://category/beauty"])
    image: str | None = Field(examples=["https://img.example.com/coupon.png"])
    description: str
    places: list[str] = Field(examples=[["coupon_centre"]])
    channels: list[str] = Field(examples=[["app_push"]])


class TemplateVersion(Shown):
    """One version of a template, under the names under which it is kept."""

    template_id: TemplateId
    version: Count
    name: str = Field(examples=["Newcomer 99-20"])
    kind: str = Field(description="the kind alone, by which lists are filtered", examples=["threshold_cut"])
    deduction: AnsweredDeduction
    validity: AnsweredValidity
    coupon_class: str = Field(examples=["newcomer"])
    scope: str = Field(examples=["category:beauty|apparel"])
    without: list[str] = Field(description="SKUs that never take part")
    regular_only: bool
    terminals: list[str] = Field(description="none: all terminals")
    windows: list[UseWindow] = Field(description="none: at any time")
    audience: AskedAudience
    quantity: Limit
    per_user: Limit
    per_user_day: Limit
    per_device: Limit
    per_ip: Limit
    per_address: Limit
    day_quota: Limit
    slots: list[ClaimSlot]
    carry: bool
    delivery: Literal["claim", "push", "code", "automatic"]
    owner: Literal["platform", "merchant"]
    merchant_id: str | None
    bearers: BearerPercents
    uses: Count
    stackable: bool
    minimum_on: Literal["before", "left"]
    pool_cents: Cents | None
    card: ShownCard
    activity_type: str | None
    campaign_id: CampaignId | None


class Template(TemplateVersion):
    """A version with the template's access, which is not of a version."""

    access: Literal["closed", "decision", "open"]


class ShelvedTemplate(Template):
    """The current version with how many coupons are out."""

    issued: Count
    remaining: Count | None = Field(description="null is unlimited")


class Advice(Shown):
    """A rule of thumb that the template does not follow; nothing is refused."""

    code: str = Field(examples=["face_over_cheapest"])
    detail: str
    detail_zh: str
    requirement: str = Field(description="the number of the rule", examples=["F009"])


class GoldenRule(Shown):
    """One of the five golden rules of a template; ``warnings`` are the codes that speak against it."""

    rule: str = Field(examples=["deadline"])
    holds: bool | None = Field(description="null: too little is known of the shop")
    detail: str
    detail_zh: str
    warnings: list[str]


class Named(Shown):
    """A code and what people call it."""

    code: str = Field(examples=["newcomer"])
    en: str
    zh: str


class KindOfCoupon(Shown):
    """A kind with the classes that go with it."""

    kind: str = Field(examples=["threshold_cut"])
    en: str
    zh: str
    classes: list[Named]


class Kinds(Shown):
    """What a form for templates offers."""

    data: list[KindOfCoupon]
    validity_days: list[int]
    activity_types: list[Named]


class TemplateWritten(ShelvedTemplate, Written):
    """A template as it is on the shelf now, with advice."""

    warnings: list[Advice]
    checklist: list[GoldenRule]


class TemplateAdvised(Shown):
    """A template that is not on the shelf, with advice."""

    template: Template
    warnings: list[Advice]
    checklist: list[GoldenRule]


class Templates(Shown):
    """Templates by id."""

    data: list[ShelvedTemplate]
    has_more: bool


class TemplateVersions(Shown):
    """Versions of a template, the newest first."""

    data: list[TemplateVersion]
    has_more: bool


class AccessSet(Written):
    """Who may claim a template from now on."""

    template_id: TemplateId
    access: Literal["closed", "decision", "open"]
