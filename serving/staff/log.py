"""The events of the ledger as a log to search: by who, what, about what, when and any text; newest first.

A million events are searched by index. What no index serves (text, or a second filter) is looked for among the newest
hundred thousand that the first filter leaves, and the reader is told how far back that was and may go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal, or_, select, text, true

from serving.store.schema import events

WINDOW = 100_000
# What stands before the colon of a stream, so that an id alone finds its streams.
SUBJECTS = (
    "action", "appeal", "bundle", "campaign", "case", "check", "code", "codes", "coupon", "decision", "entrance",
    "guess", "list", "merchant", "note", "notice", "notification", "order", "reward", "ring", "rule", "shadow",
    "sign_in", "staff", "template", "user", "webhook",
)  # fmt: skip
# PostgreSQL numbers events a little before they are committed: bounds of time are widened by so many events.
_MARGIN = 10_000
_NEAR = 1000

# The distinct values of an indexed column without reading every row: from one value to the next greater one.
_DISTINCT = (
    "WITH RECURSIVE found(value) AS (SELECT min({column}) FROM events UNION ALL "
    "SELECT (SELECT min({column}) FROM events WHERE {column} > found.value) FROM found WHERE found.value IS NOT NULL) "
    "SELECT value FROM found WHERE value IS NOT NULL LIMIT {most}"
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty means any. ``kind`` may end in a dot and then stands for all that begin so; ``subject`` is a stream or the
    id in it; times are UTC, ``until`` is not part of the range."""

    actor: str = ""
    kind: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Events, newest first. ``earlier`` is where the next page begins, None at the end; ``searched`` is how far back
    was looked when the page is not full although there is more."""

    events: tuple[Row[Any], ...]
    earlier: int | None
    searched: datetime | None


def kinds(connection: Connection) -> list[str]:
    """The kinds of events that there are."""
    return _distinct(connection, "kind", 500)


def actors(connection: Connection) -> list[str]:
    """Who did something; the first few hundred by name."""
    return _distinct(connection, "actor", 300)


def search(
    connection: Connection, filters: Filters, before: int | None = None, limit: int = 50, window: int = WINDOW
) -> Found:
    """The newest ``limit`` events that fit, of those numbered below ``before``."""
    seq = events.c.seq
    drivers, rest = _split(connection, filters)
    low, high = _bounds(connection, filters)
    below = high + 1 if before is None else min(before, high + 1)
    size = max(limit + 1, window // max(len(drivers), 1)) if rest else limit + 1
    rows: list[Row[Any]] = []
    horizon = low
    for driver in drivers:
        newest = select(seq).where(driver, seq < below, seq >= low).order_by(seq.desc()).limit(size).subquery()
        if rest:
            count, least = connection.execute(select(func.count(), func.min(newest.c.seq)).select_from(newest)).one()
            if count == size:
                horizon = max(horizon, least)
        inside = select(events).where(seq.in_(select(newest.c.seq)), *rest)
        rows.extend(connection.execute(inside.order_by(seq.desc()).limit(limit + 1)))
    fits = sorted((row for row in rows if row.seq >= horizon), key=lambda row: -row.seq)
    if len(fits) > limit:
        return Found(tuple(fits[:limit]), fits[limit - 1].seq, None)
    if horizon > low:
        at = connection.execute(select(events.c.at).where(seq >= horizon).order_by(seq).limit(1)).scalar()
        return Found(tuple(fits), horizon, at)
    return Found(tuple(fits), None, None)


def _split(connection: Connection, filters: Filters) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Conditions that an index serves, one of which must hold, and what has to hold beside."""
    rest: list[ColumnElement[bool]] = []
    if filters.since is not None:
        rest.append(events.c.at >= filters.since)
    if filters.until is not None:
        rest.append(events.c.at < filters.until)
    if filters.text:
        rest.append(or_(events.c.data.icontains(filters.text, autoescape=True), events.c.request_key == filters.text))
    of_kind: list[ColumnElement[bool]] = []
    if filters.kind:
        known = kinds(connection) if filters.kind.endswith(".") else [filters.kind]
        of_kind = [events.c.kind == kind for kind in known if kind == filters.kind or (filters.kind[-1:] == "." and
                   kind.startswith(filters.kind))]  # fmt: skip
    if filters.subject:
        streams = [filters.subject] if ":" in filters.subject else [f"{name}:{filters.subject}" for name in SUBJECTS]
        drivers: list[ColumnElement[bool]] = [events.c.stream.in_(streams)]
    elif filters.actor:
        drivers = [events.c.actor == filters.actor]
    elif filters.kind:
        return of_kind, rest
    else:
        drivers = [true()]
    if filters.subject and filters.actor:
        rest.append(events.c.actor == filters.actor)
    if filters.kind:
        rest.append(or_(literal(False), *of_kind))
    return drivers, rest


def _bounds(connection: Connection, filters: Filters) -> tuple[int, int]:
    """The numbers between which events of the range of time are."""
    low, high = 0, connection.execute(select(func.max(events.c.seq))).scalar() or 0
    if filters.since is not None:
        near = select(events.c.seq).where(events.c.at >= filters.since).order_by(events.c.at).limit(_NEAR).subquery()
        first = connection.execute(select(func.min(near.c.seq))).scalar()
        low = high + 1 if first is None else max(0, first - _MARGIN)
    if filters.until is not None:
        late = select(events.c.seq).where(events.c.at < filters.until).order_by(events.c.at.desc()).limit(_NEAR)
        last = connection.execute(select(func.max(late.subquery().c.seq))).scalar()
        high = 0 if last is None else min(high, last + _MARGIN)
    return low, high


def _distinct(connection: Connection, column: str, most: int) -> list[str]:
    return [row[0] for row in connection.execute(text(_DISTINCT.format(column=column, most=most)))]
