"""What the issuing routes take: triggers, claims, pushes, codes and rewards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from serving.api.words import Body, Instant, Name, Slug, WhoBody, Word
from serving.coupons.rewards import Deed
from serving.issuer import Wanted
from serving.pushes import MOST_USERS, Push
from serving.who import Who

MOST_CODES = 10_000
Terminal = Annotated[
    Word | None, Field(description="where it happens; people at the shop's own kiosk or pos share it", examples=["app"])
]
Source = Literal["claim", "game", "social", "live_stream", "membership", "search"]
Place = Literal["coupon_centre", "product_page", "venue_page", "activity", "order_confirmation", "personal_centre"]


class TriggerBody(WhoBody):
    """Something happened to a user that may be worth a coupon."""

    trigger: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = Field(
        "session", examples=["cart_abandoned"]
    )
    campaign_id: Slug | None = None
    terminal: Terminal = None


class ClaimBody(WhoBody):
    """Claim the offer of a decision, a template that is open to all, or what a code gives.

    ``place`` is where the coupon was shown, ``source`` what the user did to get it.
    """

    template_id: Slug | None = Field(None, examples=["newcomer_10"])
    decision_id: Slug | None = None
    code: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, examples=["7QK2-M4TD-9XHA-3WEP"], description="hyphens, blanks and small letters do not matter"
    )
    place: Place | None = None
    source: Source = "claim"
    terminal: Terminal = None

    @model_validator(mode="after")
    def _something(self) -> ClaimBody:
        if self.code is not None:
            if self.template_id is not None or self.decision_id is not None:
                raise ValueError("a code alone, or a template_id or decision_id")
        elif self.template_id is None and self.decision_id is None:
            raise ValueError("a template_id, a decision_id or a code")
        return self

    def wanted(self) -> Wanted:
        return Wanted(self.template_id, self.decision_id, self.source, self.place)


class PushBody(Body):
    """Give a coupon to one user, or to up to a thousand with one answer for each."""

    template_id: Slug
    user_id: Name | None = Field(None, examples=["u_1001"])
    user_ids: list[Name] = Field(default_factory=list, max_length=MOST_USERS, examples=[["u_1001", "u_1002"]])
    ref: Name | None = Field(None, description="your own name of the occasion; it is stored with every coupon")

    @model_validator(mode="after")
    def _one_way(self) -> PushBody:
        if (self.user_id is None) == (not self.user_ids):
            raise ValueError("either user_id or user_ids")
        if len(set(self.user_ids)) != len(self.user_ids):
            raise ValueError("every user once")
        return self

    def push(self) -> Push:
        return Push(self.template_id, self.ref)

    def users(self) -> list[Who]:
        return [Who(user_id) for user_id in self.user_ids]


class CodesBody(Body):
    """Make codes for a template whose delivery is ``code``."""

    count: Annotated[int, Field(strict=True, ge=1, le=MOST_CODES)] = Field(examples=[500])
    expires_at: Instant | None = Field(None, examples=["2026-12-31T16:00:00Z"])

    def until(self) -> datetime | None:
        return None if self.expires_at is None else self.expires_at.astimezone(UTC).replace(tzinfo=None)


class RewardBody(WhoBody):
    """A user did something that earns a coupon.

    ``ref`` names the review, the rule of sharing, the invitation, the game or the group; a sign-in needs none.
    """

    kind: Literal["sign_in", "review", "share", "invite", "group_buy", "game"]
    template_id: Slug
    ref: Name | None = Field(None, examples=["review_88123"])
    invitee: Name | None = Field(None, description="the user who registered, for an invitation")
    members: list[Name] = Field(default_factory=list, max_length=100, description="who bought together, for a group")

    def deed(self) -> Deed:
        return Deed(self.kind, self.user_id, self.ref, self.invitee, tuple(self.members))
