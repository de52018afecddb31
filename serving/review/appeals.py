"""Appeals: whoever is withheld, frozen or blocked may ask again, and a person who did not decide it looks (F187).

One open appeal per account. Granting it takes everything back that stands against the account, as if it had never been:
the account leaves its cases as a legitimate one, actions are undone with the coupons they took, and it comes off the
block list. What a granted appeal gave back is kept with it. The answer to the customer is a fixed text for each reason,
in both languages; it tells nothing of how anything was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.people.actions import undo_action
from serving.review.list_hits import NOBODY
from serving.review.list_work import Draft, add, remove_within
from serving.review.listing import ALLOW
from serving.review.lists import user_value
from serving.review.stands import Stands, actions_against, stands_of
from serving.review.work import release_member
from serving.store.rows import insert_new
from serving.store.schema_lists import appeals
from serving.store.unit import Answer, Command, StaleError, Transaction, canonical

OPEN, GRANTED, REFUSED = "open", "granted", "refused"
FILED, DECIDED = "appeal.filed", "appeal.decided"
# A granted account that still shares a blocked thing may be let past it for this long.
LET_PAST = timedelta(days=90)

GRANT_CODES = ("shared_thing", "mistaken_identity", "proof_given", "our_error", "goodwill")
REFUSE_CODES = ("evidence_stands", "no_new_facts", "proof_missing", "withdrawn")
_GRANTED = (
    "We have looked at your account again. You can use coupons as before, and coupons that were taken back are yours "
    "again. We are sorry for the trouble.",
    "我们已复核您的账号，您可以照常使用优惠券，此前收回的优惠券也已归还。给您带来不便，敬请谅解。",
)
ANSWERS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(GRANT_CODES, _GRANTED),
    "evidence_stands": (
        "We have looked at your account again and our decision stands. You can ask once more when there is something "
        "new to look at.",
        "我们已复核您的账号，维持原处理结果。如有新的情况，您可以再次申请复核。",
    ),
    "no_new_facts": (
        "We have looked at your account again and found nothing new. You can ask once more when there is something "
        "new to look at.",
        "我们已复核您的账号，未发现新的情况，维持原处理结果。如有新的情况，您可以再次申请复核。",
    ),
    "proof_missing": (
        "We could not confirm what you told us. Please send us proof, such as an order or an identity check, and ask "
        "again.",
        "我们暂时无法核实您的说明。请补充订单或实名信息等证明后再次申请复核。",
    ),
    "withdrawn": ("Your request was withdrawn, as you asked.", "已按您的要求撤回申诉。"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Appeal:
    """``state`` is open, granted or refused; the answers are what the customer may read."""

    appeal_id: str
    user_id: str
    text: str
    contact: str
    created_at: datetime
    state: str = OPEN
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason_code: str | None = None
    note: str = ""
    answer_en: str | None = None
    answer_zh: str | None = None
    returned: str = "{}"
    n: int = 1


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decides; ``let_past`` puts a granted account that shares a blocked thing on the allow list."""

    granted: bool
    reason_code: str
    note: str = ""
    let_past: bool = False


def file(user_id: str, text: str, contact: str) -> Command:
    """An account asks for another look."""

    def command(tx: Transaction) -> Answer | Refuse:
        appeal = Appeal(tx.ids("apl"), user_id, text, contact, tx.now)
        if not insert_new(tx.connection, appeals, asdict(appeal)):
            return Refuse("appeal_open")
        data = {name: getattr(appeal, name) for name in ("appeal_id", "user_id", "text", "contact")}
        tx.append(f"appeal:{appeal.appeal_id}", 1, FILED, {**data, "created_at": tx.now.isoformat()})
        return Answer(201, appeal_view(appeal))

    return command


