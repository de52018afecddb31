"""Who moved which alias of a model when and why: an append-only trail that lives as tags of the versions.

MLflow keeps where an alias points, not where it pointed. Every move writes one tag to the version that it names, under
a number of its own, so that the trail of a model is the union over its versions and no move overwrites an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from features.errors import InputError

CHAMPION, CHALLENGER = "champion", "challenger"
PROMOTE, ROLL_BACK, CLEAR = "promote", "rollback", "clear"
GATE = "gate"
LONGEST_REASON = 1000
_TAG = "alias_move_"


@dataclass(frozen=True)
class Move:
    """One move of an alias to ``version`` (for ``clear``: away from it); ``before`` is where it pointed, "" nowhere.

    ``by`` is a person's name, or the gate or flow that decided; ``at`` is UTC in ISO 8601, to the second.
    """

    number: int
    alias: str
    action: str
    version: str
    before: str
    by: str
    reason: str
    at: str

    def tag(self) -> tuple[str, str]:
        """Name and text of the tag that holds it."""
        return f"{_TAG}{self.number:06d}", json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Version:
    """A version without its files: ``logged_at`` UTC, what points at it, its tags (the digest among them)."""

    name: str
    version: str
    logged_at: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def gate(self) -> str:
        """``passed``, ``not passed``, or "" where no gate has looked at it."""
        return self.tags.get("gate", "")


def moves_of(tags: Iterable[Mapping[str, str]]) -> tuple[Move, ...]:
    """The trail of a model from the tags of all its versions, oldest first."""
    found = [Move(**json.loads(text)) for one in tags for name, text in one.items() if name.startswith(_TAG)]
    return tuple(sorted(found, key=lambda move: move.number))


def previous(moves: Iterable[Move], alias: str = CHAMPION) -> str | None:
    """The version to roll back to: the one before the newest that has not been rolled back; None where there is none.

    Promotions pile up and a rollback takes the top one off, so that rolling back twice goes two steps back and not to
    and fro.
    """
    pile: list[str] = []
    for move in moves:
        if move.alias != alias:
            continue
        if move.action == ROLL_BACK and len(pile) > 1:
            pile.pop()
        elif move.action == PROMOTE and (not pile or pile[-1] != move.version):
            if not pile and move.before:
                pile.append(move.before)
            pile.append(move.version)
    return pile[-2] if len(pile) > 1 else None


def check_reason(by: str, reason: str) -> None:
    """A person who moves an alias says who they are and why, in a line that fits a tag."""
    for name, text in (("by", by), ("reason", reason)):
        if not text.strip() or len(text) > LONGEST_REASON or "\n" in text:
            raise InputError(name, text, f"one line of 1 to {LONGEST_REASON} characters")
