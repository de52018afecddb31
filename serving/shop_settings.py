"""How the shop does its coupon business: the sections of the settings that turn into values of the domain."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving.coupons.claiming import NewcomerLinks
from serving.coupons.margin import Margin
from serving.coupons.rollback import Rollback as RollbackTable
from serving.coupons.shop_facts import Guide, ShopFacts
from serving.coupons.stacking import Stacking


class Section(BaseModel):
    """Part of the settings: every name is known, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Advice(Section):
    """What is known of the shop when a template is set up, and the figures of the rules of thumb (F008, F052–F055)."""

    cheapest_item_cents: int | None = Field(None, ge=1)
    average_order_cents: int | None = Field(None, ge=1)
    gross_margin_percent: int | None = Field(None, ge=0, le=100)
    user_value_cents: int | None = Field(None, ge=1)
    no_threshold_quantity: int = Field(500, ge=1)
    per_account: int = Field(3, ge=1)
    least_margin_percent: int = Field(10, ge=0, le=99)
    longest_days: int = Field(15, ge=1)

    def facts(self) -> ShopFacts:
        return ShopFacts(
            self.cheapest_item_cents, self.average_order_cents, self.gross_margin_percent, self.user_value_cents
        )

    def guide(self) -> Guide:
        return Guide(self.no_threshold_quantity, self.per_account, self.least_margin_percent, self.longest_days)


class Rollback(Section):
    """Which coupons come back when a paid order is undone, per scene (F119–F122)."""

    order_unpaid: tuple[str, ...] = ("any",)
    order_cancelled: tuple[str, ...] = ("any",)
    refund_before_shipping: tuple[str, ...] = ("any",)
    after_sale_return: tuple[str, ...] = ("scope:all",)

    def value(self) -> RollbackTable:
        return RollbackTable(**self.model_dump())

    @model_validator(mode="after")
    def _known_words(self) -> Rollback:
        self.value()  # an unknown word is an error when the settings are read, not at the first return
        return self


class Pricing(Section):
    """What a cart costs beside its coupons: worth of points, and what a line must still earn (F053, F107)."""

    points_per_yuan: int = Field(100, ge=1)
    least_margin_percent: int = Field(10, ge=0, le=99)
    margin_mode: Literal["warn", "refuse", "floor"] = "warn"

    def margin(self) -> Margin:
        return Margin(self.least_margin_percent, self.margin_mode)


class Meeting(Section):
    """Whether two things may meet in one order, except for the named pairs (or kinds)."""

    together: bool = True
    exceptions: tuple[Any, ...] = Field((), alias="except")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StackRules(Section):
    """Which coupons may meet in one order, and what else they may meet there (F104–F111)."""

    mode: Literal["stack", "single"] = "stack"
    max_coupons: int = Field(5, ge=1, le=20)
    same_kind: bool = False
    kinds: Meeting = Meeting()
    activities: Meeting = Meeting()
    points: Meeting = Meeting()
    owners: Meeting = Meeting()

    def value(self) -> Stacking:
        data = self.model_dump(mode="json", by_alias=True)
        data["owners"] = {"together": self.owners.together}
        return Stacking.from_data(data)

    @model_validator(mode="after")
    def _known_words(self) -> StackRules:
        self.value()  # an unknown kind is an error when the settings are read, not at the first order
        return self


class Claims(Section):
    """What a link to an older account means for a newcomer coupon, and how often is too often (F063, F064, F208)."""

    newcomer_phone: Literal["refuse", "look"] = "refuse"
    newcomer_identity: Literal["refuse", "look"] = "refuse"
    newcomer_device: Literal["refuse", "look"] = "refuse"
    newcomer_address: Literal["refuse", "look"] = "look"
    wrong_codes_per_minute: int = Field(10, ge=1)
    sign_in_days: int = Field(7, ge=1)
    shares_per_day: int = Field(3, ge=1)

    def links(self) -> NewcomerLinks:
        return NewcomerLinks(self.newcomer_phone, self.newcomer_identity, self.newcomer_device, self.newcomer_address)


class Checks(Section):
    """Plain rules beside the model (F183–F186)."""

    large_order_cents: int = Field(500_000, ge=1)
    orders_in_a_row: int = Field(5, ge=1)
    orders_within_minutes: int = Field(10, ge=1)
    device_accounts: int = Field(3, ge=2)
    ip_claims_per_minute: int = Field(50, ge=1)
    capped_per_day: int = Field(1, ge=1)


class Webhooks(Section):
    """Empty key: the one of ``risk``. ``allow_private`` lets webhooks go to this machine, for development."""

    signing_key: str = ""
    allow_private: bool = False
