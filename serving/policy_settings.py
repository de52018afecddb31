"""What limits a round of coupons: the section ``policy`` of the settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from serving.shop_settings import Section


class SegmentBounds(Section):
    """Floors and caps of one segment: users with an offer, and expected coupon cost."""

    min_users: int | None = Field(None, ge=0)
    max_users: int | None = Field(None, ge=0)
    min_spend_cents: int | None = Field(None, ge=0)
    max_spend_cents: int | None = Field(None, ge=0)


class Segments(Section):
    """Groups of users by one feature: the report compares them, and ``limits`` may bound them by name."""

    feature: str = "member_tier"
    edges: tuple[float, ...] = ()
    limits: dict[str, SegmentBounds] = Field(default_factory=dict)


class Contacts(Section):
    """At most ``offers`` coupons to a user within ``days``; the days are those that the features count."""

    offers: int | None = Field(None, ge=0)
    days: Literal[7, 30, 90] = 7


class PolicyLimits(Section):
    """Everything but the budget that a round has to keep; empty limits nothing."""

    stock: dict[str, int] = Field(default_factory=dict)
    per_user_cents: int | None = Field(None, ge=0)
    roi_floor: float | None = Field(None, allow_inf_nan=False)
    contacts: Contacts = Contacts()
    segments: Segments = Segments()

    @model_validator(mode="after")
    def _whole_stock(self) -> PolicyLimits:
        for offer, units in self.stock.items():
            if units < 0:
                raise ValueError(f"units >= 0 of {offer}, not {units}")
        return self


class Policy(Section):
    """How coupons are chosen; every log stays fit for unbiased retraining."""

    budget_cents: int = Field(3_000_000, ge=0)
    exploration: float = Field(0.05, ge=0, le=1)
    holdout: float = Field(0.05, ge=0, lt=1)
    salt: str = "fairdeal"
    limits: PolicyLimits = PolicyLimits()
