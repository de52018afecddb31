"""Decided cases that looked like this one: of the same kind, about its size, and with the same said against them.

Likeness is the mean of two parts that anybody can check. *What was said*: reason codes and kinds of shared things in
common, over all that either case has (weighted Jaccard: what few of the compared cases have says more). *Size*: the
smaller number of accounts over the larger. The latest ``COMPARED`` cases are weighed by their reasons, and what the
closest ``NEAR`` of them shared is asked of the ledger: two statements.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, literal, select, union_all

from serving.review.case import DECIDED, SECOND, Case
from serving.review.case_rows import SHOWN_REASONS
from serving.review.evidence.parts import KINDS, Similar, Words
from serving.review.evidence.people import NOW
from serving.review.evidence.sights import SEEN_ON
from serving.store.schema import cases, coupons, flags
from serving.store.schema_people import user_links

COMPARED, NEAR, SHOWN = 200, 40, 5
LEAST = 0.3
"""Less alike than this is not told."""
_SIZES = 4  # a ring four times as large is another matter
_FIRST = 50  # members of a past case that are looked at, the strongest


@dataclass(frozen=True, slots=True)
class Past:
    """A decided case, as far as it is compared."""

    case_id: str
    verdict: str
    action: str
    decided_at: datetime
    members: int
    marks: frozenset[str]


def similar(
    connection: Connection, found: Case, members: int, kinds: Collection[str], now: datetime
) -> tuple[Similar, ...]:
    """The ``SHOWN`` most alike, the most alike first; ``kinds`` are those of the things that are shared."""
    given = {
        "of_case": found.case_id,
        "least": max(1, members // _SIZES),
        "most": max(1, members) * _SIZES,
        "now": now,
    }
    past = [
        Past(
            row.case_id, row.verdict, row.action, row.decided_at, int(row.members), marks_of(_codes(row.first_reasons))
        )
        for row in connection.execute(_PAST[found.subject.startswith("ring:")], given)
    ]
    if not past:
        return ()
    marks = marks_of(reason.code for flag in found.flags[:1] for reason in flag.reasons[:SHOWN_REASONS])
    nearest = sorted(past, key=lambda one: (-_likeness(one, marks, members, _weights(past, marks)), one.case_id))[:NEAR]
    shared: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.execute(_THINGS, {"of_cases": [one.case_id for one in nearest]}):
        shared[row.case_id].add(row.kind)
    told = [replace(one, marks=one.marks | shared[one.case_id]) for one in nearest]
    return alike(told, marks | set(kinds), members)


def marks_of(codes: Iterable[str]) -> frozenset[str]:
    """What is compared of reasons: their codes without windows.

    >>> sorted(marks_of(["device_others_24h", "device_others_7d", "ring"]))
    ['device_others', 'ring']
    """
    return frozenset(re.sub(r"_(\d+[mhd]|now)$", "", code) for code in codes)


def alike(past: Sequence[Past], marks: frozenset[str], members: int) -> tuple[Similar, ...]:
    """``similar`` on plain values."""
    weights = _weights(past, marks)
    scored = [(_likeness(one, marks, members, weights), one) for one in past]
    scored.sort(key=lambda pair: (-pair[0], -pair[1].decided_at.timestamp(), pair[1].case_id))
    return tuple(
        Similar(one.case_id, one.verdict, one.action, one.decided_at, likeness, _why(one, marks, members))
        for likeness, one in scored[:SHOWN]
        if likeness >= LEAST
    )


def _weights(past: Sequence[Past], marks: Collection[str]) -> Mapping[str, float]:
    seen = Counter(mark for one in past for mark in one.marks)
    return {mark: math.log(1 + len(past) / (1 + seen[mark])) + 0.1 for mark in {*seen, *marks}}


def _likeness(one: Past, marks: frozenset[str], members: int, weights: Mapping[str, float]) -> float:
    every = sum(weights[mark] for mark in one.marks | marks)
    said = sum(weights[mark] for mark in one.marks & marks) / every if every else 0.0
    size = min(one.members, members) / max(one.members, members, 1)
    return round((said + size) / 2, 3)


def _why(one: Past, marks: frozenset[str], members: int) -> Words:
    both = sorted(one.marks & marks)[:4]
    en = f"{one.members} accounts where this has {members}"
    zh = f"{one.members} 个账号，本案 {members} 个"
    if not both:
        return Words(en, zh)
    return Words(
        f"{en}; both: {', '.join(mark.replace('_', ' ') for mark in both)}", f"{zh}；共同点：{'、'.join(both)}"
    )


def _codes(first_reasons: str) -> list[str]:
    return [str(reason["code"]) for reason in json.loads(first_reasons)]


def _past(ring: bool) -> Any:
    like = cases.c.subject.like("ring:%")
    return (
        select(
            cases.c.case_id,
            cases.c.verdict,
            func.coalesce(cases.c.decided_action, "").label("action"),
            cases.c.decided_at,
            cases.c.members,
            cases.c.first_reasons,
        )
        .where(
            cases.c.state == DECIDED,
            cases.c.verdict.is_not(None),
            cases.c.decided_at <= NOW,
            cases.c.source != SECOND,
            cases.c.case_id != bindparam("of_case"),
            like if ring else ~like,
            cases.c.members.between(bindparam("least", type_=Integer()), bindparam("most", type_=Integer())),
        )
        .order_by(cases.c.decided_at.desc(), cases.c.case_id)
        .limit(COMPARED)
    )


def _things() -> Any:
    """(case_id, kind): kinds of which the first members of a case share a thing."""
    of: Any = bindparam("of_cases", expanding=True, type_=cases.c.case_id.type)
    here = (flags.c.case_id.in_(of), flags.c.position < _FIRST)
    seen = [
        select(flags.c.case_id, literal(kind).label("kind"), coupons.c[kind].label("value"), flags.c.user_id)
        .join(coupons, coupons.c.user_id == flags.c.user_id)
        .where(*here, coupons.c[kind].is_not(None))
        for kind in SEEN_ON
    ]
    linked = (
        select(flags.c.case_id, user_links.c.kind, user_links.c.value, flags.c.user_id)
        .join(user_links, user_links.c.user_id == flags.c.user_id)
        .where(*here, user_links.c.kind.in_(list(KINDS)))
    )
    each = union_all(*seen, linked).subquery()
    thing = (each.c.case_id, each.c.kind, each.c.value)
    shared = select(*thing).group_by(*thing).having(func.count(each.c.user_id.distinct()) > 1).subquery()
    return select(shared.c.case_id, shared.c.kind).distinct()


_PAST = {ring: _past(ring) for ring in (True, False)}
_THINGS = _things()
