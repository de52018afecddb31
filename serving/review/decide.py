"""A verdict on a case: by one person, or above an amount by one who proposes and another who approves.

What it withholds from now on is the standing of the members' flags. Coupons that it revokes are taken back here, by
actions on the accounts that name the case, so that undoing finds exactly them.
"""

from __future__ import annotations

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.people.actions import act
from serving.review.case import DECIDED, DECLINED, JUDGED, PROPOSED, SECOND, WATCH, Case
from serving.review.judgement import MOST_NOTE, Judgement, check, judgement_to_data
from serving.review.money import at_risk_of_case
from serving.review.writing import changed, head, whole
from serving.store.unit import Answer, Command, Transaction


def judge(case_id: str, by: str, judgement: Judgement, four_eyes_cents: int) -> Command:
    """Decide a case that one has in hand; with at least ``four_eyes_cents`` at risk it becomes a proposal, unless its
    members are only to be watched. Raises ``InputError`` for a judgement that makes no sense."""
    check(judgement)

    def command(tx: Transaction) -> Answer | Refuse:
        case = whole(tx, case_id)
        if case is None:
            return Refuse("case_unknown")
        refuse = _not_in_hand(case, by, tx) or _not_these(case, judgement)
        if refuse is not None:
            return refuse
        if _needs_two(tx, case, judgement, four_eyes_cents):
            changed(tx, case, PROPOSED, {"by": by, "judgement": judgement_to_data(judgement)})
            return Answer(200, {"case_id": case_id, "state": "proposed"})
        return _decided(tx, case, judgement, by, None)

    return command


def approve(case_id: str, by: str) -> Command:
    """Let a proposal of somebody else take effect; both names stay with the decision."""

    def command(tx: Transaction) -> Answer | Refuse:
        case = whole(tx, case_id)
        refuse = _not_to_answer(case, by)
        if case is None or case.proposal is None or refuse is not None:
            return refuse or Refuse("not_proposed")
        return _decided(tx, case, case.proposal, str(case.proposed_by), by)

    return command


def decline(case_id: str, by: str, note: str) -> Command:
    """Turn a proposal down; the case is open for everybody again, with the note for who proposed."""
    if not note.strip() or len(note) > MOST_NOTE:
        raise InputError("note", f"{len(note)} characters", f"1 to {MOST_NOTE} characters")

    def command(tx: Transaction) -> Answer | Refuse:
        case = head(tx, case_id)
        refuse = _not_to_answer(case, by)
        if case is None or refuse is not None:
            return refuse or Refuse("case_unknown")
        changed(tx, case, DECLINED, {"by": by, "note": note.strip()})
        return Answer(200, {"case_id": case_id, "state": "open"})

    return command


def needs_two(judgement: Judgement, source: str, at_risk_cents: int, four_eyes_cents: int) -> bool:
    """Whether a second person has to agree; a second look and mere watching hit nobody."""
    return source != SECOND and judgement.actions != {WATCH} and at_risk_cents >= four_eyes_cents


def _needs_two(tx: Transaction, case: Case, judgement: Judgement, four_eyes_cents: int) -> bool:
    return needs_two(judgement, case.source, at_risk_of_case(tx.connection, case.case_id), four_eyes_cents)


def _not_in_hand(case: Case, by: str, tx: Transaction) -> Refuse | None:
    if case.state == DECIDED:
        return Refuse("case_decided")
    if case.proposal is not None:
        return Refuse("case_proposed")
    if case.not_by == by:
        return Refuse("case_not_yours")
    holder = case.holder(tx.now)
    if holder == by:
        return None
    return Refuse("lease_over" if holder is None else "case_leased")


def _not_these(case: Case, judgement: Judgement) -> Refuse | None:
    """The members must be those that were looked at."""
    grown = judgement.seen is not None and judgement.seen != len(case.flags)
    return Refuse("case_changed") if grown or not set(judgement.members) <= set(case.users) else None


def _not_to_answer(case: Case | None, by: str) -> Refuse | None:
    if case is None:
        return Refuse("case_unknown")
    if case.state == DECIDED:
        return Refuse("case_decided")
    if case.proposal is None:
        return Refuse("not_proposed")
    return Refuse("case_not_yours") if by in (case.proposed_by, case.not_by) else None


def _decided(tx: Transaction, case: Case, judgement: Judgement, by: str, approver: str | None) -> Answer:
    said = {**judgement_to_data(judgement), "reviewer": by, **({"approver": approver} if approver else {})}
    after = changed(tx, case, JUDGED, said)
    if case.source != SECOND:
        # The standing of a flag withholds what is to come; what was given is taken back here, and can be undone.
        for user_id in after.users:
            if after.verdict_of(user_id) == ("abusive", "revoke"):
                act(tx, user_id, "revoke", reason_of(case.case_id), judgement.note)
    return Answer(
        200,
        {"case_id": case.case_id, "state": DECIDED, "verdict": judgement.verdict, "action": judgement.action},
    )


def reason_of(case_id: str) -> str:
    """The reason of the actions that a decision takes on accounts."""
    return f"case:{case_id}"
