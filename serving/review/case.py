"""A case: the flags of one ring or one user, open until a person decides; its state is the fold of its events.

Actions are graded and reversible. Until a person has decided, a machine may at most withhold new coupons: revoking,
freezing and blocking wait for a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from serving.review.judgement import ABUSIVE, ACTIONS, LEGITIMATE, VERDICTS, WATCH, Judgement

__all__ = [
    "ABUSIVE", "ACTIONS", "LEGITIMATE", "VERDICTS", "WATCH", "Case", "Declined", "Flag", "Judgement", "Reason",
    "Released", "Undone",
]  # fmt: skip

OPEN, DECIDED = "open", "decided"
AUDIT, SECOND = "audit", "second"
"""Sources of cases that are looked at blind: a slice of what nothing flagged, and copies for a second look."""
_MACHINE_LIMIT = ACTIONS.index("withhold")

OPENED, UPDATED, JUDGED = "case.opened", "case.updated", "case.decided"
CLAIMED, LET_GO, SNOOZED = "case.claimed", "case.let_go", "case.snoozed"
PROPOSED, DECLINED = "case.proposed", "case.declined"
UNDONE, RELEASED = "case.undone", "case.member_released"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in words: ``code`` names the feature or rule behind it."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Flag:
    """What a flow or a claim says of one user; ``score`` in [0, 1], higher is more suspicious."""

    user_id: str
    score: float
    action: str
    reasons: tuple[Reason, ...] = ()
    ring_id: str | None = None

    @property
    def subject(self) -> str:
        return f"ring:{self.ring_id}" if self.ring_id else f"user:{self.user_id}"


@dataclass(frozen=True, slots=True)
class Declined:
    """The last proposal that came to nothing; ``by`` is empty when new members made it void."""

    by: str
    proposer: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """Who took the last decision back, and why."""

    by: str
    reason_code: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Released:
    """A member whom an appeal has cleared, whatever the case says of the others."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """``lease_until`` and ``snoozed_until`` are ends: what lies before now holds no longer.

    ``action``, ``verdict``, ``reason_code``, ``note`` and ``exceptions`` are those of the decision; ``decided_by`` made
    it and ``approved_by``, where two were needed, agreed. ``not_by`` is a person who may not decide it.
    """

    case_id: str
    subject: str
    source: str
    flags: tuple[Flag, ...]
    opened_at: datetime
    state: str = OPEN
    verdict: str | None = None
    action: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""
    n: int = 1
    blind: bool = False
    not_by: str | None = None
    reason_code: str | None = None
    approved_by: str | None = None
    exceptions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    lease_by: str | None = None
    lease_until: datetime | None = None
    snoozed_until: datetime | None = None
    snoozed_by: str | None = None
    snooze_reason: str = ""
    proposal: Judgement | None = None
    proposed_by: str | None = None
    proposed_at: datetime | None = None
    declined: Declined | None = None
    undone: Undone | None = None
    released: Mapping[str, Released] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return max(flag.score for flag in self.flags)

    @property
    def suggested(self) -> str:
        """The strictest action that its flags suggest."""
        return max((flag.action for flag in self.flags), key=ACTIONS.index)

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(flag.user_id for flag in self.flags)

    @property
    def is_ring(self) -> bool:
        return self.subject.startswith("ring:") or len(self.flags) > 1

    @property
    def hidden(self) -> bool:
        """Whether score, reasons, suggestion and source are kept from the reader, so that nothing leads the eye."""
        return self.blind and self.state == OPEN

    def holder(self, now: datetime) -> str | None:
        """Who has the case in hand at ``now``."""
        return self.lease_by if self.lease_until is not None and now < self.lease_until else None

    def asleep(self, now: datetime) -> bool:
        return self.snoozed_until is not None and now < self.snoozed_until

    def verdict_of(self, user_id: str) -> tuple[str, str] | None:
        """(verdict, action) of one member of a decided case; an appeal's word comes before the decision's."""
        if user_id in self.released:
            return LEGITIMATE, "allow"
        if self.state != DECIDED:
            return None
        return self.exceptions.get(user_id, (str(self.verdict), str(self.action)))

    def standing(self, flag: Flag) -> str | None:
        """What holds for the user of a flag now; None while a case only asks a person to look.

        An "allow" that a person has decided clears the user; an "allow" that nobody has decided says nothing. A second
        look says how far people agree, and changes nothing for anybody.
        """
        if self.source == SECOND:
            return None
        decided = self.verdict_of(flag.user_id)
        if decided is not None:
            verdict, action = decided
            return "allow" if verdict == LEGITIMATE else action
        if flag.action == "allow":
            return None
        return ACTIONS[min(ACTIONS.index(flag.action), _MACHINE_LIMIT)]


def merged(case: Case, flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The case's flags with newer ones in place of older ones of the same user, strongest first."""
    by_user = {flag.user_id: flag for flag in (*case.flags, *flags)}
    return strongest_first(by_user.values())


def strongest_first(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: (-flag.score, flag.user_id)))


def flags_to_data(flags: Iterable[Flag]) -> list[dict[str, Any]]:
    return [{**asdict(flag), "reasons": [asdict(reason) for reason in flag.reasons]} for flag in flags]


def flags_of(data: Mapping[str, Any]) -> tuple[Flag, ...]:
    return tuple(flag_from_data(value) for value in data["flags"])


def flag_from_data(value: Mapping[str, Any]) -> Flag:
    reasons = tuple(Reason(**reason) for reason in value["reasons"])
    return Flag(value["user_id"], value["score"], value["action"], reasons, value["ring_id"])
