"""Who was seen on what, and when: sightings, links, and the company on a shared thing at any moment.

In: tables of the contract with ``address_keys`` beside them. Out: Ibis tables, the same on every engine.

A *sighting* is one row of activity with its identifiers turned into keys (``features.devices``, ``features.network``,
``features.address``); where a value may not link its key is null, and nothing is told of it. A *link* is an account
and a key it was seen with, by kind and level, with the first and the last sighting, their number and a confidence.
``company`` counts the accounts on a key in windows that end just before a moment.

What may link, and under which key, is said in Python and in one place. It is asked once per distinct text, of which a
shop has far fewer than rows, and joined back by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from features.company import WINDOWS
from features.definition import Tables, ratio, within
from features.devices import device_table, token_table
from features.engaged import engaged_since
from features.hub_lists import hub_lists
from features.network import LEVELS as NETWORKS
from features.network import network_table

KINDS = ("device", "ip", "address", "building", "phone", "identity")
"""Kinds of the nightly features; their ``ip`` is the network of one household."""

CONFIDENCE: Mapping[tuple[str, str], float] = {
    ("ip", "exact"): 0.5,
    ("ip", "network"): 0.5,
    ("ip", "site"): 0.3,
    ("ip", "block"): 0.1,
    ("address", "unit"): 0.8,
    ("address", "building"): 0.1,
    ("phone", "number"): 0.95,
    ("identity", "number"): 1.0,
    ("recipient", "name"): 0.8,
}
"""Kinds and levels of links and how far sharing says the same hand, before looking at who shares: assumptions.

