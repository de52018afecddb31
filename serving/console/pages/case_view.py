"""What the page of a case shows, read in one go: evidence, money by template, what was done, and who looks innocent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy import case as when

from serving.review.case import DECLINED, JUDGED, PROPOSED, RELEASED, UNDONE, Case
from serving.review.case_rows import read_case
from serving.review.evidence import Evidence, Member, Words, evidence_of
from serving.review.evidence.people import shown_members
from serving.review.money import LEFT, LIVE, at_risk_of_case
from serving.store.schema import cases, coupons, events, flags
from serving.store.schema_people import account_actions

PAGE = 50
_ACTIONS = 60
_TOLD = (JUDGED, UNDONE, PROPOSED, DECLINED, RELEASED)
_OLD = timedelta(days=90)
_SETTLED_ORDERS = 3


@dataclass(frozen=True, slots=True)
class Template:
    """Coupons of one template in the hands of all members; ``left_cents`` could still be taken off."""

    template_id: str
    unused: int
    held: int
    used: int
    gone: int
    left_cents: int


@dataclass(frozen=True, slots=True)
class Said:
    """A decision of this case, or what became of one; ``kind`` is that of the event."""

    kind: str
    at: datetime
    by: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """``members`` is one page of them, from the place ``offset``; ``marks`` says who looks legitimate and why."""

    case: Case
    evidence: Evidence
    offset: int
    members: tuple[Member, ...]
    marks: Mapping[str, Words]
    templates: tuple[Template, ...]
    said: tuple[Said, ...]
    actions: tuple[Row[Any], ...]
    at_risk_cents: int

    @property
    def expected_cents(self) -> float | None:
        """Score times cents at risk; unknown while the case is looked at blind."""
        return None if self.case.hidden else self.case.score * self.at_risk_cents


def find(connection: Connection, case_id: str, by: str) -> Case | None:
    """The case, unless there is none or it is a blind one that ``by`` may not look at: both are the same nothing."""
    row = connection.execute(select(cases).where(cases.c.case_id == case_id)).one_or_none()
    found = read_case(row) if row is not None else None
    return None if found is not None and found.hidden and found.not_by == by else found


def view_of(
    connection: Connection, case_id: str, by: str, now: datetime, timezone: str, offset: int = 0
) -> View | None:
    """Everything that the page shows; None for a case that is not there for ``by``."""
    found = find(connection, case_id, by)
    if found is None:
        return None
    evidence = evidence_of(connection, found, now, timezone=timezone)
    offset = offset if 0 <= offset < len(found.flags) else 0
    members = _members(connection, found, evidence, now, offset)
    hidden = found.hidden
    return View(
        found,
        evidence,
        offset,
        members,
        {} if hidden else marks_of(members, evidence, now),
        _templates(connection, case_id),
        () if hidden else _said(connection, case_id),
        () if hidden else _actions(connection, case_id),
        at_risk_of_case(connection, case_id),
    )


def marks_of(members: tuple[Member, ...], evidence: Evidence, now: datetime) -> dict[str, Words]:
    """Who looks legitimate although the case names them, with the reason in words; nobody else is in it."""
    hubs = {(thing.kind, thing.value): thing.hub for thing in evidence.things}
    tied: dict[str, list[tuple[str, str]]] = {}
    for sight in evidence.sights:
        if (sight.kind, sight.value) in hubs:
            tied.setdefault(sight.user_id, []).append((sight.kind, sight.value))
    found = {}
    for member in members:
        days = (now - member.registered_at).days if member.registered_at is not None else 0
        links = tied.get(member.user_id, [])
        hub = hubs[links[0]] if links else None
        if days >= _OLD.days and member.orders >= _SETTLED_ORDERS:
            found[member.user_id] = Words(
                f"{days} days old, with {member.orders} orders", f"注册 {days} 天，已有 {member.orders} 笔订单"
            )
        elif hub is not None and len(evidence.members) > 1 and all(hubs[link] is not None for link in links):
            found[member.user_id] = Words(f"tied to the others only by {hub.en}", f"与其他账号仅通过{hub.zh}关联")
    return found


def _members(connection: Connection, found: Case, evidence: Evidence, now: datetime, offset: int) -> tuple[Member, ...]:
    """One page of members; evidence tells the first of them, the others are asked for alone."""
    if offset + PAGE <= len(evidence.members) or len(evidence.members) == len(found.flags):
        return evidence.members[offset : offset + PAGE]
    page = found.flags[offset : offset + PAGE]
    known = shown_members(connection, found.case_id, [flag.user_id for flag in page], now)
    rows = []
    for flag in page:
        row = known.get(flag.user_id)
        facts = row or Member(flag.user_id, 0.0, "", None, None, 0, 0, 0)
        if not found.hidden:
            facts = replace(
                facts, score=flag.score, action=flag.action, standing=found.standing(flag), reasons=flag.reasons
            )
        rows.append(facts)
    return tuple(rows)


def _templates(connection: Connection, case_id: str) -> tuple[Template, ...]:
    def number(*states: str) -> Any:
        return func.coalesce(func.sum(when((coupons.c.state.in_(states), 1), else_=0)), 0)

    rows = connection.execute(
        select(
            coupons.c.template_id,
            number("unused"),
            number("held"),
            number("used"),
            func.count(),
            func.coalesce(func.sum(when((LIVE, LEFT), else_=0)), 0),
        )
        .select_from(flags.join(coupons, coupons.c.user_id == flags.c.user_id))
        .where(flags.c.case_id == case_id)
        .group_by(coupons.c.template_id)
        .order_by(func.count().desc(), coupons.c.template_id)
        .limit(40)
    )
    return tuple(
        Template(name, int(unused), int(held), int(used), int(all_ - unused - held - used), int(cents))
        for name, unused, held, used, all_, cents in rows
    )


def _said(connection: Connection, case_id: str) -> tuple[Said, ...]:
    rows = connection.execute(
        select(events.c.kind, events.c.at, events.c.actor, events.c.data)
        .where(events.c.stream == f"case:{case_id}", events.c.kind.in_(_TOLD))
        .order_by(events.c.n.desc())
        .limit(20)
    )
    return tuple(Said(row.kind, row.at, row.actor, _flat(json.loads(row.data))) for row in rows)


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    """What an event says, a proposal like a decision."""
    whole = {**data, **data.get("judgement", {})}
    return {name: str(whole.get(name) or "") for name in ("verdict", "action", "reason_code", "note", "reason")}


def _actions(connection: Connection, case_id: str) -> tuple[Row[Any], ...]:
    return tuple(
        connection.execute(
            select(account_actions)
            .join(flags, flags.c.user_id == account_actions.c.user_id)
            .where(flags.c.case_id == case_id)
            .order_by(account_actions.c.taken_at.desc(), account_actions.c.action_id)
            .limit(_ACTIONS)
        )
    )
