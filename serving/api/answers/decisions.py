"""Explained decisions: what was on offer at which price, what would have turned the choice, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.api.answers.words import CampaignId, CouponId, Distance, Moment, Shown, TemplateId, UserId

Amount = Annotated[float | None, Field(description="cents, expected; null where it is not known")]


class Said(Shown):
    """A code with its texts."""

    code: str
    en: str
    zh: str


class ExplainedOffer(Shown):
    """One offer: score = profit − the budget's part − the price of one of a limited offer."""

    offer: str = Field(description="a template, or `none`")
    name: str | None
    eligible: bool
    chosen: bool
    value_cents: Amount = Field(description="effect on margin before the coupon's cost")
    cost_cents: Amount
    profit_cents: Amount = Field(description="after the chance of abuse and the coupon's cost")
    for_budget_cents: Amount = Field(description="budget_price × cost")
    for_offer_cents: Amount = Field(description="price of one of a limited offer, with what breaks ties")
    score: float | None
    redeem_probability: float | None
    probability: float | None = Field(description="with which it would have been drawn")


class Flip(Said):
    """What would have given another offer, if it alone had been so."""

    offer: str | None = Field(description="the other offer")
    limit_cents: Amount
    limit_price: float | None = Field(description="profit that one unit of money of budget has to earn")


class ExplainedRisk(Shown):
    """What was said of risk: it withholds coupons and ranks none."""

    score: float | None
    action: str | None
    flagged: bool | None
    fallback: bool | None
    reasons: list[Said]
    versions: dict[str, str]


class Step(Said):
    """Something that happened to a coupon."""

    at: Moment
    order_id: str | None
    cents: int | None = Field(description="discount that the step gave, or took back")


class FollowedCoupon(Shown):
    """A coupon that the decision led to."""

    coupon_id: CouponId
    template_id: TemplateId
    state: str
    steps: list[Step]


class After(Shown):
    """What became of the decision."""

    claimed: bool
    claim_until: Moment | None
    claimable: bool
    coupons: list[FollowedCoupon]


class Explained(Shown):
    """One decision taken apart, as it was stored."""

    decision_id: str = Field(examples=["dec_01kqgdbj000000000000000000"])
    user_id: UserId
    decided_at: Moment
    trigger: str
    campaign_id: CampaignId | None
    offer: str = Field(description="what was given")
    reason: Said
    stored: Said = Field(description="how much of the decision was kept: full, scores, rules or nothing")
    en: str
    zh: str
    propensity: float
    holdout: bool
    explored: bool
    fallback: bool
    cold_start: bool | None
    features_as_of: str | None
    rule_offer: str | None = Field(description="what the price rule says, whatever chance or risk made of it")
    runner_up: str | None
    lead_cents: Amount
    budget_price: float | None = Field(description="profit that one cent of coupon cost had to bring")
    offers: list[ExplainedOffer]
    flips: list[Flip]
    risk: ExplainedRisk
    versions: dict[str, str]
    after: After


class Counted(Shown):
    """How much of the limit is used."""

    used: int
    most: int
    unit: Literal["coupons", "cents"]


class WhyNot(Shown):
    """What a claim would be told now; `code` is null when it would be granted."""

    user_id: UserId
    template_id: TemplateId
    at: Moment
    decision_id: str | None = Field(description="the open decision that the claim would rest on")
    claimable: bool
    code: str | None = Field(examples=["user_limit_total"])
    detail: str | None
    detail_zh: str | None
    distance: Distance | None
    counter: Counted | None
    left_out: str | None = Field(description="a limit on this thing cannot be told without it: device, ip or address")
