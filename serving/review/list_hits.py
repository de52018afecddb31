"""Who would be hit by an entry: the accounts seen on a value, and how many of them are settled.

Counter-evidence before somebody blocks a thing that people share. An account is settled when nothing stands against it
and it is older than thirty days here, has a paid order, or was cleared by a person. ``MOST`` accounts are counted.

Of a network the ledger knows only the hashes of its single addresses, so they are counted while a person who typed the
network is still there: every address of it is hashed and looked up (65,536 at most, by the widths that are allowed).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, select, union

from serving.coupons.order import REDEEMED
from serving.privacy import Hasher
from serving.review.case import DECIDED
from serving.review.flags import standings_of
from serving.store.schema import cases, coupons, flags, orders
from serving.store.schema_people import user_links, users

MOST = 500
SHOWN = 10
SETTLED_AFTER = timedelta(days=30)
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Hits:
    """``accounts`` seen on the value, ``settled`` of them; some of their ids; ``at_least``: there may be more."""

    accounts: int
    settled: int
    shown: tuple[str, ...] = ()
    at_least: bool = False


NOBODY = Hits(0, 0)


def hits_of(connection: Connection, kind: str, value: str, now: datetime) -> Hits:
    """The accounts seen on one thing; of a user, the user."""
    if kind == "user":
        return _weighed(connection, [value], now)
    return _weighed(connection, _seen_on(connection, kind, [value]), now)


def network_hits(connection: Connection, hashes: Iterable[str], now: datetime) -> Hits:
    """The accounts seen on any address of a network; ``hashes`` are those of its addresses."""
    found: dict[str, None] = {}
    for chunk in _chunks(hashes):
        found.update(dict.fromkeys(_seen_on(connection, "ip", chunk)))
        if len(found) > MOST:
            break
    return _weighed(connection, list(found), now)


def addresses_of(network: IPv4Network | IPv6Network, hasher: Hasher) -> Iterator[str]:
    """The hashes under which the single addresses (IPv6: the /64s) of a network are kept."""
    parts = network if network.version == 4 else (part[0] for part in network.subnets(new_prefix=64))
    return (str(hasher("ip", str(part))) for part in parts)


def counts_now(connection: Connection, things: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Accounts seen on each of some things, at most ``MOST`` each."""
    return {
        (kind, value): 1 if kind == "user" else len(_seen_on(connection, kind, [value])[:MOST])
        for kind, value in things
    }


def _seen_on(connection: Connection, kind: str, values: Sequence[str]) -> list[str]:
    named: Any = select(user_links.c.user_id).where(user_links.c.kind == kind, user_links.c.value.in_(values))
    if kind in ("device", "ip", "address"):
        named = union(named, select(coupons.c.user_id).where(coupons.c[kind].in_(values)))
    return list(connection.execute(named.limit(MOST + 1)).scalars())


def _weighed(connection: Connection, found: list[str], now: datetime) -> Hits:
    accounts = sorted(found)[:MOST]
    settled = 0
    for chunk in _chunks(accounts):
        settled += len(_settled(connection, chunk, now))
    return Hits(len(accounts), settled, tuple(accounts[:SHOWN]), len(found) > MOST)


def _settled(connection: Connection, user_ids: Sequence[str], now: datetime) -> set[str]:
    before = now - SETTLED_AFTER
    known = set(
        connection.execute(
            select(users.c.user_id).where(
                users.c.user_id.in_(user_ids), (users.c.registered_at <= before) | (users.c.orders > 0)
            )
        ).scalars()
    )
    known |= set(
        connection.execute(
            select(orders.c.user_id).where(orders.c.user_id.in_(user_ids), orders.c.state == REDEEMED).distinct()
        ).scalars()
    )
    known |= set(
        connection.execute(
            select(coupons.c.user_id)
            .where(coupons.c.user_id.in_(user_ids))
            .group_by(coupons.c.user_id)
            .having(func.min(coupons.c.claimed_at) <= before)
        ).scalars()
    )
    known |= set(
        connection.execute(
            select(flags.c.user_id)
            .join(cases, cases.c.case_id == flags.c.case_id)
            .where(flags.c.user_id.in_(user_ids), cases.c.state == DECIDED, flags.c.standing == "allow")
        ).scalars()
    )
    against = standings_of(connection, list(user_ids), now)
    return {user_id for user_id in known if against.get(user_id, "allow") == "allow"}


def _chunks(values: Iterable[str]) -> Iterator[tuple[str, ...]]:
    waiting = iter(values)
    while chunk := tuple(islice(waiting, _CHUNK)):
        yield chunk
