"""Sightings of users on shared things: device, IP, address, building, phone, identity.

Shared is not the same as linked: reserved and made-up identifiers never link anybody. Reserved IP space (private,
loopback, carrier-grade NAT, link-local, multicast) is used by millions behind their own routers; placeholders such as
``unknown`` or all zeros are what clients send when they have nothing to send.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.definition import Tables

RESERVED_IP = (
    r"^(0\.|10\.|127\.|169\.254\.|192\.168\.|192\.0\.0\.|192\.0\.2\.|198\.1[89]\.|198\.51\.100\.|203\.0\.113\."
    r"|172\.(1[6-9]|2[0-9]|3[01])\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\."
    r"|22[4-9]\.|2[3-5][0-9]\.|::1?$|fe[89ab][0-9a-f]:|f[cd][0-9a-f][0-9a-f]:|ff[0-9a-f][0-9a-f]:)"
)
PLACEHOLDER = r"^([-_0:. ]*|f+|unknown|null|none|nan|n/?a|undefined|unset|test|default|anonymous|-1)$"

KINDS = ("device", "ip", "address", "building", "phone", "identity")


def usable(kind: str, key: Any) -> Any:
    """Whether an identifier (an Ibis string column) can link people; null never can."""
    word = key.strip().lower()
    good = key.notnull() & ~word.re_search(PLACEHOLDER)
    return good & ~word.re_search(RESERVED_IP) if kind == "ip" else good


def touches(tables: Tables) -> Any:
    """Return (kind, key, user_id, seen_at): one row per sighting in events, orders, claims and registrations."""
    rows = [
        _sightings(tables["events"], "device", "device_id", "occurred_at"),
        _sightings(tables["events"], "ip", "ip", "occurred_at"),
    ]
    for name, time in (("orders", "placed_at"), ("coupons", "claimed_at")):
        table = tables[name].left_join(tables["address_keys"], "address").drop("address_right")
        rows.append(_sightings(table, "device", "device_id", time))
        rows.append(_sightings(table, "ip", "ip", time))
        rows.append(_sightings(table, "address", "address_key", time))
        rows.append(_sightings(table, "building", "building_key", time))
    rows.append(_sightings(tables["users"], "phone", "phone_token", "registered_at"))
    rows.append(_sightings(tables["users"], "identity", "identity_token", "registered_at"))
    return ibis.union(*rows)


def links(tables: Tables) -> Any:
    """Return (kind, key, user_id, first_seen, registered_at): one row per account and thing."""
    rows = tables["touches"].group_by(["kind", "key", "user_id"]).aggregate(first_seen=lambda t: t.seen_at.min())
    users = tables["users"].select("user_id", "registered_at")
    return rows.left_join(users, "user_id").drop("user_id_right")


def claims(tables: Tables) -> Any:
    """Return (kind, key, template_id, user_id, seen_at): one row per claim and identifier it was made with."""
    table = tables["coupons"].left_join(tables["address_keys"], "address").drop("address_right")
    names = {"device": "device_id", "ip": "ip", "address": "address_key"}
    rows = [_sightings(table, kind, column, "claimed_at", "template_id") for kind, column in names.items()]
    return ibis.union(*rows)


def _sightings(table: Any, kind: str, column: str, time: str, *more: str) -> Any:
    rows = table.filter(usable(kind, table[column]) & table.user_id.notnull() & table[time].notnull())
    return rows.select(
        kind=ibis.literal(kind),
        key=rows[column].strip(),
        user_id=rows.user_id,
        seen_at=rows[time],
        **{m: rows[m] for m in more},
    )
