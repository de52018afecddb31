"""The queue: open cases in the order of expected loss, age or score, with filters; and the next case to take.

Expected loss is the score times the cents at risk of all members, asked of the ledger as it is now. It is not stored:
a stored sum would have to be written with every claim, payment and refund of every member, by the checkout that a list
for reviewers must never slow down. Only numbers are read for the order; texts are read for the cases of the page, and
the flags of a case for none.

A blind case stands where a probability of one half would put it, and no filter on what it hides finds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from serving.review.case import DECIDED, OPEN, Reason
from serving.review.money import at_risk_by_case
from serving.store.schema import cases, flags

TABS = ("open", "mine", "snoozed", "proposed", "decided")
SORTS = ("loss", "age", "score")
KINDS = ("ring", "account")
_NEUTRAL = 0.5
_SHOWN_USERS = 3
_LONG = ("detail", "life", "proposal")
_HIDDEN = and_(cases.c.blind, cases.c.state == OPEN)
_CHANCE = case((_HIDDEN, _NEUTRAL), else_=cases.c.score)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked of the queue; empty values ask nothing. ``by`` is who asks (``staff:<name>``), ``text`` the
    beginning of a user, case or ring id, ``least_cents`` the least at risk."""

    by: str
    tab: str = "open"
    sort: str = "loss"
    text: str = ""
    source: str = ""
    kind: str = ""
    action: str = ""
    least_score: float = 0.0
    least_cents: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A case as the list shows it; what a blind one hides is None. ``users`` are the first members."""

    case_id: str
    subject: str
    ring: bool
    members: int
    users: tuple[str, ...]
    score: float | None
    suggested: str | None
    source: str | None
    reasons: tuple[Reason, ...]
    at_risk_cents: int
    expected_cents: float | None
    opened_at: datetime
    holder: str | None
    lease_until: datetime | None
    snoozed_until: datetime | None
    proposed_by: str | None
    verdict: str | None
    action: str | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of ``total`` that the filters find."""

    rows: Sequence[Row]
    total: int


def page_of(connection: Connection, filters: Filters, now: datetime, limit: int, offset: int = 0) -> Page:
    """So many cases from a place on, in the order of the filters."""
    ranked, known = _ranked(connection, filters, now)
    shown = ranked[offset : offset + limit]
    if not shown:
        return Page((), len(ranked))
    columns = [column for column in cases.c if column.name not in _LONG]
    found = {row.case_id: row for row in connection.execute(select(*columns).where(cases.c.case_id.in_(shown)))}
    users = _first_users(connection, shown)
    risk = at_risk_by_case(connection, case_ids=shown) if known is None else known
    rows = [_row(found[case_id], users[case_id], risk.get(case_id, 0), now) for case_id in shown if case_id in found]
    return Page(rows, len(ranked))


def counts(connection: Connection, by: str, now: datetime) -> dict[str, int]:
    """How many cases each tab has for somebody, filters apart."""
    tabs = [func.coalesce(func.sum(case((_in_tab(tab, by, now), 1), else_=0)), 0).label(tab) for tab in TABS[:-1]]
    row = connection.execute(select(*tabs).where(cases.c.state == OPEN)).one()
    decided = connection.execute(select(func.count()).where(cases.c.state == DECIDED)).scalar_one()
    return {**{tab: int(number) for tab, number in row._mapping.items()}, TABS[-1]: int(decided)}


def next_cases(connection: Connection, filters: Filters, now: datetime, limit: int = 30, after: str = "") -> list[str]:
    """The first cases of the filters that nobody holds and ``filters.by`` may decide, without ``after``."""
    free = and_(
        or_(cases.c.lease_until.is_(None), cases.c.lease_until <= now),
        or_(cases.c.not_by.is_(None), cases.c.not_by != filters.by),
        cases.c.case_id != after,
    )
    return _ranked(connection, filters, now, free)[0][:limit]


def sources(connection: Connection) -> list[str]:
    """Where open cases come from, what is blind left out."""
    query = select(cases.c.source).distinct().where(cases.c.state == OPEN, ~cases.c.blind).order_by(cases.c.source)
    return list(connection.execute(query).scalars())


