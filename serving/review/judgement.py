"""What a person says of a case: one verdict and action for all, exceptions by member, a reason that can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from features.errors import InputError
from serving.review.codes import REASON_CODES, needs_note

ACTIONS = ("allow", "watch", "cap", "hold", "step_up", "withhold", "revoke", "freeze", "block")
"""From the mildest to the strictest; ``watch`` keeps a user flagged and withholds nothing."""
WATCH = "watch"
ABUSIVE, LEGITIMATE = "abusive", "legitimate"
VERDICTS = (ABUSIVE, LEGITIMATE)
MOST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Judgement:
    """``members`` are the users for whom something else holds: (verdict, action).

    ``seen`` is how many members the page showed; a case that has grown since is not judged on it.
    """

    verdict: str
    action: str
    reason_code: str
    note: str = ""
    members: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    seen: int | None = None

    def of(self, user_id: str) -> tuple[str, str]:
        """(verdict, action) of one member."""
        return self.members.get(user_id, (self.verdict, self.action))

    @property
    def actions(self) -> frozenset[str]:
        """Every action that it takes."""
        return frozenset({self.action, *(action for _, action in self.members.values())})


def check(judgement: Judgement) -> None:
    """Raises ``InputError`` for words that do not belong together, a reason of the other verdict, or no note where the
    reason says nothing by itself."""
    _pair(judgement.verdict, judgement.action)
    for verdict, action in judgement.members.values():
        _pair(verdict, action)
    codes = REASON_CODES[judgement.verdict]
    if judgement.reason_code not in codes:
        raise InputError("reason_code", judgement.reason_code[:80], f"one of: {', '.join(codes)}")
    if len(judgement.note) > MOST_NOTE:
        raise InputError("note", f"{len(judgement.note)} characters", f"at most {MOST_NOTE} characters")
    if needs_note(judgement.reason_code) and not judgement.note.strip():
        raise InputError("note", "nothing", "a few words, for a reason that says nothing by itself")


def judgement_to_data(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict,
        "action": judgement.action,
        "reason_code": judgement.reason_code,
        "note": judgement.note,
        "members": {user_id: list(judgement.members[user_id]) for user_id in sorted(judgement.members)},
    }


def judgement_from_data(data: Mapping[str, Any]) -> Judgement:
    """A judgement out of an event; those of before had neither reasons nor exceptions."""
    members = {user_id: (verdict, action) for user_id, (verdict, action) in data.get("members", {}).items()}
    return Judgement(data["verdict"], data["action"], data.get("reason_code", ""), data["note"], members)


def _pair(verdict: str, action: str) -> None:
    if verdict not in VERDICTS:
        raise InputError("verdict", verdict[:80], f"one of: {', '.join(VERDICTS)}")
    if action not in ACTIONS:
        raise InputError("action", action[:80], f"one of: {', '.join(ACTIONS)}")
    if (verdict == LEGITIMATE) != (action == "allow"):
        raise InputError("action", action, "allow for a legitimate account, anything stricter for an abusive one")
