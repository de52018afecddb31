"""All that stands against one account, with who decided it: what an appeal is about, and what granting it undoes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, String, literal, select, union

from serving.people.account import ONCE
from serving.review.case import Case
from serving.review.case_rows import read_case
from serving.review.list_work import entry_of
from serving.review.listing import BLOCK, LIVE
from serving.review.lists import Entry
from serving.store.schema import cases, coupons, flags
from serving.store.schema_lists import list_entries
from serving.store.schema_people import account_actions, user_links

KINDS_SEEN = ("device", "ip", "address")


@dataclass(frozen=True, slots=True)
class CaseAgainst:
    """A case of ``members`` accounts through which ``standing`` holds; undecided while ``decided_by`` is None.

    ``reasons`` are pairs of sentences, English and Chinese.
    """

    case_id: str
    standing: str
    verdict: str | None
    decided_by: str | None
    approved_by: str | None
    since: datetime
    note: str
    reasons: tuple[tuple[str, str], ...]
    members: int


@dataclass(frozen=True, slots=True)
class ActionAgainst:
    """What somebody did to the account and did not undo."""

    action_id: str
    action: str
    actor: str
    reason: str
    note: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Stands:
    """``entries`` block the account itself, ``things`` something that it was seen on."""

    cases: Sequence[CaseAgainst]
    actions: Sequence[ActionAgainst]
    entries: Sequence[Entry]
    things: Sequence[Entry]

    @property
    def decided_by(self) -> frozenset[str]:
        """Who had a hand in it: somebody else decides the appeal."""
        found = {by for case in self.cases for by in (case.decided_by, case.approved_by) if by is not None}
        found |= {action.actor for action in self.actions}
        return frozenset(found | {entry.created_by for entry in (*self.entries, *self.things)})

    @property
    def nothing(self) -> bool:
        return not (self.cases or self.actions or self.entries or self.things)


def stands_of(connection: Connection, user_id: str, now: datetime) -> Stands:
    """What holds against the account at ``now``."""
    return Stands(
        _cases(connection, user_id),
        actions_against(connection, user_id),
        _entries(connection, user_id, now),
        _things(connection, user_id, now),
    )


def actions_against(connection: Connection, user_id: str) -> list[ActionAgainst]:
    """Actions that were taken and still hold; a cancelled order is past and is none."""
    rows = connection.execute(
        select(account_actions)
        .where(
            account_actions.c.user_id == user_id,
            account_actions.c.undone_at.is_(None),
            account_actions.c.action.not_in(ONCE),
        )
        .order_by(account_actions.c.taken_at, account_actions.c.action_id)
    )
    return [ActionAgainst(row.action_id, row.action, row.actor, row.reason, row.note, row.taken_at) for row in rows]


def _cases(connection: Connection, user_id: str) -> list[CaseAgainst]:
    rows = connection.execute(
        select(cases, flags.c.standing)
        .join(flags, flags.c.case_id == cases.c.case_id)
        .where(flags.c.user_id == user_id, flags.c.standing.is_not(None), flags.c.standing != "allow")
        .order_by(cases.c.opened_at, cases.c.case_id)
    )
    return [_against(read_case(row), row.standing, user_id) for row in rows]


def _against(case: Case, standing: str, user_id: str) -> CaseAgainst:
    mine = [flag for flag in case.flags if flag.user_id == user_id]
    # What a machine thinks of a blind case is nobody's business before it is decided.
    told = [] if case.hidden else mine
    verdict = case.verdict_of(user_id)
    return CaseAgainst(
        case.case_id,
        standing,
        verdict[0] if verdict is not None else None,
        case.decided_by,
        case.approved_by,
        case.decided_at or case.opened_at,
        case.note,
        tuple((reason.en, reason.zh) for flag in told for reason in flag.reasons),
        len(case.flags),
    )


def _entries(connection: Connection, user_id: str, now: datetime) -> list[Entry]:
    rows = connection.execute(
        select(list_entries).where(
            list_entries.c.list == BLOCK, list_entries.c.kind == "user", list_entries.c.value == user_id, LIVE
        ),
        {"now": now},
    )
    return [entry_of(row) for row in rows]


def _things(connection: Connection, user_id: str, now: datetime) -> list[Entry]:
    seen = union(
        select(user_links.c.kind, user_links.c.value).where(user_links.c.user_id == user_id),
        *(
            select(literal(kind, String), coupons.c[kind]).where(
                coupons.c.user_id == user_id, coupons.c[kind].is_not(None)
            )
            for kind in KINDS_SEEN
        ),
    ).subquery()
    rows = connection.execute(
        select(list_entries)
        .join(seen, (seen.c.value == list_entries.c.value) & (seen.c.kind == list_entries.c.kind))
        .where(list_entries.c.list == BLOCK, LIVE)
        .order_by(list_entries.c.created_at),
        {"now": now},
    )
    return [entry_of(row) for row in rows]
