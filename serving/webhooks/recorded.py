"""Events as receivers and operators may read them, from the ledger's own table."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from serving.store.cursor import Cursor, Slice
from serving.store.schema import events
from serving.webhooks.endpoint import OWN, is_sent
from serving.webhooks.payload import Recorded

_SHOWN = (events.c.event_id, events.c.stream, events.c.kind, events.c.at, events.c.n, events.c.data)
COLUMNS = (events.c.seq, *_SHOWN)


def read_event(row: Row[Any]) -> Recorded:
    return Recorded(row.event_id, row.stream, row.kind, row.at, row.n, json.loads(row.data))


def find(connection: Connection, event_id: str) -> tuple[int, Recorded] | None:
    """An event that may be sent, with its place in the ledger; those about endpoints are as unknown as none."""
    row = connection.execute(select(*COLUMNS).where(events.c.event_id == event_id)).one_or_none()
    return (row.seq, read_event(row)) if row is not None and is_sent(row.kind) else None


def newest(connection: Connection, kind: str | None, cursor: Cursor) -> Slice[Recorded]:
    """Events that may be sent, newest first, of one kind or of all."""
    sent = and_(*(~events.c.kind.startswith(own, autoescape=True) for own in OWN))
    query = select(*COLUMNS).where(sent if kind is None else and_(sent, events.c.kind == kind))
    return newest_first(connection, query, events.c.seq, cursor).map(read_event)


def newest_first(
    connection: Connection, query: Select[Any], seq: ColumnElement[int], cursor: Cursor
) -> Slice[Row[Any]]:
    """A page in the order in which the ledger numbered events, backwards; the cursor is an event's id."""
    query = query.limit(cursor.limit + 1)
    seen = select(events.c.seq).where(events.c.event_id == (cursor.before or cursor.after)).scalar_subquery()
    if cursor.before is not None:
        found = connection.execute(query.where(seq > seen).order_by(seq)).all()
        return Slice(found[: cursor.limit][::-1], len(found) > cursor.limit)
    if cursor.after is not None:
        query = query.where(seq < seen)
    found = connection.execute(query.order_by(seq.desc())).all()
    return Slice(found[: cursor.limit], len(found) > cursor.limit)
