"""What a reviewer sees of one case, as plain values: pages draw them and never ask the ledger themselves.

Money is integer cents, moments are naive UTC. Values of things are keyed hashes (``serving.privacy``), 32 hex digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from serving.review.case import Reason

KINDS = ("device", "ip", "address", "phone", "identity")
"""Kinds of things that accounts share."""

WHATS = (
    "registered",
    "claim",
    "hold",
    "redemption",
    "refund",
    "rollback",
    "expired",
    "revoked",
    "restored",
    "flag",
    "verdict",
    "action",
    "order",
)
"""What a line of the timeline tells; ``order`` is an order without a coupon, from the shop's tables."""


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in both languages."""

    en: str
    zh: str

    def __call__(self, language: str) -> str:
        """The sentence in a page's language.

        >>> Words("one device", "一台设备")("zh")
        '一台设备'
        """
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Member:
    """An account of the case; ``standing`` is what holds for it through this case now (None: nothing).

    ``orders`` are the larger of what the shop says and what was redeemed here; ``at_risk_cents`` is what its coupons
    could still take off plus what they took off and was not refunded.
    """

    user_id: str
    score: float
    action: str
    standing: str | None
    registered_at: datetime | None
    orders: int
    coupons: int
    at_risk_cents: int
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """A member was seen on a thing: ``times`` sightings (at least) between the two moments."""

    user_id: str
    kind: str
    value: str
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Hub:
    """The kind of place that a thing probably is, in the words of ``configs/hubs.yaml``, and the sentence for it."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that accounts share; ``members`` and ``outsiders`` are accounts in the case and others seen on it.

    ``settled`` of the outsiders are older than thirty days, have orders of their own or were cleared by a person.
    ``at_least``: more outsiders were there than were looked at.
    """

    kind: str
    value: str
    members: int
    outsiders: int
    settled: int
    hub: Hub | None
    first_seen: datetime
    last_seen: datetime
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A link that holds the ring together; ``strength`` from 0 to 1 falls with the accounts on the thing."""

    user_id: str
    kind: str
    value: str
    strength: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline, ``what`` is one of ``WHATS``; ``cents`` where money is told of, always positive.

    ``word`` is the action that was taken or suggested, the verdict, or the reason why a coupon was revoked.
    """

    at: datetime
    user_id: str
    what: str
    coupon_id: str | None = None
    template_id: str | None = None
    order_id: str | None = None
    cents: int | None = None
    word: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of the whole ring, members beyond ``limit`` included.

    ``unused_cents``: face value times the uses left of coupons that still can be used; ``redeemed_cents``: discount of
    orders that were paid and not undone; ``refunded_cents``: the part of it that came back; ``at_risk_cents``: unused
    + redeemed - refunded. ``minutes`` lie between the first and the last claim. ``exact`` is False only where history
    of the shop's tables overlaps with the ledger and was too long to be kept whole: sums are then at least this.
    """

    coupons: int
    unused_cents: int
    redeemed_cents: int
    refunded_cents: int
    at_risk_cents: int
    accounts: int
    things: int
    minutes: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Similar:
    """A decided case that looked alike; ``likeness`` from 0 to 1 and why."""

    case_id: str
    verdict: str
    action: str
    decided_at: datetime
    likeness: float
    why: Words


@dataclass(frozen=True, slots=True)
class Scored:
    """How the case was scored when it was opened or changed; ``version`` is empty where the source named none."""

    at: datetime
    score: float
    source: str
    version: str
    members: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one case; lists are bounded, totals are not.

    ``members`` are the first ``limit`` of ``member_count``; sights, holding and timeline speak of these.
    ``timeline_cut`` and ``things_cut`` say that older lines, or less shared things, were left out.
    """

    case_id: str
    members: tuple[Member, ...]
    member_count: int
    sights: tuple[Sight, ...]
    things: tuple[Thing, ...]
    holding: tuple[Hold, ...]
    timeline: tuple[Moment, ...]
    totals: Totals
    headline: Words
    against: tuple[Words, ...]
    similar: tuple[Similar, ...]
    history: tuple[Scored, ...]
    timeline_cut: bool = False
    things_cut: bool = False
    versions: tuple[tuple[str, str], ...] = field(default=())
