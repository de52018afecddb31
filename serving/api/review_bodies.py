"""What the review desk takes: flags of a run of the abuse flow, and what the run knew of each ring and account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from serving.api.words import Action, Body, Cents, Instant, Name, Slug, Text, Word
from serving.api.words import Flag as Truth
from serving.review.case import Flag, Reason
from serving.review.evidence import brought
from serving.review.evidence.brought import COUPONS, LINES, MEMBERS, SIGHTS, THINGS, Account, Brought, Place, Sums
from serving.review.evidence.parts import WHATS, Moment, Sight

Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
# A raw device, phone or address can never come in by mistake: only hashes of the installation's key have this shape.
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Kind = Literal["device", "ip", "address", "phone", "identity"]
HubCode = Annotated[str, StringConstraints(max_length=20, pattern=r"^[a-z_]*$")]
What = Annotated[str, StringConstraints(pattern=f"^({'|'.join(WHATS)})$")]
Version = Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00-\x1f\x7f|]*$")]


class ReasonBody(Body):
    """One reason in words; ``code`` names the feature or rule."""

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


class AccountBody(Body):
    """A member as the shop's tables have it."""

    user_id: Name
    registered_at: Instant | None = None
    orders: Count = 0


class CentsBody(Body):
    """A member's coupon: what it could still take off, what it took off, and what of that came back."""

    coupon_id: Name
    user_id: Name
    unused_cents: Cents = 0
    redeemed_cents: Cents = 0
    refunded_cents: Cents = 0


class SightBody(Body):
    """A member was seen on a thing; ``value`` is the keyed hash under which the ledger knows it."""

    user_id: Name
    kind: Kind
    value: Hash
    first_seen: Instant
    last_seen: Instant
    times: Annotated[int, Field(strict=True, ge=1, le=10**9)] = 1


class PlaceBody(Body):
    """A thing with the accounts on it, in the ring and outside; ``hub`` is a code of the hub rules or empty."""

    kind: Kind
    value: Hash
    members: Count
    outsiders: Count = 0
    settled: Count = 0
    hub: HubCode = ""
    first_seen: Instant
    last_seen: Instant


class LineBody(Body):
    """Something that a member did, at its moment."""

    at: Instant
    user_id: Name
    what: What
    coupon_id: Name | None = None
    template_id: Name | None = None
    order_id: Name | None = None
    cents: Cents | None = None
    word: Version = ""


class SumsBody(Body):
    """Figures of the whole ring, beyond the rows that are listed."""

    accounts: Annotated[int, Field(strict=True, ge=1, le=10**9)]
    old: Count = 0
    ordering: Count = 0
    coupons: Count = 0
    unused_cents: Cents = 0
    redeemed_cents: Cents = 0
    refunded_cents: Cents = 0
    templates: Count = 0
    things: Count = 0
    first: Instant | None = None
    last: Instant | None = None


class EvidenceBody(Body):
    """What the run knew of one ring or account from the shop's tables; it replaces what an earlier run said."""

    ring_id: Slug | None = None
    user_id: Name | None = None
    as_of: Instant
    models: dict[Word, Version] = Field(default_factory=dict, max_length=10)
    members: list[AccountBody] = Field(min_length=1, max_length=MEMBERS)
    coupons: list[CentsBody] = Field(default_factory=list, max_length=COUPONS)
    sights: list[SightBody] = Field(default_factory=list, max_length=SIGHTS)
    things: list[PlaceBody] = Field(default_factory=list, max_length=THINGS)
    timeline: list[LineBody] = Field(default_factory=list, max_length=LINES)
    timeline_cut: Truth = False
    totals: SumsBody

    @model_validator(mode="after")
    def _subject(self) -> EvidenceBody:
        if (self.ring_id is None) == (self.user_id is None):
            raise ValueError("ring_id or user_id, and only one of them")
        return self

    def value(self) -> Brought:
        return Brought(
            f"ring:{self.ring_id}" if self.ring_id is not None else f"user:{self.user_id}",
            _naive(self.as_of),
            tuple(sorted(self.models.items())),
            tuple(Account(**_fields(row)) for row in self.members),
            tuple(brought.Cents(**_fields(row)) for row in self.coupons),
            tuple(Sight(**_fields(row)) for row in self.sights),
            tuple(Place(**_fields(row)) for row in self.things),
            tuple(Moment(**_fields(row)) for row in self.timeline),
            self.timeline_cut,
            Sums(**_fields(self.totals)),
        )


class FlagsBody(Body):
    """Flags of a run of the abuse flow; they become or refresh review cases.

    ``version`` names what scored; ``evidence`` is shown with the cases of its rings and accounts.
    """

    flags: list[FlagBody] = Field(min_length=1, max_length=5000)
    version: Version = ""
    evidence: list[EvidenceBody] = Field(default_factory=list, max_length=5000)


def _fields(body: Body) -> dict[str, Any]:
    """The fields by name, with naive moments."""
    values = {name: getattr(body, name) for name in type(body).model_fields}
    return {name: _naive(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
