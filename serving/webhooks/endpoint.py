"""An endpoint: where events are sent, which kinds, signed with which secrets; its state is the fold of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

CREATED, ROTATED, DISABLED, ENABLED, RESENT = (
    "webhook.created",
    "webhook.rotated",
    "webhook.disabled",
    "webhook.enabled",
    "webhook.resent",
)
ALL = "*"
# Why an endpoint is disabled: by a person, because nothing arrives for days, or because it answered 410.
BY_HAND, FAILING, GONE = "by_hand", "failing", "gone"
OVERLAP = timedelta(hours=24)
# Events of endpoints tell their addresses; those of staff, of who came in, of what they looked at and of what links
# accounts are the house's.
OWN = ("webhook.", "staff.", "entrance.", "audit.", "evidence.")


def is_sent(kind: str) -> bool:
    """Whether events of this kind leave the shop.

    >>> is_sent("coupon.redeemed"), is_sent("webhook.created"), is_sent("staff.added")
    (True, False, False)
    """
    return not kind.startswith(OWN)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``generation`` counts its secrets; the one before stays valid for a day after ``rotated_at``."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    description: str
    created_at: datetime
    reason: str | None = None
    generation: int = 1
    rotated_at: datetime | None = None
    n: int = 1

    @property
    def active(self) -> bool:
        return self.reason is None

    @property
    def old_secret_until(self) -> datetime | None:
        return None if self.rotated_at is None else self.rotated_at + OVERLAP

    def wants(self, kind: str, at: datetime) -> bool:
        """Whether an event of this moment is sent here; what happened before the endpoint existed is not."""
        return self.active and at >= self.created_at and is_sent(kind) and (ALL in self.events or kind in self.events)

    def generations(self, now: datetime) -> tuple[int, ...]:
        """Secrets that are valid now, the current one first; a second rotation within a day ends the oldest."""
        until = self.old_secret_until
        return (self.generation,) if until is None or now >= until else (self.generation, self.generation - 1)


def apply(before: Endpoint | None, kind: str, data: Mapping[str, Any], at: datetime) -> Endpoint:
    """The endpoint after an event, as it is stored: used by the store and when the ledger is rebuilt."""
    if kind == CREATED and before is None:
        return Endpoint(data["webhook_id"], data["url"], tuple(data["events"]), data["description"], at)
    if before is None or kind == CREATED:
        raise ValueError(f"{kind} of an endpoint that {'is there' if before else 'is not there'}")
    n = before.n + 1
    if kind == ROTATED:
        if data["generation"] != before.generation + 1:
            raise ValueError(f"secret {data['generation']} follows {before.generation}")
        return replace(before, generation=data["generation"], rotated_at=at, n=n)
    if kind == DISABLED and before.active:
        return replace(before, reason=data["reason"], n=n)
    if kind == ENABLED and not before.active:
        return replace(before, reason=None, n=n)
    if kind == RESENT:
        return replace(before, n=n)
    raise ValueError(f"{kind} of an endpoint that is {'active' if before.active else 'disabled'}")
