"""What the block and allow lists say of one request; asked at every claim and order while any entry holds.

==================== =================================================================================================
on the list          what it means
==================== =================================================================================================
user, block          refused, whatever else is said of the user
user, allow          no machine withholds: open cases, scores and rules are passed over, and so is a blocked thing that
                     the user shares. What a person has decided about the account still holds, and so do the plain
                     checks that refuse bursts.
thing, block         whoever comes with it is refused: the device, network and address of this request, and the phone
                     that the shop has named for the user
thing, allow         a known hub (a campus, an office): who else was seen on it is no evidence against anybody
==================== =================================================================================================

Of two entries for one IP address the narrower network decides; between equals, and for all other things, block does.
An entry holds until the very microsecond at which it expires, and nothing is remembered between two requests, so that
every process sees a change at once. While no entry holds, all this costs one look at an empty index, within the query
for what stands against the user.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, String, and_, bindparam, select, union_all

from features.network import network, parsed
from serving.privacy import Hasher
from serving.store.rows import Prepared
from serving.store.schema import Moment
from serving.store.schema_lists import list_entries
from serving.store.schema_people import user_links

BLOCK, ALLOW = "block", "allow"
# Lengths of networks that can be listed; a single IPv6 address is counted by its /64, as everywhere.
V4, V6 = range(16, 32), range(48, 64)
_WHOLE = 128


@dataclass(frozen=True, slots=True)
class Listing:
    """``blocked``: refuse. ``allowed``: no machine withholds. ``trusted``: kinds of things that are no evidence."""

    blocked: bool = False
    allowed: bool = False
    trusted: frozenset[str] = frozenset()

    def evidence(self, hashed: Mapping[str, str | None]) -> dict[str, str | None]:
        """The keyed hashes of a request without those of trusted things."""
        return {kind: None if kind in self.trusted else value for kind, value in hashed.items()}


NOTHING = Listing()

LIVE = and_(list_entries.c.removed_at.is_(None), list_entries.c.expires_at > bindparam("now", type_=Moment()))
_NETWORKS = tuple(f"network_{place}" for place in range(len(V4)))
_THINGS = ("device", "ip", "address", *_NETWORKS)
_SHOWN = (list_entries.c.list, list_entries.c.kind, list_entries.c.prefix)
_HITS = Prepared(
    union_all(
        select(*_SHOWN).where(list_entries.c.kind == "user", list_entries.c.value == bindparam("of_user"), LIVE),
        select(*_SHOWN).where(
            list_entries.c.kind != "user",
            list_entries.c.value.in_([bindparam(name, type_=String()) for name in _THINGS]),
            LIVE,
        ),
        select(*_SHOWN)
        .join(user_links, and_(user_links.c.value == list_entries.c.value, user_links.c.kind == list_entries.c.kind))
        .where(user_links.c.user_id == bindparam("of_user"), user_links.c.kind == "phone", LIVE),
    )
)


def networks_around(hasher: Hasher, ip: str | None) -> tuple[str, ...]:
    """Keyed hashes of the networks around a public address that may be listed; none for anything else."""
    if ip is None or network(ip) is None:
        return ()
    address = parsed(ip)
    if address is None:  # a keyed hash: nothing is known of what lies around it
        return ()
    bits, lengths = (32, V4) if address.version == 4 else (128, V6)
    of = ipaddress.IPv4Address if address.version == 4 else ipaddress.IPv6Address
    made = (f"{of(address.number >> bits - length << bits - length)}/{length}" for length in lengths)
    return tuple(str(hasher("ip", text)) for text in made)


def listing_of(
    connection: Connection, user_id: str, hashed: Mapping[str, str | None], around: Sequence[str], now: datetime
) -> Listing:
    """One query for all; ``hashed`` maps device, ip and address to keyed hashes, ``around`` is ``networks_around``."""
    things = {kind: hashed.get(kind) for kind in ("device", "ip", "address")}
    nets = {name: around[place] if place < len(around) else None for place, name in enumerate(_NETWORKS)}
    found = _HITS.all(connection, {"of_user": user_id, "now": now, **things, **nets})
    return _said((row.list, row.kind, row.prefix) for row in found) if found else NOTHING


def _said(hits: Iterable[tuple[str, str, int | None]]) -> Listing:
    strongest: dict[str, tuple[int, bool]] = {}
    allowed = False
    for name, kind, prefix in hits:
        if kind == "user" and name == ALLOW:
            allowed = True
            continue
        width = _WHOLE if prefix is None else prefix
        strongest[kind] = max(strongest.get(kind, (-1, False)), (width, name == BLOCK))
    user = strongest.pop("user", None) is not None
    shared = any(blocks for _, blocks in strongest.values())
    trusted = frozenset(kind for kind, (_, blocks) in strongest.items() if not blocks)
    return Listing(user or (shared and not allowed), allowed and not user, trusted)
