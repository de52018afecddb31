"""Endpoints on the ledger's unit of work: every change is one conditional write and one event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from serving.coupons.refusals import Refuse
from serving.store.cursor import Cursor, Slice
from serving.store.schema_webhooks import webhook_deliveries, webhook_endpoints
from serving.store.unit import StaleError, Transaction, canonical
from serving.webhooks.endpoint import ALL, CREATED, DISABLED, ENABLED, RESENT, ROTATED, Endpoint, apply


def add(tx: Transaction, url: str, events: Sequence[str], description: str) -> Endpoint:
    """A new endpoint; ``events`` are kinds, each once, or ``*`` alone."""
    kinds = [ALL] if ALL in events else sorted(set(events))
    data = {"webhook_id": tx.ids("whk"), "url": url, "events": kinds, "description": description}
    made = apply(None, CREATED, data, tx.now)
    tx.connection.execute(insert(webhook_endpoints), endpoint_row(made))
    tx.append(_stream(made), made.n, CREATED, data)
    return made


def rotate(tx: Transaction, webhook_id: str) -> Endpoint | Refuse:
    """The next secret; the one before it stays valid for a day."""
    endpoint = locked(tx, webhook_id)
    if isinstance(endpoint, Refuse):
        return endpoint
    return _write(tx, endpoint, ROTATED, {"webhook_id": webhook_id, "generation": endpoint.generation + 1})


def disable(tx: Transaction, webhook_id: str, reason: str) -> Endpoint | Refuse:
    """Send nothing more; what is still under way becomes ``failed`` and can be sent again by hand."""
    endpoint = locked(tx, webhook_id)
    if isinstance(endpoint, Refuse) or not endpoint.active:
        return endpoint
    give_up(tx, webhook_id)
    return _write(tx, endpoint, DISABLED, {"webhook_id": webhook_id, "reason": reason})


def give_up(tx: Transaction, webhook_id: str) -> None:
    """Nothing that is under way to this endpoint is sent any more."""
    under_way = (webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.state == "pending")
    values = {"state": "failed", "error": "endpoint_disabled", "lease": None, "claimed_until": None}
    tx.connection.execute(update(webhook_deliveries).where(*under_way).values(values))


def enable(tx: Transaction, webhook_id: str) -> Endpoint | Refuse:
    """Send again what happens from now on."""
    endpoint = locked(tx, webhook_id)
    if isinstance(endpoint, Refuse) or endpoint.active:
        return endpoint
    return _write(tx, endpoint, ENABLED, {"webhook_id": webhook_id})


def note_resend(tx: Transaction, endpoint: Endpoint, event_id: str) -> Endpoint:
    """Who had an event sent again is part of the record."""
    return _write(tx, endpoint, RESENT, {"webhook_id": endpoint.webhook_id, "event_id": event_id})


def locked(tx: Transaction, webhook_id: str) -> Endpoint | Refuse:
    """An endpoint that nobody else changes until the transaction ends."""
    row = tx.connection.execute(_by_id(webhook_id).with_for_update()).one_or_none()
    return Refuse("webhook_unknown") if row is None else read_endpoint(row)


def find(connection: Connection, webhook_id: str) -> Endpoint | None:
    row = connection.execute(_by_id(webhook_id)).one_or_none()
    return None if row is None else read_endpoint(row)


def active(connection: Connection) -> Sequence[Endpoint]:
    query = select(webhook_endpoints).where(webhook_endpoints.c.state == "active")
    return [read_endpoint(row) for row in connection.execute(query.order_by(webhook_endpoints.c.webhook_id))]


def listing(connection: Connection, cursor: Cursor) -> Slice[Endpoint]:
    """Endpoints by id, which is by age."""
    return cursor.fetch(connection, select(webhook_endpoints), webhook_endpoints.c.webhook_id).map(read_endpoint)


def endpoint_row(endpoint: Endpoint) -> dict[str, Any]:
    """The state row of an endpoint."""
    return {
        "webhook_id": endpoint.webhook_id,
        "url": endpoint.url,
        "events": canonical(list(endpoint.events)),
        "description": endpoint.description,
        "state": "active" if endpoint.active else "disabled",
        "reason": endpoint.reason,
        "generation": endpoint.generation,
        "rotated_at": endpoint.rotated_at,
        "created_at": endpoint.created_at,
        "n": endpoint.n,
    }


def read_endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        row.webhook_id,
        row.url,
        tuple(json.loads(row.events)),
        row.description,
        row.created_at,
        row.reason,
        row.generation,
        row.rotated_at,
        row.n,
    )


def _by_id(webhook_id: str) -> Select[Any]:
    return select(webhook_endpoints).where(webhook_endpoints.c.webhook_id == webhook_id)


def _stream(endpoint: Endpoint) -> str:
    return f"webhook:{endpoint.webhook_id}"


def _write(tx: Transaction, before: Endpoint, kind: str, data: dict[str, Any]) -> Endpoint:
    after = apply(before, kind, data, tx.now)
    written = tx.connection.execute(
        update(webhook_endpoints)
        .where(webhook_endpoints.c.webhook_id == after.webhook_id, webhook_endpoints.c.n == before.n)
        .values(endpoint_row(after))
    )
    if written.rowcount != 1:
        raise StaleError(after.webhook_id)
    tx.append(_stream(after), after.n, kind, data)
    return after
