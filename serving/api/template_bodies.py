"""What operators send: templates, their access, and campaigns, as strict bodies.

A template is sent under the names under which it is stored, with ``deduction`` for its kind. What fields must be to
each other is checked by the domain, which names the field too.
"""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

from serving.api.kind_bodies import Deduction
from serving.api.words import Body, Category, Cents, Day, Flag, Percentage, Positive, Slug, Text, Title, Word
from serving.coupons.catalogue import template_from_data
from serving.coupons.kinds import Bundle, CategoryPercent, Kind, SpecialPrice, kind_to_data
from serving.coupons.money import InvalidError
from serving.coupons.template import Campaign, Template

Access = Literal["closed", "decision", "open"]
Place = Literal["coupon_centre", "product_page", "venue_page", "activity", "order_confirmation", "personal_centre"]
Channel = Literal["app_push", "sms", "email", "in_app", "official_account", "pop_up", "community"]
_CATEGORY = TypeAdapter(Category)
Link = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x20\x7f]+$")]


def _clock(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\d{2}:\d{2}(:\d{2})?", value):
        raise ValueError("a time of day as HH:MM")
    return value


def _goods(scope: str) -> str:
    of, _, names = scope.partition(":")
    for name in names.split("|") if of == "category" else ():
        _CATEGORY.validate_python(name)
    return scope


def _some_or_unlimited(value: int) -> int:
    if value == 0:
        raise ValueError("-1 (unlimited) or at least 1")
    return value


Clock = Annotated[time, BeforeValidator(_clock)]
Quantity = Annotated[int, Field(strict=True, ge=-1, le=10**9), AfterValidator(_some_or_unlimited)]


class FixedBody(Body):
    """Shop-local dates, both included."""

    kind: Literal["fixed"]
    first: Day = Field(examples=["2026-11-11"])
    last: Day = Field(examples=["2026-11-11"])


class DaysBody(Body):
    """Shop-local days; the day of the claim is day 1. Forms offer 3, 7, 15 and 30."""

    kind: Literal["days"]
    days: Annotated[int, Field(strict=True, ge=1, le=3660, examples=[7])]


class MinutesBody(Body):
    """Minutes from the claim, for coupons of some hours."""

    kind: Literal["minutes"]
    minutes: Annotated[int, Field(strict=True, ge=1, le=5_270_400, examples=[120])]


class WindowBody(Body):
    """When the coupon may be used, by the shop's clock: before ``end``, which is tomorrow's where it is not later."""

    start: Clock = Field(time(0), examples=["08:00"])
    end: Clock = Field(time(0), examples=["10:00"])
    weekdays: list[Annotated[int, Field(strict=True, ge=1, le=7)]] = Field([], description="1 Monday … 7 Sunday")
    month_days: list[Annotated[int, Field(strict=True, ge=1, le=31)]] = Field([], examples=[[8]])
    months: list[Annotated[int, Field(strict=True, ge=1, le=12)]] = Field([])


class SlotBody(Body):
    """Hours of every day in which the coupon may be claimed, with a quota of their own."""

    start: Clock = Field(examples=["10:00"])
    end: Clock = Field(examples=["10:30"])
    quota: Positive = Field(examples=[100])


class AudienceBody(Body):
    """Whom the coupon is for; what is left out asks nothing."""

    tags: list[Word] = Field([], max_length=50, description="any of these")
    without_tags: list[Word] = Field([], max_length=50, description="none of these")
    member_tiers: list[Word] = Field([], max_length=50)
    newcomer: Flag = False
    first_order: Flag = False
    phone_verified: Flag = False
    identity_verified: Flag = False
    birthday_month: Flag = False


class BearersBody(Body):
    """Who pays the discount, in percent; together 100."""

    platform: Percentage = 100
    merchant: Percentage = 0
    supplier: Percentage = 0


class CardBody(Body):
    """What cards and places show."""

    link: Link | None = Field(None, description="https://… or a place in an app", examples=["shop://category/beauty"])
    image: Link | None = Field(None, examples=["https://img.example.com/coupon.png"])
    description: Text = ""
    places: list[Place] = Field(["coupon_centre", "personal_centre", "order_confirmation"], max_length=6)
    channels: list[Channel] = Field([], max_length=7, description="by which a push is sent")


class TemplateBody(Body):
    """A new template, or the next version of one; it is closed until ``access`` says otherwise."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Newcomer 99-20",
                    "deduction": {"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2000},
                    "validity": {"kind": "days", "days": 7},
                    "coupon_class": "newcomer",
                    "audience": {"newcomer": True},
                    "quantity": 500,
                    "per_user": 1,
                    "campaign_id": "spring",
                }
            ]
        }
    )

    template_id: Slug | None = Field(None, description="made by the server when left out", examples=["newcomer_99_20"])
    name: Title
    deduction: Deduction
    validity: Annotated[FixedBody | DaysBody | MinutesBody, Field(discriminator="kind")]
    coupon_class: Word = Field("general", description="one of the classes of the kind", examples=["newcomer"])
    scope: (
        Annotated[
            str,
            StringConstraints(max_length=2000, pattern=r"^(all|(category|sku|brand|merchant|tag):[^\x00-\x1f\x7f]+)$"),
            AfterValidator(_goods),
        ]
        | None
    ) = Field(
        None,
        description="all, or names of one sort; left out: the goods that the deduction names, else all",
        examples=["category:beauty|apparel"],
    )
    without: list[Word] = Field([], max_length=1000, description="SKUs that never take part")
    regular_only: Flag = Field(False, description="leave out special-price and flash-sale goods")
    terminals: list[Word] = Field([], max_length=20, description="none: all terminals", examples=[["app"]])
    windows: list[WindowBody] = Field([], max_length=50, description="none: at any time")
    audience: AudienceBody = AudienceBody()
    quantity: Quantity = Field(description="in all; -1 is unlimited", examples=[500])
    per_user: Quantity | None = Field(
        None, description="per user in all, -1 is unlimited; this or per_user_day has to be given", examples=[1]
    )
    per_user_day: Positive | None = Field(None, description="per user and day; instead of per_user")
    per_device: Positive | None = None
    per_ip: Positive | None = None
    per_address: Positive | None = None
    day_quota: Positive | None = Field(None, description="for all users per shop-local day")
    slots: list[SlotBody] = Field([], max_length=50)
    carry: Flag = Field(False, description="what a slot leaves goes to the next one of the day")
    delivery: Literal["claim", "push", "code", "automatic"] = "claim"
    owner: Literal["platform", "merchant"] = "platform"
    merchant_id: Slug | None = None
    bearers: BearersBody = BearersBody()
    uses: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    stackable: Flag = True
    minimum_on: Literal["before", "left"] = Field(
        "before", description="measure the minimum before any coupon, or on what earlier coupons left"
    )
    pool_cents: Annotated[Cents, Field(ge=1)] | None = Field(
        None, description="the most that all draws of a random amount may promise"
    )
    card: CardBody = CardBody()
    activity_type: Literal["limited_time_discount", "platform_coupon", "preorder"] | None = None
    campaign_id: Slug | None = None
    access: Access = "closed"

    def value(self, template_id: str = "") -> Template:
        """The template; ``template_id`` is the number that the server gives one that comes without (F051).

        Raises ``InvalidError``, which names the field, for fields that do not go together.
        """
        if self.per_user is not None and self.per_user_day is not None:
            raise InvalidError("per_user_day", self.per_user_day, "a limit per day or in all, not both")
        if self.per_user is None and self.per_user_day is None:
            # Unlimited has to be said: a limit that was forgotten is how shops lose millions (F041).
            raise InvalidError("per_user", None, "-1 (unlimited) or a number in all, unless per_user_day is given")
        kind = self.deduction.value()
        data = self.model_dump(mode="json", exclude={"template_id", "deduction", "access"})
        data["template_id"] = self.template_id or template_id
        data["kind"] = kind_to_data(kind)
        data["scope"] = self.scope or self._named_goods(kind)
        for limit in ("quantity", "per_user"):
            data[limit] = None if data[limit] == -1 else data[limit]
        data["version"] = 1
        return template_from_data(data, self.access)

    def _named_goods(self, kind: Kind) -> str:
        """The scope of a coupon that comes without one."""
        if self.owner == "merchant" and self.merchant_id is not None:
            return f"merchant:{self.merchant_id}"
        match kind:
            case CategoryPercent(rates=rates):
                return "category:" + "|".join(rate.category for rate in rates)
            case SpecialPrice(prices=prices):
                return "sku:" + "|".join(special.sku for special in prices)
            case Bundle(items=items):
                return "sku:" + "|".join(item.sku for item in items)
            case _:
                return "all"


class AccessBody(Body):
    """Open or close a template; ``reason`` is kept with who did it."""

    access: Access
    reason: Text = Field(examples=["the campaign begins"])


class CampaignBody(Body):
    """A campaign and its caps; no ``liability_cents`` means no cap on the face value of live coupons."""

    campaign_id: Slug = Field(examples=["spring"])
    name: Title = Field(examples=["Spring sale"])
    budget_cents: Cents = Field(description="caps held and spent discount", examples=[3_000_000])
    liability_cents: Cents | None = None

    def value(self) -> Campaign:
        return Campaign(self.campaign_id, self.name, self.budget_cents, self.liability_cents)
