"""The queue of cases on the ledger's unit of work: one open case per ring or user, every change an event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.people.actions import act
from serving.review.case import (
    ACTIONS,
    DECIDED,
    JUDGED,
    OPEN,
    OPENED,
    UPDATED,
    VERDICTS,
    Case,
    Flag,
    apply,
    flag_from_data,
    flags_to_data,
    merged,
    strongest_first,
)
from serving.store.rows import insert_new
from serving.store.schema import cases, flags
from serving.store.unit import Answer, Command, StaleError, Transaction, canonical


@dataclass(frozen=True, slots=True)
class Upserted:
    """Cases opened, changed, and left alone because nothing was new."""

    opened: int = 0
    updated: int = 0
    unchanged: int = 0


def upsert(found: Iterable[Flag], source: str) -> Command:
    """Open or refresh one case per ring or user; the same flags twice change nothing."""
    by_subject = group(found)

    def command(tx: Transaction) -> Answer | Refuse:
        counts = {"opened": 0, "updated": 0, "unchanged": 0}
        for subject in sorted(by_subject):
            counts[put(tx, subject, by_subject[subject], source)] += 1
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


def put(tx: Transaction, subject: str, found: tuple[Flag, ...], source: str) -> str:
    """Open, refresh or leave the case of one subject; says which of ``opened``, ``updated``, ``unchanged``."""
    row = _latest(tx, subject)
    if row is None:
        return _open(tx, subject, found, source)
    case = read_case(row)
    if case.state == DECIDED:
        # A person has judged these users: only somebody new makes it a new case.
        fresh = tuple(flag for flag in found if flag.user_id not in case.users)
        return _open(tx, subject, fresh, source) if fresh else "unchanged"
    flags_now = merged(case, found)
    if flags_now == case.flags:
        return "unchanged"
    _write(tx, case, UPDATED, {"case_id": case.case_id, "flags": flags_to_data(flags_now), "at": tx.now.isoformat()})
    return "updated"


def decide(case_id: str, verdict: str, action: str, reviewer: str, note: str = "") -> Command:
    """A person judges a case; ``action`` holds for its users from now on (``allow`` for a legitimate one)."""
    if verdict not in VERDICTS:
        raise InputError("verdict", verdict, f"one of: {', '.join(VERDICTS)}")
    if action not in ACTIONS:
        raise InputError("action", action, f"one of: {', '.join(ACTIONS)}")
    if verdict == "legitimate" and action != "allow":
        raise InputError("action", action, "allow, for a legitimate case")

    def command(tx: Transaction) -> Answer | Refuse:
        row = tx.connection.execute(select(cases).where(cases.c.case_id == case_id).with_for_update()).one_or_none()
        if row is None:
            return Refuse("case_unknown")
        case = read_case(row)
        if case.state == DECIDED:
            return Refuse("case_decided")
        data = {
            "case_id": case_id,
            "verdict": verdict,
            "action": action,
            "reviewer": reviewer,
            "note": note,
            "at": tx.now.isoformat(),
        }
        decided = _write(tx, case, JUDGED, data)
        if action == "revoke":
            # The standing of a flag withholds what is to come; what was given is taken back here, and can be undone.
            for user_id in case.users:
                act(tx, user_id, "revoke", f"case:{case_id}", note)
        return Answer(200, {"case_id": case_id, "state": decided.state, "verdict": verdict, "action": action})

    return command


def read_case(row: Row[Any]) -> Case:
    detail = json.loads(row.detail)
    return Case(
        row.case_id,
        row.subject,
        detail["source"],
        tuple(flag_from_data(value) for value in detail["flags"]),
        row.opened_at,
        row.state,
        row.verdict,
        row.decided_action,
        row.decided_by,
        row.decided_at,
        detail["note"],
        row.n,
    )


def case_row(case: Case) -> dict[str, Any]:
    """The state row of a case."""
    return {
        "subject": case.subject,
        "state": case.state,
        "score": case.score,
        "action": case.suggested,
        "detail": canonical({"flags": flags_to_data(case.flags), "source": case.source, "note": case.note}),
        "verdict": case.verdict,
        "decided_action": case.action,
        "decided_by": case.decided_by,
        "decided_at": case.decided_at,
        "opened_at": case.opened_at,
        "n": case.n,
    }


def flag_rows(case: Case, flagged_at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "user_id": flag.user_id,
            "case_id": case.case_id,
            "score": flag.score,
            "action": flag.action,
            "standing": standing,
            "flagged_at": flagged_at,
        }
        for flag in case.flags
        if (standing := case.standing(flag)) is not None
    ]


def _latest(tx: Transaction, subject: str) -> Row[Any] | None:
    return tx.connection.execute(
        select(cases)
        .where(cases.c.subject == subject)
        .order_by(cases.c.state.desc(), cases.c.opened_at.desc(), cases.c.case_id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()


def _open(tx: Transaction, subject: str, found: tuple[Flag, ...], source: str) -> str:
    case_id = tx.ids("case")
    data = {
        "case_id": case_id,
        "subject": subject,
        "source": source,
        "flags": flags_to_data(found),
        "at": tx.now.isoformat(),
    }
    case = apply(None, OPENED, data)
    if not insert_new(tx.connection, cases, {"case_id": case_id, **case_row(case)}):
        raise StaleError(subject)  # another process opened one at this moment
    _write_flags(tx, case)
    tx.append(f"case:{case_id}", 1, OPENED, data)
    return "opened"


def _write(tx: Transaction, before: Case, kind: str, data: dict[str, Any]) -> Case:
    after = apply(before, kind, data)
    written = tx.connection.execute(
        update(cases)
        .where(cases.c.case_id == after.case_id, cases.c.n == before.n, cases.c.state == OPEN)
        .values(case_row(after))
    )
    if written.rowcount != 1:
        raise StaleError(after.case_id)
    tx.connection.execute(delete(flags).where(flags.c.case_id == after.case_id))
    _write_flags(tx, after)
    tx.append(f"case:{after.case_id}", after.n, kind, data)
    return after


def _write_flags(tx: Transaction, case: Case) -> None:
    rows = flag_rows(case, tx.now)
    if rows:
        tx.connection.execute(insert(flags), rows)
