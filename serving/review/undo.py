"""Taking a verdict back: the case is open again, standings are those of its flags, revoked coupons return.

Undoing the actions that the decision took is written as such, and a coupon whose time is over expires at once: the
ledger shows what happened, and the account is as if it had not.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.people.actions import undo_action
from serving.review.case import DECIDED, RELEASED, UNDONE
from serving.review.codes import UNDO_CODES, needs_note
from serving.review.decide import reason_of
from serving.review.judgement import MOST_NOTE
from serving.review.writing import changed, whole
from serving.store.schema_people import account_actions
from serving.store.unit import Answer, Command, StaleError, Transaction

_CHUNK = 500


def undo(case_id: str, by: str, reason_code: str, note: str) -> Command:
    """Open a decided case again; raises ``InputError`` for an unknown reason, or one that needs a note without one."""
    if reason_code not in UNDO_CODES:
        raise InputError("reason_code", reason_code[:80], f"one of: {', '.join(UNDO_CODES)}")
    if len(note) > MOST_NOTE or (needs_note(reason_code) and not note.strip()):
        raise InputError("note", f"{len(note)} characters", f"1 to {MOST_NOTE} characters")

    def command(tx: Transaction) -> Answer | Refuse:
        case = whole(tx, case_id)
        if case is None:
            return Refuse("case_unknown")
        if case.state != DECIDED:
            return Refuse("case_not_decided")
        changed(tx, case, UNDONE, {"by": by, "reason_code": reason_code, "note": note.strip()})
        _give_back(tx, case_id, case.users, f"undo:{reason_code}")
        return Answer(200, {"case_id": case_id, "state": "open"})

    return command


def release_member(tx: Transaction, case_id: str, user_id: str, reason: str) -> Refuse | None:
    """Clear one member for good, in a decided case or an open one: nothing of it stands against that user, and
    coupons that its decision revoked come back."""
    case = whole(tx, case_id)
    if case is None or user_id not in case.users:
        return Refuse("case_unknown")
    if user_id not in case.released:
        changed(tx, case, RELEASED, {"user_id": user_id, "by": tx.request.principal, "reason": reason})
        _give_back(tx, case_id, (user_id,), reason)
    return None


def _give_back(tx: Transaction, case_id: str, user_ids: Sequence[str], reason: str) -> None:
    """Undo what the decision did to these accounts and nobody has undone since."""
    for start in range(0, len(user_ids), _CHUNK):
        found = tx.connection.execute(
            select(account_actions.c.action_id)
            .where(
                account_actions.c.user_id.in_(user_ids[start : start + _CHUNK]),
                account_actions.c.reason == reason_of(case_id),
                account_actions.c.undone_at.is_(None),
            )
            .order_by(account_actions.c.action_id)
        ).scalars()
        for action_id in found.all():
            outcome = undo_action(action_id, reason)(tx)
            if isinstance(outcome, Refuse):  # it was there a moment ago
                raise StaleError(action_id)
