"""Links, company on a thing and counts of who shares it, once more in plain loops over rows.

Nothing is shared with the definitions but the maker of address keys; what an IP is comes from the standard library.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from features.address import normalise
from oracles.features import LOCAL, UTC, Row, engaged_since

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
JUNK = (None, "", "unknown", "0000", "00000000-0000-0000-0000-000000000000")
SURE = {"phone": 0.95, "identity": 1.0, "recipient": 0.8, "unit": 0.8, "building": 0.1}
NEAR = {"exact": 0.5, "network": 0.5, "site": 0.3, "block": 0.1}

Thing = tuple[str, str, str]
"""Kind, level and key."""


def networks(raw: str | None) -> dict[str, str]:
    """Keys of an IP by level; {} for what may not link."""
    try:
        ip = ipaddress.ip_address((raw or "").strip())
    except ValueError:
        return {}
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not ip.is_global or ip.is_multicast:
        return {}
    widths = {"block": 24} if ip.version == 4 else {"network": 64, "site": 56, "block": 48}
    around = {level: str(ipaddress.ip_network((ip, bits), strict=False)) for level, bits in widths.items()}
    return {"exact": str(ip), **around}


def sightings(shop: dict[str, list[Row]]) -> Iterable[tuple[str, datetime, dict[Thing, float], str, Row]]:
    """User, time, what it was seen on with how sure that is, table and row; rows need a user and a time."""
    for name, time in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at")):
        for row in shop[name]:
            if row["user_id"] is None or row[time] is None:
                continue
            on: dict[Thing, float] = {}
            if row.get("device_id") not in JUNK:
                on["device", "unknown", row["device_id"]] = 0.8
            for level, key in networks(row.get("ip")).items():
                on["ip", level, key] = NEAR[level]
            door = normalise(row.get("address"))
            if door is not None:
                on["address", "unit", door.unit_key] = SURE["unit"]
                on["address", "building", door.building_key] = SURE["building"]
            if row.get("recipient_token") not in JUNK:
                on["recipient", "name", row["recipient_token"]] = SURE["recipient"]
            yield row["user_id"], row[time], on, name, row


def edges(shop: dict[str, list[Row]], at: datetime) -> dict[tuple[str, str, str, str], Row]:
    """(kind, level, key, user) → the link's columns, as known before ``at``."""
    seen: dict[Thing, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    sure: dict[Thing, float] = {}
    for who, time, on, _, _ in sightings(shop):
        for thing, confidence in on.items():
            if time < at:
                seen[thing][who].append(time)
                sure[thing] = confidence
    for row in shop["users"]:
        for kind in ("phone", "identity"):
            if row[f"{kind}_token"] not in JUNK and row["registered_at"] < at:
                seen[kind, "number", row[f"{kind}_token"]][row["user_id"]].append(row["registered_at"])
                sure[kind, "number", row[f"{kind}_token"]] = SURE[kind]
    since = engaged_since(shop)
    found = {}
    for thing, company in seen.items():
        regulars = sum(since.get(who, at) < at for who in company)
        crowd = 50 if thing[0] == "ip" else 20
        for who, times in company.items():
            others = [moments for other, moments in company.items() if other != who]
            found[(*thing, who)] = {
                "confidence": sure[thing],
                "first_seen": min(times),
                "last_seen": max(times),
                "sightings": len(times),
                **{f"others_{w}": sum(any(t >= at - n for t in ts) for ts in others) for w, n in WINDOWS.items()},
                "degree": len(company),
                "engaged": regulars,
                "discount": 1 / (1 + (regulars / crowd) ** 2),
            }
    return found


def accounts_at(seen: Iterable[tuple[str, str, datetime]], key: str, at: datetime) -> dict[str, int]:
    """Distinct accounts on a key in each window before a moment."""
    rows = list(seen)
    return {
        f"accounts_{w}": len({who for k, who, t in rows if k == key and at - n <= t < at}) for w, n in WINDOWS.items()
    }


def hub_counts(shop: dict[str, list[Row]], kind: str, level: str, at: datetime) -> dict[str, dict[str, int]]:
    """Key → counts of who shares it, as known before ``at``; for IPs at the level of one household."""
    on: dict[str, list[tuple[str, datetime, dict[Thing, float], str, Row]]] = defaultdict(list)
    for sighting in sightings(shop):
        if sighting[1] < at and (key := key_of(sighting[2], kind, level)) is not None:
            on[key].append(sighting)
    registered = {row["user_id"]: row["registered_at"] for row in shop["users"]}
    since = engaged_since(shop)
    return {key: _counts(rows, registered, since, at) for key, rows in on.items()}


def key_of(on: dict[Thing, float], kind: str, level: str) -> str | None:
    keys = {(k, found): key for k, found, key in on}
    if (kind, level) == ("ip", "network"):
        return keys.get(("ip", "network"), keys.get(("ip", "exact")))
    return keys.get((kind, level))


def _counts(rows: list, registered: dict, since: dict, at: datetime) -> dict[str, int]:
    accounts: dict[str, list] = defaultdict(list)
    for row in rows:
        accounts[row[0]].append(row)
    local = [row[1].replace(tzinfo=UTC).astimezone(LOCAL) for row in rows]
    spans = sorted((min(r[1] for r in of), who, max(r[1] for r in of)) for who, of in accounts.items())
    out: dict[str, int] = defaultdict(int)
    for first, who, last in spans:
        of = accounts[who]
        days = {r[1].replace(tzinfo=UTC).astimezone(LOCAL).date() for r in of}
        came = first.replace(microsecond=0) - registered[who].replace(microsecond=0) if who in registered else None
        new, regular = came is None or came < timedelta(days=7), since.get(who, at) < at
        claimed = any(r[3] == "coupons" for r in of)
        stay = last.replace(microsecond=0) - first.replace(microsecond=0)
        out["new"] += new
        out["claimers"] += claimed
        out["engaged"] += regular
        out["hollow"] += new and claimed and not regular
        out["house"] += any(r[4].get("terminal") == "kiosk" for r in of)
        out["once"] += len(days) == 1
        out["stays"] += len(days)
        out["guests"] += timedelta(days=1) <= stay <= timedelta(days=10)
        out["housed"] += any(key_of(r[2], "address", "unit") is not None for r in of)
    first, last = min(s[0] for s in spans), max(s[2] for s in spans)
    return {
        **out,
        "accounts": len(accounts),
        "sightings": len(rows),
        "after": sum(later[0] > earlier[2] for earlier, later in pairwise(spans)),
        "work": sum(t.weekday() < 5 and 9 <= t.hour < 18 for t in local),
        "night": sum(t.hour < 6 for t in local),
        "weekend": sum(t.weekday() >= 5 for t in local),
        "devices": len({key_of(r[2], "device", "unknown") for r in rows} - {None}),
        "networks": len({key_of(r[2], "ip", "network") for r in rows} - {None}),
        "units": len({key_of(r[2], "address", "unit") for r in rows} - {None}),
        "life_seconds": int((last.replace(microsecond=0) - first.replace(microsecond=0)).total_seconds()),
    }
