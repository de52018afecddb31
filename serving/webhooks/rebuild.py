"""The endpoints table out of events alone, for the proof that nothing was changed, lost or invented."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from serving.store.rebuild import EventRow
from serving.store.schema_webhooks import webhook_endpoints
from serving.webhooks.endpoint import CREATED, DISABLED, ENABLED, RESENT, ROTATED, Endpoint, apply
from serving.webhooks.endpoints import endpoint_row

KINDS = frozenset({CREATED, ROTATED, DISABLED, ENABLED, RESENT})

Rows = dict[tuple[Any, ...], dict[str, Any]]


def take(endpoints: dict[str, Endpoint], n: int, kind: str, data: Mapping[str, Any], at: datetime) -> None:
    """Let one event happen to the endpoints; raises ``ValueError`` or ``KeyError`` where it cannot have."""
    after = apply(endpoints.get(data["webhook_id"]), kind, data, at)
    if after.n != n:
        raise ValueError(f"event {n} of {after.webhook_id} stands where event {after.n} belongs")
    endpoints[after.webhook_id] = after


def endpoint_rows(endpoints: Mapping[str, Endpoint]) -> Rows:
    """The rows of ``webhook_endpoints`` by key."""
    return {(webhook_id,): endpoint_row(endpoint) for webhook_id, endpoint in endpoints.items()}


class Webhooks:
    """Rebuilds ``webhook_endpoints``; deliveries are the relay's own book, like the mark of the outbox."""

    tables = (webhook_endpoints,)
    kinds = tuple(sorted(KINDS))

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002 - every rebuilder is made with the shop's zone
        self._endpoints: dict[str, Endpoint] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        take(self._endpoints, row.n, row.kind, row.data, row.at)
        rows["webhook_endpoints"] = endpoint_rows(self._endpoints)