def _ranked(
    connection: Connection, filters: Filters, now: datetime, only: ColumnElement[bool] | None = None
) -> tuple[list[str], dict[str, int] | None]:
    """The ids of all cases that the filters find, in their order; and the cents at risk by case, if they were asked."""
    query = select(cases.c.case_id, _CHANCE.label("chance")).where(*_wanted(filters, now))
    if only is not None:
        query = query.where(only)
    rows = connection.execute(query.order_by(*_order(filters))).all()
    by_loss = filters.sort == "loss" and filters.tab != DECIDED
    if not by_loss and not filters.least_cents:
        return [row.case_id for row in rows], None
    risk = at_risk_by_case(connection, DECIDED if filters.tab == DECIDED else OPEN)
    if filters.least_cents:
        rows = [row for row in rows if risk.get(row.case_id, 0) >= filters.least_cents]
    if by_loss:
        rows = sorted(rows, key=lambda row: -row.chance * risk.get(row.case_id, 0))
    return [row.case_id for row in rows], risk


def _in_tab(tab: str, by: str, now: datetime) -> ColumnElement[bool]:
    if tab == "mine":
        return and_(cases.c.state == OPEN, cases.c.lease_by == by, cases.c.lease_until > now)
    if tab == "snoozed":
        return and_(cases.c.state == OPEN, cases.c.snoozed_until > now)
    if tab == "proposed":
        return and_(cases.c.state == OPEN, cases.c.proposal.is_not(None))
    if tab == DECIDED:
        return cases.c.state == DECIDED
    awake = or_(cases.c.snoozed_until.is_(None), cases.c.snoozed_until <= now)
    return and_(cases.c.state == OPEN, awake, cases.c.proposal.is_(None))


def _wanted(filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    wanted = [_in_tab(filters.tab, filters.by, now)]
    if filters.text:
        wanted.append(_about(filters.text))
    if filters.kind:
        ring = or_(cases.c.subject.like("ring:%"), cases.c.members > 1)
        wanted.append(ring if filters.kind == "ring" else ~ring)
    if filters.source:
        wanted += [cases.c.source == filters.source, ~_HIDDEN]
    if filters.action:
        wanted += [cases.c.action == filters.action, ~_HIDDEN]
    if filters.least_score:
        wanted += [cases.c.score >= filters.least_score, ~_HIDDEN]
    return wanted


def _about(text: str) -> ColumnElement[bool]:
    """Cases whose id, ring or member begins with a text."""
    member = select(flags.c.case_id).where(flags.c.user_id.startswith(text, autoescape=True))
    return or_(
        cases.c.case_id.startswith(text, autoescape=True),
        and_(cases.c.subject.startswith(f"ring:{text}", autoescape=True), ~_HIDDEN),
        cases.c.case_id.in_(member),
    )


def _order(filters: Filters) -> tuple[Any, ...]:
    if filters.tab == DECIDED:
        return (cases.c.decided_at.desc(), cases.c.case_id)
    if filters.sort == "age":  # as long to decide for all: the oldest is also due first
        return (cases.c.opened_at, cases.c.case_id)
    return (_CHANCE.desc(), cases.c.case_id)


def _first_users(connection: Connection, case_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    first = select(flags.c.case_id, flags.c.user_id).where(
        flags.c.case_id.in_(case_ids), flags.c.position < _SHOWN_USERS
    )
    users: dict[str, tuple[str, ...]] = dict.fromkeys(case_ids, ())
    for case_id, user_id in connection.execute(first.order_by(flags.c.case_id, flags.c.position)):
        users[case_id] = (*users[case_id], user_id)
    return users


def _row(row: Any, users: tuple[str, ...], risk: int, now: datetime) -> Row:
    hidden = row.blind and row.state == OPEN
    held = row.lease_until is not None and now < row.lease_until
    return Row(
        row.case_id,
        "" if hidden else row.subject,
        row.subject.startswith("ring:") or row.members > 1,
        row.members,
        users,
        None if hidden else row.score,
        None if hidden else row.action,
        None if hidden else row.source,
        () if hidden else tuple(Reason(**reason) for reason in json.loads(row.first_reasons)),
        risk,
        None if hidden else row.score * risk,
        row.opened_at,
        row.lease_by if held else None,
        row.lease_until if held else None,
        row.snoozed_until if row.snoozed_until is not None and now < row.snoozed_until else None,
        row.proposed_by,
        row.verdict,
        row.decided_action,
        row.decided_by,
        row.decided_at,
    )
