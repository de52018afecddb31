"""The life of a case: what every event makes of it. The commands write by it, and the ledger is rebuilt by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from serving.review.case import (
    CLAIMED,
    DECIDED,
    DECLINED,
    JUDGED,
    LET_GO,
    OPEN,
    OPENED,
    PROPOSED,
    RELEASED,
    SNOOZED,
    UNDONE,
    UPDATED,
    Case,
    Declined,
    Released,
    Undone,
    flags_of,
)
from serving.review.judgement import judgement_from_data

STANDS = frozenset({OPENED, UPDATED, JUDGED, UNDONE, RELEASED})
"""Events after which something else may hold for members; the others are between colleagues."""


def apply(case: Case | None, kind: str, data: Mapping[str, Any]) -> Case:
    """The state after an event, as it is stored; raises ``ValueError`` for an event that cannot follow."""
    at = datetime.fromisoformat(data["at"])
    if kind == OPENED and case is None:
        blind, not_by = data.get("blind", False), data.get("not_by")
        return Case(data["case_id"], data["subject"], data["source"], flags_of(data), at, blind=blind, not_by=not_by)
    step = _STEPS.get(kind)
    if case is None or step is None or (kind != RELEASED and case.state != (DECIDED if kind == UNDONE else OPEN)):
        raise ValueError(f"{kind} of a case that is {case.state if case else 'not open'}")
    return replace(step(case, data, at), n=case.n + 1)


def _updated(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    flags = flags_of(data)
    grown = {flag.user_id for flag in flags} - set(case.users)
    after = replace(case, flags=flags)
    if case.proposal is None or not grown:
        return after
    # Somebody agreed to a judgement of other accounts than these: it has to be thought over.
    return replace(_unproposed(after), declined=Declined("", str(case.proposed_by), "", at))


def _claimed(case: Case, data: Mapping[str, Any], _: datetime) -> Case:
    return replace(_awake(case), lease_by=data["by"], lease_until=datetime.fromisoformat(data["until"]))


def _let_go(case: Case, data: Mapping[str, Any], at: datetime) -> Case:  # noqa: ARG001
    return _free(case)


def _snoozed(case: Case, data: Mapping[str, Any], _: datetime) -> Case:
    until = datetime.fromisoformat(data["until"])
    return replace(_free(case), snoozed_until=until, snoozed_by=data["by"], snooze_reason=data["reason"])


def _proposed(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    judgement = judgement_from_data(data["judgement"])
    return replace(_free(case), proposal=judgement, proposed_by=data["by"], proposed_at=at, declined=None)


def _declined(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    said = Declined(data["by"], str(case.proposed_by), data["note"], at)
    return replace(_unproposed(case), declined=said)


def _judged(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    judgement = judgement_from_data(data)
    return replace(
        _unproposed(_awake(_free(case))),
        state=DECIDED,
        verdict=judgement.verdict,
        action=judgement.action,
        reason_code=judgement.reason_code or None,
        exceptions=judgement.members,
        note=judgement.note,
        decided_by=data["reviewer"],
        approved_by=data.get("approver"),
        decided_at=at,
        declined=None,
    )


def _undone(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    return replace(
        case,
        state=OPEN,
        verdict=None,
        action=None,
        reason_code=None,
        exceptions={},
        note="",
        decided_by=None,
        approved_by=None,
        decided_at=None,
        undone=Undone(data["by"], data["reason_code"], data["note"], at),
    )


def _released(case: Case, data: Mapping[str, Any], at: datetime) -> Case:
    return replace(case, released={**case.released, data["user_id"]: Released(data["by"], data["reason"], at)})


def _free(case: Case) -> Case:
    return replace(case, lease_by=None, lease_until=None)


def _awake(case: Case) -> Case:
    return replace(case, snoozed_until=None, snoozed_by=None, snooze_reason="")


def _unproposed(case: Case) -> Case:
    return replace(case, proposal=None, proposed_by=None, proposed_at=None)


_STEPS: Mapping[str, Callable[[Case, Mapping[str, Any], datetime], Case]] = {
    UPDATED: _updated,
    CLAIMED: _claimed,
    LET_GO: _let_go,
    SNOOZED: _snoozed,
    PROPOSED: _proposed,
    DECLINED: _declined,
    JUDGED: _judged,
    UNDONE: _undone,
    RELEASED: _released,
}
