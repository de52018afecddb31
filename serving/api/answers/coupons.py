"""Decisions, coupons however they were given, codes, rewards and flags, as issuers are answered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.api.answers.templates import Template
from serving.api.answers.words import (
    Asked,
    CampaignId,
    Cents,
    Count,
    CouponId,
    Moment,
    Reason,
    Shown,
    TemplateId,
    UserId,
    Written,
)


class Decided(Asked, Written):
    """Which offer a user gets, with its propensity; ``none`` is the control offer."""

    decision_id: str = Field(examples=["dec_01kqgdbj000000000000000000"])
    user_id: UserId
    trigger: str = Field(examples=["cart_abandoned"])
    campaign_id: CampaignId | None
    eligible: list[str] = Field(examples=[["none", "newcomer_99_20"]])
    offer: str = Field(description="`none`, or a template of `eligible`", examples=["newcomer_99_20"])
    template: Template | None = Field(description="that of the offer; null for `none`")
    propensity: float = Field(gt=0, le=1, description="probability with which the offer was drawn")
    holdout: bool
    explored: bool
    reason: str = Field(examples=["best"])
    claim_until: Moment | None = Field(description="the offer may be claimed until then")
    versions: dict[str, str] = Field(description="model versions by name")
    cold_start: bool


class Coupon(Shown):
    """A user's coupon with the version of the template under which it was issued."""

    coupon_id: CouponId
    user_id: UserId
    template: Template
    campaign_id: CampaignId | None
    decision_id: str | None
    state: Literal["unused", "used", "expired"]
    held_until: Moment | None = Field(description="an order holds it until then")
    face_cents: Cents = Field(description="the most that one use takes off")
    uses: Count = Field(description="orders that it serves")
    used: Count = Field(description="orders that it has served")
    source: str = Field(description="what the user did to get it", examples=["claim"])
    claimed_at: Moment
    valid_from: Moment
    valid_until: Moment = Field(description="exclusive")


class Issued(Coupon, Asked, Written):
    """A new coupon."""


class IssuedTogether(Asked, Written):
    """The coupons of a pack in its order, or the one of a draw."""

    bundle_id: str = Field(examples=["bdl_01kqgdbj000000000000000000"])
    coupons: list[Coupon]


class Pushed(Issued):
    """A new coupon that was given to the user."""

    channels: list[str] = Field(description="by which the user will hear of it", examples=[["app_push"]])


class PushedTogether(IssuedTogether):
    """The coupons of a pack or a draw that was given to the user."""

    channels: list[str] = Field(description="by which the user will hear of them", examples=[["app_push"]])


class Refused(Reason, Written):
    """What this user alone would have been refused with."""


class RowOf(Shown):
    """What happened to one user of many; ``status`` is that of a request for this user alone."""

    user_id: UserId
    status: int = Field(examples=[201])


class PushRow(RowOf):
    """What a push to this user alone would have been answered."""

    answer: Pushed | PushedTogether | Refused


class PushedMany(Written):
    """One row for each user, in the order asked."""

    issued: Count
    refused: Count
    data: list[PushRow]


class CodesMade(Written):
    """New codes, shown in this answer and never again; a replay has no ``codes``."""

    batch_id: str = Field(examples=["bat_01kqgdbj000000000000000000"])
    template_id: TemplateId
    count: Count
    codes: list[str] = Field([], examples=[["7QK2-M4TD-9XHA-3WEP"]])


class Rewarded(Asked, Written):
    """The coupons that a deed earned: one, or those of a pack."""

    coupons: list[Coupon]


class SignedIn(Rewarded):
    """A sign-in that completed a run of days."""

    streak: Count
    days_left: Count


class SignedInOnly(SignedIn):
    """A sign-in that was counted and earned nothing: ``refused`` says why."""

    refused: Reason


class GroupRow(RowOf):
    """What one member of a group drew."""

    answer: Issued | IssuedTogether | Refused


class GroupRewarded(Written):
    """One row for each member of a complete group."""

    reward_id: str = Field(examples=["rwd_01kqgdbj000000000000000000"])
    data: list[GroupRow]


class FlagsTaken(Written):
    """How many review cases the flags opened, changed and left alone."""

    opened: Count
    updated: Count
    unchanged: Count
