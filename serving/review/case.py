"""A case: the flags of one ring or one user, open until a person decides; its state is the fold of its events.

Actions are graded and reversible. Until a person has decided, a machine may at most withhold new coupons: revoking,
freezing and blocking wait for a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

ACTIONS = ("allow", "cap", "hold", "step_up", "withhold", "revoke", "freeze", "block")
VERDICTS = ("abusive", "legitimate")
OPEN, DECIDED = "open", "decided"
_MACHINE_LIMIT = ACTIONS.index("withhold")

OPENED, UPDATED, JUDGED = "case.opened", "case.updated", "case.decided"


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
class Case:
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

    def standing(self, flag: Flag) -> str | None:
        """What holds for the user of a flag now; None while a case only asks a person to look.

        An "allow" that a person has decided clears the user; an "allow" that nobody has decided says nothing.
        """
        if self.state == DECIDED:
            return "allow" if self.verdict == "legitimate" else str(self.action)
        if flag.action == "allow":
            return None
        return ACTIONS[min(ACTIONS.index(flag.action), _MACHINE_LIMIT)]


def merged(case: Case, flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The case's flags with newer ones in place of older ones of the same user, strongest first."""
    by_user = {flag.user_id: flag for flag in (*case.flags, *flags)}
    return strongest_first(by_user.values())


def strongest_first(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: (-flag.score, flag.user_id)))


def apply(case: Case | None, kind: str, data: Mapping[str, Any]) -> Case:
    """The state after an event, as it is stored: used by the store and when the ledger is rebuilt."""
    at = datetime.fromisoformat(data["at"])
    if kind == OPENED and case is None:
        return Case(data["case_id"], data["subject"], data["source"], _flags(data), at)
    if kind == UPDATED and case is not None and case.state == OPEN:
        return replace(case, flags=_flags(data), n=case.n + 1)
    if kind == JUDGED and case is not None and case.state == OPEN:
        return replace(
            case,
            state=DECIDED,
            verdict=data["verdict"],
            action=data["action"],
            decided_by=data["reviewer"],
            decided_at=at,
            note=data["note"],
            n=case.n + 1,
        )
    raise ValueError(f"{kind} of a case that is {case.state if case else 'not open'}")


def flags_to_data(flags: Iterable[Flag]) -> list[dict[str, Any]]:
    return [{**asdict(flag), "reasons": [asdict(reason) for reason in flag.reasons]} for flag in flags]


def _flags(data: Mapping[str, Any]) -> tuple[Flag, ...]:
    return tuple(flag_from_data(value) for value in data["flags"])


def flag_from_data(value: Mapping[str, Any]) -> Flag:
    reasons = tuple(Reason(**reason) for reason in value["reasons"])
    return Flag(value["user_id"], value["score"], value["action"], reasons, value["ring_id"])