def decide(appeal_id: str, by: str, ruling: Ruling) -> Command:
    """Grant or refuse an appeal, by somebody who had no hand in what stands; raises ``InputError`` for a code that
    does not belong to the outcome."""
    codes = GRANT_CODES if ruling.granted else REFUSE_CODES
    if ruling.reason_code not in codes:
        raise InputError("reason_code", ruling.reason_code, f"one of: {', '.join(codes)}")

    def command(tx: Transaction) -> Answer | Refuse:
        row = tx.connection.execute(
            select(appeals).where(appeals.c.appeal_id == appeal_id).with_for_update()
        ).one_or_none()
        if row is None:
            return Refuse("appeal_unknown")
        before = appeal_of(row)
        if before.state != OPEN:
            return Refuse("appeal_decided")
        against = stands_of(tx.connection, before.user_id, tx.now)
        if by in against.decided_by:
            return Refuse("case_not_yours")
        returned = _give_back(tx, before.user_id, against, ruling, by) if ruling.granted else {}
        if isinstance(returned, Refuse):
            return returned
        en, zh = ANSWERS[ruling.reason_code]
        data = {
            "appeal_id": appeal_id,
            "state": GRANTED if ruling.granted else REFUSED,
            "reason_code": ruling.reason_code,
            "note": ruling.note,
            "answer_en": en,
            "answer_zh": zh,
            "returned": returned,
            "reviewer": by,
            "at": tx.now.isoformat(),
        }
        after = apply(before, DECIDED, data)
        written = tx.connection.execute(
            update(appeals).where(appeals.c.appeal_id == appeal_id, appeals.c.state == OPEN).values(asdict(after))
        )
        if written.rowcount != 1:
            raise StaleError(appeal_id)
        tx.append(f"appeal:{appeal_id}", after.n, DECIDED, data)
        return Answer(200, appeal_view(after))

    return command


def apply(appeal: Appeal | None, kind: str, data: Mapping[str, Any]) -> Appeal:
    """The appeal after an event: used by the commands and when the ledger is rebuilt."""
    if kind == FILED and appeal is None:
        return Appeal(**{**data, "created_at": datetime.fromisoformat(data["created_at"])})
    if kind == DECIDED and appeal is not None and appeal.state == OPEN:
        said = {name: data[name] for name in ("state", "reason_code", "note", "answer_en", "answer_zh")}
        return replace(
            appeal,
            **said,
            decided_by=data["reviewer"],
            decided_at=datetime.fromisoformat(data["at"]),
            returned=canonical(data["returned"]),
            n=appeal.n + 1,
        )
    raise ValueError(f"{kind} of an appeal that is {appeal.state if appeal else 'missing'}")


def appeal_of(row: Row[Any]) -> Appeal:
    return Appeal(**row._asdict())


def appeal_view(appeal: Appeal) -> dict[str, Any]:
    """What the shop is told: the outcome and the text for its customer, never who decided or why."""
    return {
        "appeal_id": appeal.appeal_id,
        "user_id": appeal.user_id,
        "state": appeal.state,
        "created_at": f"{appeal.created_at.isoformat()}Z",
        "decided_at": f"{appeal.decided_at.isoformat()}Z" if appeal.decided_at else None,
        "answer": {"en": appeal.answer_en, "zh": appeal.answer_zh} if appeal.answer_en else None,
    }


def _give_back(
    tx: Transaction, user_id: str, against: Stands, ruling: Ruling, by: str
) -> dict[str, list[str]] | Refuse:
    """Undo all that stands; cases first, because they give back the coupons that they took themselves."""
    reason = f"appeal:{ruling.reason_code}"
    undone: dict[str, list[str]] = {"cases": [], "actions": [], "entries": []}
    for case in against.cases:
        refused = release_member(tx, case.case_id, user_id, reason)
        if refused is not None:
            return refused
        undone["cases"].append(case.case_id)
    for action in actions_against(tx.connection, user_id):
        outcome = undo_action(action.action_id, reason)(tx)
        if isinstance(outcome, Refuse):
            return outcome
        undone["actions"].append(action.action_id)
    for entry in against.entries:
        outcome = remove_within(tx, entry.entry_id, reason)
        if isinstance(outcome, Refuse):
            return outcome
        undone["entries"].append(entry.entry_id)
    if ruling.let_past and against.things:
        draft = Draft(ALLOW, user_value(user_id), by.partition(":")[2] or by, reason, tx.now + LET_PAST, NOBODY)
        add(draft, by, lead=False)(tx)  # already on it: that is what was wanted
    return undone
