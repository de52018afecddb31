"""Users, actions on accounts and the test clock, as they are answered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.api.answers.words import Count, CouponId, HoldId, Moment, Shown, UserId, Written


class ProfileKept(Written):
    """What the shop said of a user was kept, as this version."""

    user_id: UserId
    version: Count


class AccountAction(Shown):
    """Something a person did to an account, and whether it was undone."""

    action_id: str = Field(examples=["act_01kqgdbj000000000000000000"])
    user_id: UserId
    action: Literal["cap", "hold", "step_up", "withhold", "revoke", "freeze", "block", "cancel_order"]
    reason: str = Field(examples=["ring_of_newcomers"])
    note: str
    actor: str = Field(description="whose key did it", examples=["reviewer"])
    taken_at: Moment
    coupon_ids: list[CouponId] = Field(description="coupons that were taken back")
    hold_id: HoldId | None = Field(description="the order that was cancelled")
    undone_at: Moment | None
    undone_by: str | None


class ActionWritten(AccountAction, Written):
    """An action as it stands after this request."""


class AccountActions(Shown):
    """All actions ever taken on an account, the latest first."""

    data: list[AccountAction]
    has_more: bool


class SandboxTime(Written):
    """What time it is for test keys."""

    now: Moment
    frozen: bool = Field(description="true once somebody has set it")
