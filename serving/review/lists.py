"""Entries of the block and allow lists: what may be listed, and an entry as it changes with its events.

A person gives a value in the clear, and only its keyed hash goes further; or a page gives the hash. User ids stay as
they are. Of an IP network the hash of its first address with its length is kept (``features.network``), so that it can
be found again from any address in it, and from nothing else: nobody can read the list back.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from features.devices import device_id
from features.errors import InputError
from features.network import named, network
from serving.privacy import Hasher
from serving.review.listing import ALLOW, BLOCK, V4, V6

LISTS = (BLOCK, ALLOW)
KINDS = ("user", "device", "ip", "address", "phone")
ADDED, PROLONGED, REMOVED = "list.added", "list.prolonged", "list.removed"
LONGEST = timedelta(days=365)
_USER = re.compile(r"[\x21-\x7e]{1,120}")
_HASH = re.compile(r"[0-9a-f]{32}")
_MOST = 300
_DIGITS = 5
_SENT = "what was typed"  # an error never repeats it


@dataclass(frozen=True, slots=True)
class Value:
    """What is listed: a user id or a keyed hash; ``prefix`` is the length of a network."""

    kind: str
    value: str
    prefix: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """``owner`` answers for it; ``accounts`` and ``settled`` were seen on the value when it was listed."""

    entry_id: str
    list: str
    kind: str
    value: str
    prefix: int | None
    owner: str
    reason: str
    case_id: str | None
    accounts: int
    settled: int
    created_by: str
    created_at: datetime
    expires_at: datetime
    removed_at: datetime | None = None
    removed_by: str | None = None
    removed_reason: str | None = None
    n: int = 1

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` from the very moment on, or ``removed``."""
        if self.removed_at is not None:
            return "removed"
        return "active" if now < self.expires_at else "expired"


def value_of(kind: str, raw: str, hasher: Hasher) -> Value:
    """The value behind what a person typed; raises ``InputError`` for what says nothing or would hit the innocent."""
    text = raw.strip()
    if not text or len(text) > _MOST:
        raise InputError("raw", _SENT, f"a value of 1 to {_MOST} characters")
    if kind == "user":
        return user_value(text)
    if kind == "ip":
        return _ip_value(text, hasher)
    if kind == "device" and device_id(text) is None:
        raise InputError("raw", _SENT, "a device id that is one device's, no placeholder")
    if kind == "phone" and sum(character.isdigit() for character in text) < _DIGITS:
        raise InputError("raw", _SENT, "a phone number")
    hashed = hasher(kind, text)
    if hashed is None:
        raise InputError("raw", _SENT, f"a value of the kind {kind}")
    return Value(kind, hashed)


def hashed_value(kind: str, value: str) -> Value:
    """A value that a page of ours has given as a hash (of a user, the id)."""
    if kind == "user":
        return user_value(value)
    if not _HASH.fullmatch(value):
        raise InputError("value", _SENT, "a keyed hash, 32 hex digits")
    return Value(kind, value)


def user_value(user_id: str) -> Value:
    if not _USER.fullmatch(user_id):
        raise InputError("raw", _SENT, "a user id: up to 120 visible characters without blanks")
    return Value("user", user_id)


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that a text with a slash names, None for a single address; raises ``InputError`` for too wide ones.

    >>> network_of("93.184.216.7/24"), network_of("2a00:1450::/48"), network_of("93.184.216.7")
    (IPv4Network('93.184.216.0/24'), IPv6Network('2a00:1450::/48'), None)
    """
    if "/" not in text:
        return None
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InputError("raw", _SENT, "an IP address, or a network such as 198.18.0.0/24") from error
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            found = ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}", strict=False)
    lengths, whole = (V4, 32) if found.version == 4 else (V6, 64)
    if found.prefixlen == whole:
        return None if found.version == 4 else found
    if found.prefixlen not in lengths:
        raise InputError("raw", _SENT, "a network of /16 to /32 (IPv4) or /48 to /64 (IPv6)")
    return found


def _ip_value(text: str, hasher: Hasher) -> Value:
    found = network_of(text)
    if found is None or (found.version == 6 and found.prefixlen == 64):
        alone = str(found.network_address) if found is not None else text.split("/", 1)[0]
        hashed = hasher("ip", alone) if network(alone) is not None else None
        if hashed is None:
            raise InputError("raw", _SENT, "a public IP address")
        return Value("ip", hashed)
    ends = (str(found.network_address), str(found.broadcast_address))
    if any(named(end, "reserved") for end in ends):
        raise InputError("raw", _SENT, "a public network")
    return Value("ip", str(hasher("ip", str(found))), found.prefixlen)


def until(day_end: datetime, now: datetime) -> datetime:
    """The expiry, if it is one: in the future and at most a year away."""
    if not now < day_end <= now + LONGEST:
        raise InputError("expires", day_end, "a moment in the future, at most 365 days away")
    return day_end


# -- events ----------------------------------------------------------------------------------------------------------


def entry_to_data(entry: Entry) -> dict[str, Any]:
    """As an event has it. The value stands under the name of its kind, so that webhooks leave hashes out."""
    data = asdict(entry)
    for name in ("value", "n", "removed_at", "removed_by", "removed_reason"):
        del data[name]
    moments = {name: data[name].isoformat() for name in ("created_at", "expires_at")}
    return {**data, **moments, "thing": {entry.kind: entry.value}}


def apply(entry: Entry | None, kind: str, data: Mapping[str, Any], at: datetime, actor: str) -> Entry:
    """The entry after an event: used by the commands and when the ledger is rebuilt."""
    if kind == ADDED and entry is None:
        given = {name: value for name, value in data.items() if name != "thing"}
        moments = {name: datetime.fromisoformat(data[name]) for name in ("created_at", "expires_at")}
        return Entry(**{**given, **moments, "value": data["thing"][data["kind"]]})
    if entry is not None and entry.removed_at is None:
        if kind == PROLONGED:
            expires = datetime.fromisoformat(data["expires_at"])
            return replace(entry, expires_at=expires, reason=data["reason"], n=entry.n + 1)
        if kind == REMOVED:
            return replace(entry, removed_at=at, removed_by=actor, removed_reason=data["reason"], n=entry.n + 1)
    raise ValueError(f"{kind} of an entry that is {'missing' if entry is None else 'removed'}")


def entry_row(entry: Entry) -> dict[str, Any]:
    return asdict(entry)
