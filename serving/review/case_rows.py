"""Cases as rows of ``cases`` and ``flags``, and back.

``detail`` holds what grows with the members; a claim or a snooze neither reads nor writes it, so that a ring of ten
thousand is taken in hand as fast as a single account.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from serving.review.case import Case, Declined, Released, Undone, flag_from_data, flags_to_data
from serving.review.judgement import judgement_from_data, judgement_to_data
from serving.store.schema import cases
from serving.store.unit import canonical

SHOWN_REASONS = 3
HEAD = tuple(column for column in cases.c if column.name not in ("detail", "first_reasons"))
"""What ``read_head`` needs."""


def read_case(row: Row[Any]) -> Case:
    """A case out of its whole row."""
    detail = json.loads(row.detail)
    return _read(row, tuple(flag_from_data(value) for value in detail["flags"]), detail["note"])


def read_head(row: Row[Any]) -> Case:
    """A case without its members and note, out of the columns of ``HEAD``: enough for what colleagues agree on."""
    return _read(row, (), "")


def case_row(case: Case) -> dict[str, Any]:
    """The state row of a case."""
    return {
        "subject": case.subject,
        "source": case.source,
        "score": case.score,
        "action": case.suggested,
        "members": len(case.flags),
        "first_reasons": canonical([asdict(reason) for reason in case.flags[0].reasons[:SHOWN_REASONS]]),
        "detail": canonical({"flags": flags_to_data(case.flags), "source": case.source, "note": case.note}),
        "opened_at": case.opened_at,
        **head_row(case),
    }


def head_row(case: Case) -> dict[str, Any]:
    """The part of the row that does not speak of members."""
    return {
        "state": case.state,
        "blind": case.blind,
        "not_by": case.not_by,
        "lease_by": case.lease_by,
        "lease_until": case.lease_until,
        "snoozed_until": case.snoozed_until,
        "proposal": None if case.proposal is None else canonical(judgement_to_data(case.proposal)),
        "proposed_by": case.proposed_by,
        "verdict": case.verdict,
        "decided_action": case.action,
        "reason_code": case.reason_code,
        "decided_by": case.decided_by,
        "decided_at": case.decided_at,
        "undone_at": None if case.undone is None else case.undone.at,
        "life": canonical(_life(case)),
        "n": case.n,
    }


def flag_rows(case: Case, flagged_at: datetime) -> list[dict[str, Any]]:
    """One row for every member, in the order of the case."""
    return [
        {
            "user_id": flag.user_id,
            "case_id": case.case_id,
            "score": flag.score,
            "action": flag.action,
            "standing": case.standing(flag),
            "position": position,
            "flagged_at": flagged_at,
        }
        for position, flag in enumerate(case.flags)
    ]


def _life(case: Case) -> dict[str, Any]:
    """What has no column of its own; only what is said."""
    said: dict[str, Any] = {
        "exceptions": {user_id: list(pair) for user_id, pair in case.exceptions.items()},
        "approved_by": case.approved_by,
        "snooze": [case.snoozed_by, case.snooze_reason] if case.snoozed_by else None,
        "proposed_at": case.proposed_at.isoformat() if case.proposed_at else None,
        "declined": _dated(case.declined),
        "undone": _dated(case.undone),
        "released": {user_id: _dated(released) for user_id, released in case.released.items()},
    }
    return {name: value for name, value in said.items() if value}


def _dated(value: Any) -> dict[str, Any] | None:
    return None if value is None else {**asdict(value), "at": value.at.isoformat()}


def _at(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "at": datetime.fromisoformat(data["at"])}


def _read(row: Row[Any], flags: tuple[Any, ...], note: str) -> Case:
    life = json.loads(row.life)
    snoozed_by, snooze_reason = life.get("snooze", (None, ""))
    proposed_at = life.get("proposed_at")
    return Case(
        row.case_id,
        row.subject,
        row.source,
        flags,
        row.opened_at,
        row.state,
        row.verdict,
        row.decided_action,
        row.decided_by,
        row.decided_at,
        note,
        row.n,
        blind=row.blind,
        not_by=row.not_by,
        reason_code=row.reason_code,
        approved_by=life.get("approved_by"),
        exceptions={user_id: (pair[0], pair[1]) for user_id, pair in life.get("exceptions", {}).items()},
        lease_by=row.lease_by,
        lease_until=row.lease_until,
        snoozed_until=row.snoozed_until,
        snoozed_by=snoozed_by,
        snooze_reason=snooze_reason,
        proposal=None if row.proposal is None else judgement_from_data(json.loads(row.proposal)),
        proposed_by=row.proposed_by,
        proposed_at=datetime.fromisoformat(proposed_at) if proposed_at else None,
        declined=Declined(**_at(life["declined"])) if "declined" in life else None,
        undone=Undone(**_at(life["undone"])) if "undone" in life else None,
        released={user_id: Released(**_at(data)) for user_id, data in life.get("released", {}).items()},
    )
