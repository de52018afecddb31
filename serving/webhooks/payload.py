"""What a receiver gets of an event: its kind, moment, id and data, without anybody's identifiers.

The bytes of an event are the same each time it is sent, so that a receiver may compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serving.store.unit import canonical

# Of the shape below; a change that a receiver could trip over gets another date.
VERSION = "2026-11-01"
# Keyed hashes that join accounts: they are for finding abuse within the shop and for nobody else.
IDENTIFIERS = frozenset({"device", "ip", "address", "phone", "identity", "email"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the ledger has it, the ``n``-th of its ``stream``: of one coupon, order or template."""

    event_id: str
    stream: str
    kind: str
    at: datetime
    n: int
    data: dict[str, Any]


def payload(event: Recorded) -> dict[str, Any]:
    """Standard Webhooks' ``type``, ``timestamp`` and ``data``; ``sequence`` restores the order of one coupon."""
    return {
        "type": event.kind,
        "timestamp": event.at.isoformat() + "Z",
        "id": event.event_id,
        "sequence": event.n,
        "version": VERSION,
        "data": without_identifiers(event.data),
    }


def payload_text(event: Recorded) -> str:
    """The body of a webhook, the same each time."""
    return canonical(payload(event))


def without_identifiers(value: Any) -> Any:
    """The same value without the fields of ``IDENTIFIERS``, however deep they lie.

    >>> without_identifiers({"user_id": "u1", "device": "9f…", "also": [{"ip": "1c…", "n": 1}]})
    {'user_id': 'u1', 'also': [{'n': 1}]}
    """
    if isinstance(value, dict):
        return {name: without_identifiers(inner) for name, inner in value.items() if name not in IDENTIFIERS}
    if isinstance(value, list):
        return [without_identifiers(inner) for inner in value]
    return value
