"""Flags become cases on the ledger's unit of work: one open case per ring or user, every change an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.review.case import ACTIONS, DECIDED, UPDATED, WATCH, Case, Flag, flags_to_data, merged, strongest_first
from serving.review.case_rows import read_case
from serving.review.writing import changed, opened
from serving.store.schema import cases
from serving.store.unit import Answer, Command, Transaction

_CLEARLY = 0.05
"""A watched user comes back when the score rises by more than this, or a stricter action is suggested."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """Cases opened, changed, and left alone because nothing was new."""

    opened: int = 0
    updated: int = 0
    unchanged: int = 0


def upsert(found: Iterable[Flag], source: str, version: str = "") -> Command:
    """Open or refresh one case per ring or user; the same flags twice change nothing. ``version`` is the model's."""
    by_subject = group(found)

    def command(tx: Transaction) -> Answer | Refuse:
        counts = {"opened": 0, "updated": 0, "unchanged": 0}
        for subject in sorted(by_subject):
            counts[put(tx, subject, by_subject[subject], source, version)] += 1
        return Answer(200, counts)

    return command


def group(found: Iterable[Flag]) -> Mapping[str, tuple[Flag, ...]]:
    """Flags by subject; raises ``InputError`` for an action or a score that no flag can have."""
    by_subject: dict[str, dict[str, Flag]] = {}
    for flag in found:
        if flag.action not in ACTIONS:
            raise InputError("action", flag.action, f"one of: {', '.join(ACTIONS)}")
        if not 0 <= flag.score <= 1:
            raise InputError("score", flag.score, "a number from 0 to 1")
        by_subject.setdefault(flag.subject, {})[flag.user_id] = flag
    return {subject: strongest_first(users.values()) for subject, users in by_subject.items()}


def put(
    tx: Transaction,
    subject: str,
    found: tuple[Flag, ...],
    source: str,
    version: str = "",
    blind: bool = False,
    not_by: str | None = None,
) -> str:
    """Open, refresh or leave the case of one subject; says which of ``opened``, ``updated``, ``unchanged``.

    Who has the case in hand keeps it. A ``blind`` case hides what a machine thinks until it is decided, by anybody but
    ``not_by``.
    """
    row = _latest(tx, subject)
    said: dict[str, Any] = {
        "flags": flags_to_data(found),
        "source": source,
        **({"version": version} if version else {}),
    }
    if row is None:
        return _open(tx, subject, said, blind, not_by)
    case = read_case(row)
    if case.state == DECIDED:
        # A person has judged these users: only somebody new, or who is only watched, makes it a new case.
        fresh = tuple(flag for flag in found if _is_news(case, flag))
        return _open(tx, subject, {**said, "flags": flags_to_data(fresh)}, blind, not_by) if fresh else "unchanged"
    flags_now = merged(case, found)
    if flags_now == case.flags:
        return "unchanged"
    changed(tx, case, UPDATED, {**said, "flags": flags_to_data(flags_now)})
    return "updated"


def _is_news(case: Case, flag: Flag) -> bool:
    if flag.user_id not in case.users:
        return True
    decided, known = case.verdict_of(flag.user_id), next(old for old in case.flags if old.user_id == flag.user_id)
    if decided is None or decided[1] != WATCH:
        return False
    return flag.score > known.score + _CLEARLY or ACTIONS.index(flag.action) > ACTIONS.index(known.action)


def _latest(tx: Transaction, subject: str) -> Row[Any] | None:
    return tx.connection.execute(
        select(cases)
        .where(cases.c.subject == subject)
        .order_by(cases.c.state.desc(), cases.c.opened_at.desc(), cases.c.case_id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()


def _open(tx: Transaction, subject: str, said: dict[str, Any], blind: bool, not_by: str | None) -> str:
    hidden = {**({"blind": True} if blind else {}), **({"not_by": not_by} if not_by else {})}
    case_id = tx.ids("case")
    opened(tx, {"case_id": case_id, "subject": subject, **said, **hidden, "at": tx.now.isoformat()})
    return "opened"