Devices are not listed: their level is the method of the id, and theirs the confidence of the method.
"""

KEY = ("kind", "level", "key")

CROWD: Mapping[str, int] = {"device": 20, "ip": 50, "address": 20}
CROWD_ELSE = 20
"""Accounts in regular use on a key from which it is a crowd: a link then says half of what it says in a household."""

_BATCH = 100_000
_TOKENS = {"phone": "phone_token", "identity": "identity_token"}
_TIMES = {"events": "occurred_at", "orders": "placed_at", "coupons": "claimed_at"}
_RAW = ("device_id", "ip", "address", "recipient_token")


def sightings(tables: Tables) -> Any:
    """One row per row of activity with a user and a time, identifiers as keys (null: nothing that may link).

    ``user_id`` · ``seen_at`` · ``source`` (events, orders, coupons) · ``template_id`` (of a claim) · ``house`` (on a
    terminal of the shop itself) · ``device``, ``method``, ``confidence`` · ``exact``, ``network``, ``site``, ``block``
    of the IP · ``unit``, ``building`` of the address · ``recipient``.
    """
    raw = ibis.union(*(_activity(tables[name], name) for name in _TIMES))
    return _keyed(raw, tables["address_keys"])


def touches(tables: Tables) -> Any:
    """Return (kind, key, user_id, seen_at): one row per sighting on a thing that may link, and per registration."""
    seen = tables["sightings"] if "sightings" in tables else sightings(tables)
    columns = {"device": "device", "ip": "network", "address": "unit", "building": "building"}
    parts = [_told(seen, kind, column) for kind, column in columns.items()]
    parts += [rows.mutate(kind=ibis.literal(kind)) for kind, rows in _registered(tables).items()]
    return ibis.union(*(part.select("kind", "key", "user_id", "seen_at") for part in parts))


def links(tables: Tables) -> Any:
    """Return (kind, key, user_id, first_seen, registered_at, engaged_at): one row per account and thing."""
    rows = tables["touches"].group_by(["kind", "key", "user_id"]).aggregate(first_seen=lambda t: t.seen_at.min())
    users = tables["users"].select("user_id", "registered_at")
    rows = rows.left_join(users, "user_id").drop("user_id_right")
    return rows.left_join(engaged_since(tables), "user_id").drop("user_id_right")


def claims(tables: Tables) -> Any:
    """Return (kind, key, template_id, user_id, seen_at): one row per claim and thing it was made with."""
    if "sightings" in tables:
        seen = tables["sightings"].filter(tables["sightings"].source == "coupons")
    else:
        seen = _keyed(_activity(tables["coupons"], "coupons"), tables["address_keys"])
    names = {"device": "device", "ip": "network", "address": "unit"}
    parts = (_told(seen, kind, column, "template_id") for kind, column in names.items())
    return ibis.union(*(part.select("kind", "key", "template_id", "user_id", "seen_at") for part in parts))


def levelled(tables: Tables) -> Any:
    """Return (kind, level, key, user_id, seen_at, confidence): sightings at every level, and registrations."""
    seen = tables["sightings"] if "sightings" in tables else sightings(tables)
    wider = seen.filter(seen.network != seen.exact)  # IPv6: between the address and its neighbours lie two levels
    parts = [
        _at_level(seen, "device", seen.method, "device", seen.confidence),
        *(
            _at_level(rows, "ip", level, level)
            for level, rows in zip(NETWORKS, (seen, wider, wider, seen), strict=True)
        ),
        _at_level(seen, "address", "unit", "unit"),
        _at_level(seen, "address", "building", "building"),
        _at_level(seen, "recipient", "name", "recipient"),
        *(_at_level(rows, kind, "number", "key") for kind, rows in _registered(tables).items()),
    ]
    return ibis.union(*parts)


def edges(tables: Tables, at: datetime) -> Any:
    """The links known before ``at`` (naive UTC): one row per kind, level, key and account.

    ``confidence`` · ``first_seen``, ``last_seen``, ``sightings`` · ``others_<window>``: other accounts on the key
    within the window that ends at ``at`` · ``degree``: accounts ever on the key · ``engaged``: those of them that use
    the shop for more than coupons · ``discount``: how little the crowd of these says (``discount``).
    """
    moment = ibis.literal(at).cast("timestamp")
    seen = levelled(tables)
    seen = seen.filter(seen.seen_at < moment)
    pairs = seen.group_by([*KEY, "user_id"]).aggregate(
        confidence=seen.confidence.max(),
        first_seen=seen.seen_at.min(),
        last_seen=seen.seen_at.max(),
        sightings=seen.count(),
    )
    pairs = pairs.left_join(engaged_since(tables), "user_id").drop("user_id_right")
    here = ibis.window(group_by=list(KEY))
    lately = {w: within(pairs.last_seen, moment, hours=h).cast("int64") for w, h in WINDOWS.items()}
    engaged = (pairs.engaged_at < moment).fill_null(False).cast("int64")
    counted = pairs.mutate(
        **{f"others_{w}": (recent.sum().over(here) - recent).cast("int64") for w, recent in lately.items()},
        degree=pairs.count().over(here).cast("int64"),
        engaged=engaged.sum().over(here).cast("int64"),
    )
    crowd = ibis.cases(*((counted.kind == kind, size) for kind, size in CROWD.items()), else_=CROWD_ELSE)
    return counted.mutate(discount=discount(counted.engaged, crowd)).drop("engaged_at")


def discount(engaged: Any, crowd: Any) -> Any:
    """1 / (1 + (accounts / crowd)²): near 1 for a household, a half at a crowd, next to nothing on a campus.

    Only accounts that use the shop for more than coupons make a crowd: a farm stays a farm however large it is.
    """
    many = ratio(engaged, crowd)
    return 1.0 / (1.0 + many * many)


def _activity(table: Any, name: str) -> Any:
    """The raw identifiers of one table, with the columns that all tables of activity share."""
    house = (
        table.terminal.strip().lower().isin(hub_lists().kiosk_terminals) if name == "events" else ibis.literal(False)
    )
    rows = table.mutate(
        seen_at=table[_TIMES[name]],
        source=ibis.literal(name),
        template=table.template_id if name == "coupons" else ibis.null("string"),
        house=house.fill_null(False),
        **{column: ibis.null("string") for column in _RAW if column not in table.columns},
    )
    rows = rows.filter(rows.user_id.notnull() & rows.seen_at.notnull())
    return rows.select("user_id", "seen_at", "source", "house", *_RAW, template_id="template")


def _keyed(raw: Any, address_keys: Any) -> Any:
    """Raw identifiers replaced by keys."""
    makers = {"device_id": device_table, "ip": network_table, "recipient_token": token_table}
    known = _lookups(raw, makers)
    rows = raw.left_join(known["device_id"].rename(device="key"), [("device_id", "raw")]).drop("raw", "device_id")
    rows = rows.left_join(known["ip"], [("ip", "raw")]).drop("raw", "ip")
    recipients = known["recipient_token"].rename(recipient="key")
    rows = rows.left_join(recipients, [("recipient_token", "raw")]).drop("raw", "recipient_token")
    doors = address_keys.select("address", unit="address_key", building="building_key")
    return rows.left_join(doors, "address").drop("address", "address_right")


def _lookups(rows: Any, makers: Mapping[str, Callable[[Iterable[str]], pa.Table]]) -> dict[str, Any]:
    """For each column the table that its maker builds of the distinct texts: one query, joined back by the engine."""
    named = (rows.select(column=ibis.literal(column), text=rows[column]) for column in makers)
    texts = ibis.union(*named, distinct=True).filter(_.text.notnull()).to_pyarrow()
    found = {}
    for column, make in makers.items():
        of_column = texts.filter(pc.equal(texts["column"], column))["text"]
        batches = (of_column.slice(at, _BATCH).to_pylist() for at in range(0, len(of_column), _BATCH))
        found[column] = ibis.memtable(pa.concat_tables([make([]), *map(make, batches)]))
    return found


def _registered(tables: Tables) -> dict[str, Any]:
    """(key, user_id, seen_at) by kind: what users said of themselves, at the time of registration."""
    users = tables["users"].filter(_.user_id.notnull() & _.registered_at.notnull())
    known = _lookups(users, dict.fromkeys(_TOKENS.values(), token_table))
    found = {}
    for kind, column in _TOKENS.items():
        rows = users.join(known[column], [(column, "raw")])
        found[kind] = rows.select("key", "user_id", seen_at=rows.registered_at.cast("timestamp"))
    return found


def _told(seen: Any, kind: str, column: str, *more: str) -> Any:
    rows = seen.filter(seen[column].notnull())
    at = rows.seen_at.cast("timestamp")  # kept tables say "timestamp(6)", and a union wants one type
    return rows.select("user_id", *more, seen_at=at, kind=ibis.literal(kind), key=column)


def _at_level(seen: Any, kind: str, level: Any, column: str, confidence: Any = None) -> Any:
    """Sightings on one column as ``levelled`` rows; level and confidence are fixed, or those of each row."""
    rows = seen.mutate(
        kind=ibis.literal(kind),
        level=ibis.literal(level) if confidence is None else level,
        key=seen[column],
        confidence=ibis.literal(CONFIDENCE[kind, level]) if confidence is None else confidence,
        seen_at=seen.seen_at.cast("timestamp"),
    )
    return rows.filter(rows.key.notnull()).select(*KEY, "user_id", "seen_at", "confidence")
