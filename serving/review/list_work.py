"""Commands on the lists: add, prolong, remove; each is an event, and counts from its commit on in every process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from serving.coupons.refusals import Refuse
from serving.review.list_hits import Hits, hits_of
from serving.review.listing import BLOCK
from serving.review.lists import ADDED, PROLONGED, REMOVED, Entry, Value, apply, entry_row, entry_to_data, until
from serving.store.rows import insert_new
from serving.store.schema_lists import list_entries
from serving.store.unit import Answer, Command, StaleError, Transaction

# More settled accounts than this on a thing, and only a lead may block it.
SETTLED_NEEDS_LEAD = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that somebody wants: ``hits`` is who was seen on the value, ``owner`` answers for it."""

    list: str
    value: Value
    owner: str
    reason: str
    expires_at: datetime
    hits: Hits
    case_id: str | None = None


def needs_lead(name: str, kind: str, hits: Hits) -> bool:
    """Whether so many settled accounts would be hit that a lead has to do it; one account is one person's business."""
    return name == BLOCK and kind != "user" and hits.settled > SETTLED_NEEDS_LEAD


def add(draft: Draft, by: str, *, lead: bool) -> Command:
    """Put a value on a list; ``lead`` says whether who adds it is one.

    Who would be hit is counted again, where that can be done: of a network only who typed it could.
    """

    def command(tx: Transaction) -> Answer | Refuse:
        value = draft.value
        hits = draft.hits if value.prefix is not None else hits_of(tx.connection, value.kind, value.value, tx.now)
        if needs_lead(draft.list, value.kind, hits) and not lead:
            return Refuse("list_needs_lead")
        entry = Entry(
            tx.ids("lst"),
            draft.list,
            value.kind,
            value.value,
            value.prefix,
            draft.owner,
            draft.reason,
            draft.case_id,
            hits.accounts,
            hits.settled,
            by,
            tx.now,
            until(draft.expires_at, tx.now),
        )
        data = entry_to_data(entry)
        if not insert_new(tx.connection, list_entries, entry_row(entry)):
            return Refuse("list_entry_exists")
        tx.append(f"list:{entry.entry_id}", 1, ADDED, data)
        return Answer(201, {"entry_id": entry.entry_id})

    return command


def prolong(entry_id: str, expires_at: datetime, reason: str, *, lead: bool) -> Command:
    """Let an entry hold until another moment, later or sooner; one that ran out holds again.

    To let it hold longer needs a lead where to add it would.
    """

    def data(tx: Transaction, entry: Entry) -> dict[str, Any] | Refuse:
        if expires_at > entry.expires_at and not lead and needs_lead(entry.list, entry.kind, _hits(tx, entry)):
            return Refuse("list_needs_lead")
        return {"entry_id": entry_id, "expires_at": until(expires_at, tx.now).isoformat(), "reason": reason}

    return _changed(entry_id, PROLONGED, data)


def remove(entry_id: str, reason: str) -> Command:
    """Take an entry off its list, at once."""
    return _changed(entry_id, REMOVED, lambda _, __: {"entry_id": entry_id, "reason": reason})


def remove_within(tx: Transaction, entry_id: str, reason: str) -> Answer | Refuse:
    """``remove`` as a part of another command."""
    return remove(entry_id, reason)(tx)


def entry_of(row: Row[Any]) -> Entry:
    return Entry(**row._asdict())


def _hits(tx: Transaction, entry: Entry) -> Hits:
    """Who is hit now; of a network, who was when it was listed."""
    if entry.prefix is not None:
        return Hits(entry.accounts, entry.settled)
    return hits_of(tx.connection, entry.kind, entry.value, tx.now)


def _changed(entry_id: str, kind: str, data_of: Callable[[Transaction, Entry], dict[str, Any] | Refuse]) -> Command:
    def command(tx: Transaction) -> Answer | Refuse:
        row = tx.connection.execute(
            select(list_entries).where(list_entries.c.entry_id == entry_id).with_for_update()
        ).one_or_none()
        if row is None:
            return Refuse("list_entry_unknown")
        before = entry_of(row)
        if before.removed_at is not None:
            return Refuse("list_entry_removed")
        data = data_of(tx, before)
        if isinstance(data, Refuse):
            return data
        after = apply(before, kind, data, tx.now, tx.request.principal)
        written = tx.connection.execute(
            update(list_entries)
            .where(list_entries.c.entry_id == entry_id, list_entries.c.n == before.n)
            .values(entry_row(after))
        )
        if written.rowcount != 1:
            raise StaleError(entry_id)
        tx.append(f"list:{entry_id}", after.n, kind, data)
        return Answer(200, {"entry_id": entry_id})

    return command
