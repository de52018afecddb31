"""What a person does with a case before a verdict: take it in hand for a while, let it go, put it off.

A case is in one hand at a time. The lease ends by time, and every change is conditional on the case as it was read, so
that of two who reach for it one wins, in whichever process they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.review.case import CLAIMED, DECIDED, LET_GO, SNOOZED, Case
from serving.review.decide import approve, decline, judge
from serving.review.judgement import ABUSIVE, LEGITIMATE, Judgement
from serving.review.undo import release_member, undo
from serving.review.writing import changed, head
from serving.store.unit import Answer, Command, Transaction

__all__ = [
    "ABUSIVE", "LEGITIMATE", "Judgement", "approve", "claim", "decline", "judge", "let_go", "release_member", "snooze",
    "take", "undo",
]  # fmt: skip

LONGEST_SNOOZE = timedelta(days=90)
MOST_REASON = 200


def claim(case_id: str, by: str, minutes: int) -> Command:
    """Take an open case in hand for so many minutes, or for as many more; a snooze ends with it."""

    def command(tx: Transaction) -> Answer | Refuse:
        case = head(tx, case_id)
        refuse = _closed(case, by, tx.now)
        if case is None or refuse is not None:
            return refuse or Refuse("case_unknown")
        until = tx.now + timedelta(minutes=minutes)
        changed(tx, case, CLAIMED, {"by": by, "until": until.isoformat()})
        return Answer(200, {"case_id": case_id, "lease_by": by, "lease_until": f"{until.isoformat()}Z"})

    return command


def take(case_ids: Sequence[str], by: str, minutes: int) -> Command:
    """Take the first of some cases that is still free; ``case_id`` of the answer is None when others were faster."""

    def command(tx: Transaction) -> Answer | Refuse:
        for case_id in case_ids:
            case = head(tx, case_id)
            if case is not None and case.holder(tx.now) is None and _closed(case, by, tx.now) is None:
                until = tx.now + timedelta(minutes=minutes)
                changed(tx, case, CLAIMED, {"by": by, "until": until.isoformat()})
                return Answer(200, {"case_id": case_id})
        return Answer(200, {"case_id": None})

    return command


def let_go(case_id: str, by: str) -> Command:
    """Give a case back to the queue; one that is not in one's hand any more is left as it is."""

    def command(tx: Transaction) -> Answer | Refuse:
        case = head(tx, case_id)
        if case is None:
            return Refuse("case_unknown")
        if case.state != DECIDED and case.lease_by == by:
            changed(tx, case, LET_GO, {"by": by})
        return Answer(200, {"case_id": case_id})

    return command


def snooze(case_id: str, by: str, until: datetime, reason: str) -> Command:
    """Put a case off: it leaves the queue, and comes back by itself at ``until`` (UTC, at most 90 days ahead)."""
    if not reason.strip() or len(reason) > MOST_REASON:
        raise InputError("reason", f"{len(reason)} characters", f"1 to {MOST_REASON} characters")

    def command(tx: Transaction) -> Answer | Refuse:
        if not tx.now < until <= tx.now + LONGEST_SNOOZE:
            return Refuse("snooze_end")
        case = head(tx, case_id)
        refuse = _closed(case, by, tx.now)
        if case is None or refuse is not None:
            return refuse or Refuse("case_unknown")
        changed(tx, case, SNOOZED, {"by": by, "until": until.isoformat(), "reason": reason.strip()})
        return Answer(200, {"case_id": case_id, "snoozed_until": f"{until.isoformat()}Z"})

    return command


def _closed(case: Case | None, by: str, now: datetime) -> Refuse | None:
    """Why somebody may not take the case in hand."""
    if case is None:
        return Refuse("case_unknown")
    if case.state == DECIDED:
        return Refuse("case_decided")
    if case.not_by == by:
        return Refuse("case_not_yours")
    if case.proposal is not None:
        return Refuse("case_proposed")
    return Refuse("case_leased") if case.holder(now) not in (None, by) else None
