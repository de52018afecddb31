"""The rule at the gate of claims and orders: the live limits, and what limits in shadow would have said instead.

A shadow writes rows (``rule_shadow``) in the transaction of the claim or order and changes no answer. What a refusal
undoes is not counted: of a claim that another limit refused, it does not matter what a shadow would have said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from serving.people.checks import STOPS, Checks
from serving.privacy import Hasher
from serving.review.rule_change import SHADOW_HIT
from serving.review.rule_hubs import KINDS, Listed, entry_from_data
from serving.review.rules import HUBS, Rows, acting, acting_rows, read_acting
from serving.store.rows import insert_new
from serving.store.schema_rules import rule_shadow
from serving.store.unit import Transaction
from serving.who import Who


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gate checks; ``capped_per_day``: coupons that a capped user may still take within a day."""

    checks: Checks
    capped_per_day: int

    def over(self, fields: Mapping[str, Any]) -> Limits:
        """These limits with those of a rule's fields (as JSON) in their place."""
        checks = {name: fields[name] for name in _SAME if name in fields}
        if "orders_within_minutes" in fields:
            checks["orders_within"] = timedelta(minutes=fields["orders_within_minutes"])
        return Limits(replace(self.checks, **checks), fields.get("capped_per_day", self.capped_per_day))


_SAME = ("large_order_cents", "orders_in_a_row", "device_accounts", "ip_claims_per_minute")


@dataclass(frozen=True, slots=True)
class AtGate:
    """The limits that act, and those of each change in shadow."""

    live: Limits
    shadows: tuple[tuple[str, Limits], ...] = ()

    def differing(self, names: Iterable[str]) -> list[tuple[str, Limits]]:
        """Shadows that say any of these limits of ``Checks`` otherwise."""
        asked = tuple(names)
        return [
            (change_id, limits)
            for change_id, limits in self.shadows
            if any(getattr(limits.checks, name) != getattr(self.live.checks, name) for name in asked)
        ]


def at_gate(connection: Connection, settled: Limits) -> AtGate:
    """What acts at this moment, read in the transaction; ``settled`` is what the settings say."""
    return _gate(settled, acting_rows(connection))


@lru_cache(maxsize=64)
def _gate(settled: Limits, rows: Rows) -> AtGate:
    found = read_acting(rows)
    live = settled.over(found.live)
    return AtGate(live, tuple((change_id, live.over(fields)) for change_id, fields in found.shadows))


def without_hubs(connection: Connection, who: Who, hasher: Hasher, now: datetime) -> Who:
    """The user of a request without the things that the live rule names as hubs: these link nobody."""
    found = acting(connection)
    if not found.live.get(HUBS):
        return who
    listed = _listed(tuple(entry_from_data(entry) for entry in found.live[HUBS]), hasher, now)
    raw = {"device": who.device_id, "ip": who.ip, "address": who.address}
    hidden = {kind: listed(kind, raw[kind]) for kind in KINDS}
    if not any(hidden.values()):
        return who
    return replace(
        who,
        device_id=None if hidden["device"] else who.device_id,
        ip=None if hidden["ip"] else who.ip,
        address=None if hidden["address"] else who.address,
    )


def _listed(entries: tuple[Any, ...], hasher: Hasher, now: datetime) -> Listed:
    return _kept(entries, hasher, now.toordinal())


@lru_cache(maxsize=8)
def _kept(entries: tuple[Any, ...], hasher: Hasher, day: int) -> Listed:
    return Listed(entries, hasher, datetime.fromordinal(day).date())


# -- shadows -----------------------------------------------------------------------------------------------------------


def compare(
    tx: Transaction, user_id: str, live: str | None, shadows: list[tuple[str, Limits]],
    says: Callable[[Limits], str | None],
) -> None:  # fmt: skip
    """Note where limits in shadow say something else than the live ones: ``says`` gives a check's name, or None."""
    for change_id, limits in shadows:
        other = says(limits)
        if other == live:
            continue
        if other is not None and (other in STOPS or live is None):
            note(tx, change_id, other, "stop" if other in STOPS else "notice", user_id)
        elif live is not None:
            note(tx, change_id, live, "release", user_id)


def note(tx: Transaction, change_id: str, limit: str, effect: str, user_id: str) -> None:
    """One row per change, day (UTC), limit, effect and user; the first of the day is an event too."""
    day = tx.now.date().isoformat()
    row = {"change_id": change_id, "day": day, "limit_name": limit, "effect": effect, "user_id": user_id}
    if not insert_new(tx.connection, rule_shadow, {**row, "at": tx.now}):
        return
    name = hashlib.sha256("\0".join(row.values()).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    tx.append(f"shadow:{name}", 1, SHADOW_HIT, {**row, "at": tx.now.isoformat()})
