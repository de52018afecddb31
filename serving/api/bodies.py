"""What the coupons app takes: strict JSON bodies; numbers must be numbers, extra fields are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from serving.coupons.cart import MAX_LINES, MAX_UNITS, Cart, Line
from serving.coupons.kinds import Kind, NoThreshold, Percent, ThresholdCut
from serving.coupons.money import MAX_CENTS
from serving.coupons.scope import Scope
from serving.coupons.template import Campaign, Template
from serving.coupons.validity import DaysFromClaim, FixedDates, Validity
from serving.issuer import Who
from serving.review.case import Flag, Reason
from serving.scoring.messages import Action, Identifier, Name

Cents = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
Positive = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]+$")]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f|]+$")]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Access = Literal["closed", "decision", "open"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ThresholdCutBody(Body):
    """Spend ``minimum_cents``, take ``face_cents`` off."""

    kind: Literal["threshold_cut"]
    minimum_cents: Cents
    face_cents: Cents
    strict: Annotated[bool, Field(strict=True)] = False

    def value(self) -> Kind:
        return ThresholdCut(self.minimum_cents, self.face_cents, self.strict)


class PercentBody(Body):
    """``percent_off`` % off, at most ``cap_cents``."""

    kind: Literal["percent"]
    percent_off: Annotated[int, Field(strict=True, ge=1, le=99)]
    cap_cents: Cents
    minimum_cents: Cents = 0
    strict: Annotated[bool, Field(strict=True)] = False

    def value(self) -> Kind:
        return Percent(self.percent_off, self.cap_cents, self.minimum_cents, self.strict)


class NoThresholdBody(Body):
    """``face_cents`` off any price."""

    kind: Literal["no_threshold"]
    face_cents: Cents

    def value(self) -> Kind:
        return NoThreshold(self.face_cents)


class FixedBody(Body):
    """Shop-local dates, both included."""

    kind: Literal["fixed"]
    first: date
    last: date

    def value(self) -> Validity:
        return FixedDates(self.first, self.last)


class DaysBody(Body):
    """Shop-local days; the day of the claim is day 1."""

    kind: Literal["days"]
    days: Annotated[int, Field(strict=True, ge=1, le=3660)]

    def value(self) -> Validity:
        return DaysFromClaim(self.days)


class TemplateBody(Body):
    """A new template; it is closed until ``access`` says otherwise."""

    template_id: Slug
    name: Title
    deduction: Annotated[ThresholdCutBody | PercentBody | NoThresholdBody, Field(discriminator="kind")]
    validity: Annotated[FixedBody | DaysBody, Field(discriminator="kind")]
    scope: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^(all|(category|sku):.+)$")] = (
        "all"
    )
    without: list[Word] = Field(default_factory=list, max_length=1000)
    terminals: list[Word] = Field(default_factory=list, max_length=20)
    quantity: Positive | None = None
    per_user: Positive | None = None
    per_user_day: Positive | None = None
    campaign_id: Slug | None = None
    access: Access = "closed"

    def value(self) -> Template:
        return Template(
            self.template_id,
            self.name,
            self.deduction.value(),
            self.validity.value(),
            Scope.parse(self.scope, tuple(self.without)),
            tuple(self.terminals),
            self.quantity,
            self.per_user,
            self.per_user_day,
            self.campaign_id,
            self.access,
        )


class AccessBody(Body):
    """Open or close a template; ``reason`` is kept with who did it."""

    access: Access
    reason: Text


class CampaignBody(Body):
    campaign_id: Slug
    name: Title
    budget_cents: Cents
    liability_cents: Cents | None = None

    def value(self) -> Campaign:
        return Campaign(self.campaign_id, self.name, self.budget_cents, self.liability_cents)


class WhoBody(Body):
    """The user and what came with the request; identifiers are hashed before they are stored."""

    user_id: Name
    device_id: Identifier | None = None
    ip: Identifier | None = None
    address: Identifier | None = None

    def who(self) -> Who:
        return Who(self.user_id, self.device_id, self.ip, self.address)


class TriggerBody(WhoBody):
    """Something happened to a user that may be worth a coupon."""

    trigger: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = "session"
    campaign_id: Slug | None = None


class ClaimBody(WhoBody):
    """Claim the offer of a decision, or a template that is open to all."""

    template_id: Slug | None = None
    decision_id: Slug | None = None

    @model_validator(mode="after")
    def _something(self) -> ClaimBody:
        if self.template_id is None and self.decision_id is None:
            raise ValueError("a template_id or a decision_id")
        return self


class LineBody(Body):
    line_no: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    sku: Word
    category: Word
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]
    unit_price_cents: Cents
    unit_floor_cents: Cents = 0


class CartBody(Body):
    lines: list[LineBody] = Field(min_length=1, max_length=MAX_LINES)
    terminal: Word = "web"
    freight_cents: Cents = 0

    def value(self) -> Cart:
        lines = tuple(Line(**line.model_dump()) for line in self.lines)
        return Cart(lines, self.terminal, self.freight_cents)


class QuoteBody(Body):
    user_id: Name
    cart: CartBody


class HoldBody(Body):
    user_id: Name
    coupon_id: Slug
    order_id: Slug
    cart: CartBody


class RedemptionBody(Body):
    """Pay the order of a hold, or hold and pay in one step with ``coupon_id``, ``order_id`` and ``cart``."""

    user_id: Name
    hold_id: Slug | None = None
    coupon_id: Slug | None = None
    order_id: Slug | None = None
    cart: CartBody | None = None

    @model_validator(mode="after")
    def _one_way(self) -> RedemptionBody:
        given = [part is not None for part in (self.coupon_id, self.order_id, self.cart)]
        if any(given) if self.hold_id is not None else not all(given):
            raise ValueError("either hold_id, or coupon_id with order_id and cart")
        return self

    def direct(self) -> tuple[str, str, CartBody]:
        """The parts of a redemption without a hold."""
        if self.coupon_id is None or self.order_id is None or self.cart is None:
            raise ValueError("not a redemption without a hold")
        return self.coupon_id, self.order_id, self.cart


class RollbackBody(Body):
    """Undo an order: ``hold_id`` before, ``redemption_id`` after it was paid."""

    user_id: Name
    scene: Literal["order_unpaid", "order_cancelled", "refund_before_shipping", "after_sale_return"]
    hold_id: Slug | None = None
    redemption_id: Slug | None = None

    @model_validator(mode="after")
    def _one_of(self) -> RollbackBody:
        if (self.hold_id is None) == (self.redemption_id is None):
            raise ValueError("either hold_id or redemption_id")
        if self.hold_id is not None and self.scene not in ("order_unpaid", "order_cancelled"):
            raise ValueError("order_unpaid or order_cancelled for a hold")
        return self


class RefundUnits(Body):
    """Unit numbers (from 1) of one line."""

    line_no: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    units: list[Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)]] = Field(min_length=1, max_length=MAX_UNITS)


class RefundBody(Body):
    user_id: Name
    redemption_id: Slug
    lines: list[RefundUnits] = Field(min_length=1, max_length=MAX_LINES)

    def units(self) -> list[tuple[int, int]]:
        return [(line.line_no, unit) for line in self.lines for unit in line.units]


class ReasonBody(Body):
    code: Word
    en: Text
    zh: Text


class FlagBody(Body):
    user_id: Name
    score: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
    action: Action
    ring_id: Slug | None = None
    reasons: list[ReasonBody] = Field(default_factory=list, max_length=20)

    def value(self) -> Flag:
        reasons = tuple(Reason(reason.code, reason.en, reason.zh) for reason in self.reasons)
        return Flag(self.user_id, self.score, self.action, reasons, self.ring_id)


class FlagsBody(Body):
    """Flags of a run of the abuse flow; they become or refresh review cases."""

    flags: list[FlagBody] = Field(min_length=1, max_length=5000)
