"""Things that a lead names as hubs: a gateway, a kiosk, a dormitory. They make no link and are no evidence.

An entry is a kind with a keyed hash (``serving.privacy``) or, for networks, a range of addresses, a name, and the day
on which it ends: a list that nobody looks at again is a list of loopholes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select

from features.errors import InputError
from features.network import parsed
from serving.privacy import Hasher
from serving.store.schema import coupons

KINDS = ("device", "ip", "address")
LONGEST = timedelta(days=366)
MOST = 200
"""Entries of one rule."""
_HASH = re.compile(r"[0-9a-f]{32}")
_MARK = re.compile(r"(?:(?:device|ip|address|network)[ ·:#-]*)?([0-9a-f]{6,31})")
_LEAST_PREFIX = {4: 12, 6: 28}


@dataclass(frozen=True, slots=True, order=True)
class HubEntry:
    """``value``: 32 hex digits, or a network in CIDR notation where the kind is ``ip``; ``until``: its last day."""

    kind: str
    value: str
    name: str
    until: date

    def data(self) -> dict[str, str]:
        return {"kind": self.kind, "value": self.value, "name": self.name, "until": self.until.isoformat()}


def entry_from_data(data: Mapping[str, Any]) -> HubEntry:
    return HubEntry(data["kind"], data["value"], data["name"], date.fromisoformat(data["until"]))


def checked_entry(connection: Connection, hasher: Hasher, data: Mapping[str, str], today: date) -> HubEntry:
    """An entry out of what a person typed; ``value`` may be the raw thing, its hash, or the mark that pages show.

    A raw value is hashed here and not kept. Raises ``InputError`` that names the field.
    """
    kind, text, name = data["kind"], data["value"].strip(), data["name"].strip()
    if kind not in KINDS:
        raise InputError("hub_kind", kind, f"one of: {', '.join(KINDS)}")
    if not 1 <= len(name) <= 80:
        raise InputError("hub_name", f"{len(name)} characters", "a name of 1 to 80 characters")
    try:
        until = date.fromisoformat(data["until"])
    except ValueError:
        raise InputError("hub_until", data["until"][:40], "a day like 2026-12-31") from None
    if not today <= until <= today + LONGEST:
        raise InputError("hub_until", until.isoformat(), f"a day from today to {(today + LONGEST).isoformat()}")
    return HubEntry(kind, _value(connection, hasher, kind, text), name, until)


def _value(connection: Connection, hasher: Hasher, kind: str, text: str) -> str:
    if not 1 <= len(text) <= 500:
        raise InputError("hub_value", f"{len(text)} characters", "1 to 500 characters")
    if _HASH.fullmatch(text):
        return text
    if kind == "ip" and "/" in text:
        return _range(text)
    mark = _MARK.fullmatch(text)
    if mark is not None and not (kind == "ip" and parsed(text) is not None):
        column = coupons.c[kind]
        known = select(column).where(column.like(f"{mark.group(1)}%")).distinct().limit(2)
        found = connection.execute(known).scalars().all()
        if len(found) == 1:
            return str(found[0])
        if found or mark.group(0) != mark.group(1):
            raise InputError("hub_value", "a mark", "a mark that one known thing has; more of its digits tell it apart")
    if kind == "ip" and parsed(text) is None:
        raise InputError("hub_value", "no address", "an IP address, a network like 36.1.2.0/24, or a mark of this page")
    hashed = hasher(kind, text)
    if hashed is None:
        raise InputError("hub_value", "nothing", "a value that names a thing")
    return hashed


def _range(text: str) -> str:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise InputError("hub_value", text[:60], "a network like 36.1.2.0/24, without bits of a host") from None
    if found.prefixlen < _LEAST_PREFIX[found.version]:
        raise InputError("hub_value", text[:60], "a network of at most a million addresses (/12, or /28 of IPv6)")
    return str(found)


class Listed:
    """Which raw values are hubs on a day; entries that have ended say nothing."""

    def __init__(self, entries: Iterable[HubEntry], hasher: Hasher, today: date) -> None:
        self._hasher = hasher
        live = [entry for entry in entries if entry.until >= today]
        self._hashes = {kind: {e.value for e in live if e.kind == kind and "/" not in e.value} for kind in KINDS}
        self._ranges = [ipaddress.ip_network(e.value) for e in live if "/" in e.value]

    def __bool__(self) -> bool:
        return bool(self._ranges) or any(self._hashes.values())

    def asks(self, kind: str) -> bool:
        """Whether any value of the kind could be a hub."""
        return bool(self._hashes[kind]) or (kind == "ip" and bool(self._ranges))

    def __call__(self, kind: str, raw: str | None) -> bool:
        """Whether a value as requests and tables carry it (raw, or its keyed hash in a ledger's export) is a hub."""
        if not raw or not self.asks(kind):
            return False
        hashes = self._hashes[kind]
        if raw in hashes or (hashes and self._hasher(kind, raw) in hashes):
            return True
        return kind == "ip" and self._within(raw)

    def _within(self, raw: str) -> bool:
        known = parsed(raw) if self._ranges else None
        if known is None:
            return False
        return any(
            r.version == known.version and known.number >> (r.max_prefixlen - r.prefixlen)
            == int(r.network_address) >> (r.max_prefixlen - r.prefixlen)
            for r in self._ranges
        )  # fmt: skip
