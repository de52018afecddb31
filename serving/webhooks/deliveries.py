"""The relay's book: one row per event and endpoint, claimed by lease, settled by whoever holds the lease.

Rows are claimed one by one (``SKIP LOCKED`` on PostgreSQL; on SQLite writers take turns), never by "newer than the last
one seen": PostgreSQL numbers events before they are committed, so a smaller number may turn up later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from serving.store.cursor import Cursor, Slice
from serving.store.rows import insert_new
from serving.store.schema import events, outbox
from serving.store.schema_webhooks import webhook_deliveries as book
from serving.store.unit import Transaction
from serving.webhooks import endpoints
from serving.webhooks.endpoint import Endpoint
from serving.webhooks.payload import Recorded
from serving.webhooks.recorded import COLUMNS, newest_first, read_event
from serving.webhooks.sender import Outcome


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event on its way to one endpoint, after ``attempts`` that failed."""

    event: Recorded
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one parcel and when the next attempt is; ``next_at`` None after a failure means no more."""

    event_id: str
    at: datetime
    outcome: Outcome
    next_at: datetime | None


def unpublished(connection: Connection) -> bool:
    """Whether the outbox has events that no endpoint was told of."""
    query = select(outbox.c.event_id).where(outbox.c.published_at.is_(None)).limit(1)
    return connection.execute(query).one_or_none() is not None


def publish(tx: Transaction, limit: int) -> int:
    """Write a delivery for each endpoint that wants an event, and take the event off the outbox; how many events."""
    query = (
        select(*COLUMNS)
        .join(outbox, outbox.c.event_id == events.c.event_id)
        .where(outbox.c.published_at.is_(None))
        .order_by(outbox.c.created_at, outbox.c.event_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    rows = tx.connection.execute(query).all()
    wanting = endpoints.active(tx.connection) if rows else []
    for row in rows:
        for endpoint in wanting:
            if endpoint.wants(row.kind, row.at):
                insert_new(tx.connection, book, _fresh(endpoint.webhook_id, row.event_id, row.seq, tx.now))
    if rows:
        done = update(outbox).where(outbox.c.event_id.in_([row.event_id for row in rows]))
        tx.connection.execute(done.values(published_at=tx.now))
    return len(rows)


def due_endpoints(connection: Connection, now: datetime) -> Sequence[str]:
    """Endpoints for which something can be claimed now."""
    found = connection.execute(select(book.c.webhook_id).where(_due(now)).distinct().order_by(book.c.webhook_id))
    return list(found.scalars())


def claim(tx: Transaction, webhook_id: str, lease: str, until: datetime, limit: int) -> int:
    """Take up to ``limit`` parcels of an endpoint under a lease; how many.

    An endpoint that was disabled while its deliveries were being written down is caught here.
    """
    endpoint = endpoints.find(tx.connection, webhook_id)
    if endpoint is None or not endpoint.active:
        endpoints.give_up(tx, webhook_id)
        return 0
    query = (
        select(book.c.event_id)
        .where(book.c.webhook_id == webhook_id, _due(tx.now))
        .order_by(book.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = list(tx.connection.execute(query).scalars())
    if taken:
        mine = update(book).where(book.c.webhook_id == webhook_id, book.c.event_id.in_(taken))
        tx.connection.execute(mine.values(lease=lease, claimed_until=until))
    return len(taken)


def claimed(connection: Connection, lease: str) -> Sequence[Parcel]:
    """The parcels of a lease in the order of their events."""
    query = select(*COLUMNS, book.c.attempts).join(book, book.c.event_id == events.c.event_id)
    rows = connection.execute(query.where(book.c.lease == lease).order_by(book.c.seq))
    return [Parcel(read_event(row), row.attempts) for row in rows]


def settle(tx: Transaction, webhook_id: str, lease: str, attempts: Sequence[Attempt], resume_at: datetime) -> list[str]:
    """Write down what became of a lease and end it; returns the events that have failed for good.

    A row whose lease is no longer ours (it ran out, or a person had the event sent again) is left alone. What was not
    tried may be claimed again at ``resume_at``.
    """
    failed = []
    for attempt in attempts:
        values = _after(attempt)
        held = and_(book.c.webhook_id == webhook_id, book.c.event_id == attempt.event_id, book.c.lease == lease)
        written = tx.connection.execute(update(book).where(held).values(attempts=book.c.attempts + 1, **values))
        if written.rowcount == 1 and values["state"] == "failed":
            failed.append(attempt.event_id)
    rest = update(book).where(book.c.webhook_id == webhook_id, book.c.lease == lease)
    tx.connection.execute(rest.values(lease=None, claimed_until=None, next_at=resume_at))
    return failed


def nothing_arrived_since(tx: Transaction, webhook_id: str, event_id: str) -> bool:
    """Whether the endpoint took nothing at all for as long as this event was tried."""
    began = select(book.c.created_at).where(book.c.webhook_id == webhook_id, book.c.event_id == event_id)
    arrived = select(book.c.event_id).where(
        book.c.webhook_id == webhook_id, book.c.delivered_at >= began.scalar_subquery()
    )
    return tx.connection.execute(arrived.limit(1)).one_or_none() is None


def again(tx: Transaction, endpoint: Endpoint, event_id: str, seq: int) -> None:
    """Send an event to an endpoint once more, with all its attempts before it; its id stays the same."""
    row = _fresh(endpoint.webhook_id, event_id, seq, tx.now)
    if not insert_new(tx.connection, book, row):
        mine = and_(book.c.webhook_id == endpoint.webhook_id, book.c.event_id == event_id)
        tx.connection.execute(update(book).where(mine).values(row))


def listing(connection: Connection, webhook_id: str, state: str | None, cursor: Cursor) -> Slice[Row[Any]]:
    """Deliveries of an endpoint, newest event first; the cursor is an event's id."""
    query = select(book, events.c.kind).join(events, events.c.event_id == book.c.event_id)
    query = query.where(book.c.webhook_id == webhook_id)
    if state is not None:
        query = query.where(book.c.state == state)
    return newest_first(connection, query, book.c.seq, cursor)


def of_event(connection: Connection, event_id: str) -> Sequence[Row[Any]]:
    """How far an event has come, by endpoint."""
    query = select(book, events.c.kind).join(events, events.c.event_id == book.c.event_id)
    return connection.execute(query.where(book.c.event_id == event_id).order_by(book.c.webhook_id)).all()


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(book.c.claimed_until.is_(None), book.c.claimed_until <= now)
    return and_(book.c.state == "pending", book.c.next_at <= now, free)


def _fresh(webhook_id: str, event_id: str, seq: int, now: datetime) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "event_id": event_id,
        "seq": seq,
        "state": "pending",
        "attempts": 0,
        "created_at": now,
        "next_at": now,
        "lease": None,
        "claimed_until": None,
        "attempted_at": None,
        "delivered_at": None,
        "status": None,
        "error": None,
    }


def _after(attempt: Attempt) -> Mapping[str, Any]:
    values: dict[str, Any] = {
        "attempted_at": attempt.at,
        "status": attempt.outcome.status,
        "error": attempt.outcome.error,
        "lease": None,
        "claimed_until": None,
    }
    if attempt.outcome.delivered:
        return {**values, "state": "delivered", "delivered_at": attempt.at}
    if attempt.next_at is None:
        return {**values, "state": "failed"}
    return {**values, "state": "pending", "next_at": attempt.next_at}
