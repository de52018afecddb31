"""The lists as a page shows them: by state, list and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from serving.review.list_work import entry_of
from serving.review.lists import Entry
from serving.store.schema_lists import list_entries

STATES = ("active", "expired", "removed")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; an empty word means all of them."""

    state: str = "active"
    list: str = ""
    kind: str = ""
    owner: str = ""
    value: str = ""


def entries_of(connection: Connection, wanted: Wanted, now: datetime, limit: int, offset: int = 0) -> Sequence[Entry]:
    """Active entries by what expires first, others by what ended last."""
    by = list_entries.c.removed_at if wanted.state == "removed" else list_entries.c.expires_at
    order = by.asc() if wanted.state == "active" else by.desc()
    rows = connection.execute(
        select(list_entries)
        .where(_state(wanted.state, now), _matches(wanted))
        .order_by(order, list_entries.c.entry_id)
        .limit(limit)
        .offset(offset)
    )
    return [entry_of(row) for row in rows]


def counts_of(connection: Connection, wanted: Wanted, now: datetime) -> Mapping[str, int]:
    """How many entries each state has, other filters as they are."""
    return {
        state: int(
            connection.execute(
                select(func.count()).select_from(list_entries).where(_state(state, now), _matches(wanted))
            ).scalar_one()
        )
        for state in STATES
    }


def find_entry(connection: Connection, entry_id: str) -> Entry | None:
    row = connection.execute(select(list_entries).where(list_entries.c.entry_id == entry_id)).one_or_none()
    return None if row is None else entry_of(row)


def _state(state: str, now: datetime) -> ColumnElement[bool]:
    if state == "removed":
        return list_entries.c.removed_at.is_not(None)
    live = list_entries.c.removed_at.is_(None)
    ahead = list_entries.c.expires_at > now
    return and_(live, ahead if state == "active" else ~ahead)


def _matches(wanted: Wanted) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [true()]
    if wanted.list:
        found.append(list_entries.c.list == wanted.list)
    if wanted.kind:
        found.append(list_entries.c.kind == wanted.kind)
    if wanted.owner:
        found.append(list_entries.c.owner == wanted.owner)
    if wanted.value:
        found.append(list_entries.c.value.startswith(wanted.value, autoescape=True))
    return and_(*found)
