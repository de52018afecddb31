"""What was typed into the decision form: a judgement when it makes sense, and never lost when it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from features.errors import InputError
from serving.console.forms import Form
from serving.review.judgement import ABUSIVE, ACTIONS, LEGITIMATE, Judgement, check

# The keys 1 to 4; the other actions are in a list.
QUICK = ("allow", "watch", "withhold", "block")
OTHERS = tuple(action for action in ACTIONS if action not in QUICK)
_MEMBER = "as."


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields as they came; ``members`` are the actions chosen for single accounts."""

    action: str = ""
    other: str = ""
    reason_code: str = ""
    note: str = ""
    seen: str = ""
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        return self.other if self.action == "other" else self.action

    def judgement(self) -> Judgement:
        """Raises ``InputError`` for what no judgement can be."""
        if self.chosen not in ACTIONS:
            raise InputError("action", self.chosen[:80], f"one of: {', '.join(ACTIONS)}")
        if not self.seen.isdecimal():
            raise InputError("seen", self.seen[:40], "the number of accounts on the page")
        members = {user_id: _pair(action) for user_id, action in self.members.items() if action != self.chosen}
        made = Judgement(*_pair(self.chosen), self.reason_code, self.note, members, int(self.seen[:9]))
        check(made)
        return made


def typed_of(form: Form, user_ids: Iterable[str]) -> Typed:
    """The form of a case with these members; names of anybody else are not looked at."""
    members = {user_id: found for user_id in user_ids if (found := form.one(_MEMBER + user_id))}
    return Typed(
        form.one("action"), form.one("other"), form.one("reason_code"), form.one("note"), form.one("seen"), members
    )


def _pair(action: str) -> tuple[str, str]:
    return (LEGITIMATE if action == "allow" else ABUSIVE), action
