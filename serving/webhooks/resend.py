"""Replay: an event is sent again under its own id, to one endpoint or to all that want its kind."""

from __future__ import annotations

from serving.coupons.refusals import Refuse
from serving.store.unit import Transaction
from serving.webhooks import deliveries, endpoints, recorded
from serving.webhooks.endpoint import ALL, Endpoint


def resend(tx: Transaction, event_id: str, webhook_id: str | None) -> list[str] | Refuse:
    """The endpoints that get it, with all attempts before them.

    One named endpoint gets it whatever kinds it wants and however old the event is; without a name those get it that
    would get such an event if it happened now.
    """
    found = recorded.find(tx.connection, event_id)
    if found is None:
        return Refuse("event_unknown")
    seq, event = found
    chosen = [_named(tx, webhook_id)] if webhook_id is not None else _wanting(tx, event.kind)
    for endpoint in chosen:
        if isinstance(endpoint, Refuse):
            return endpoint
        deliveries.again(tx, endpoint, event_id, seq)
        endpoints.note_resend(tx, endpoint, event_id)
    return [endpoint.webhook_id for endpoint in chosen if isinstance(endpoint, Endpoint)]


def _named(tx: Transaction, webhook_id: str) -> Endpoint | Refuse:
    endpoint = endpoints.locked(tx, webhook_id)
    return Refuse("webhook_disabled") if isinstance(endpoint, Endpoint) and not endpoint.active else endpoint


def _wanting(tx: Transaction, kind: str) -> list[Endpoint | Refuse]:
    wanting = [found for found in endpoints.active(tx.connection) if ALL in found.events or kind in found.events]
    return [endpoints.locked(tx, found.webhook_id) for found in wanting]  # by id, so that two resends cannot deadlock
