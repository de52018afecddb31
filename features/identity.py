"""Who shares what with whom: features of a user, a device, an IP and an address at a moment.

A shared thing is a reason to look, not proof. So every count has a window, the number of *new* accounts and of
accounts that claimed the *same* template stand apart, and ``*_link_weight`` discounts things that very many share
(a campus, a carrier, a parcel locker). Only sightings strictly before the moment count; a user is linked to
everything it was ever seen on, the others on it are those seen within the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis

from features.definition import (
    Feature,
    Tables,
    before,
    days_between,
    finish,
    join_parts,
    millionths,
    moments,
    ratio,
    within,
)
from features.links import claims
from features.sweep import LIFE, active_steps, count_at, newcomer_steps, row_steps

WINDOWS: Mapping[str, int] = {"1h": 1, "24h": 24, "7d": 168, "30d": 720, "life": LIFE}
NEW: Mapping[str, int] = {"24h": 24, "7d": 168, "30d": 720}
CLAIM_WINDOWS: Mapping[str, int] = {"24h": 24, "7d": 168, "life": LIFE}

HUB = {"device": 20, "ip": 50, "address": 20}
"""Accounts ever seen from which a thing is called a hub."""
FEW = {"building": ("7d", "life"), "phone": ("life",), "identity": ("life",)}
"""Kinds that only get the plain count of other accounts, and in which windows."""


@dataclass(frozen=True)
class Shared:
    """A kind of thing that has features of its own: its table of moments is keyed by ``key``."""

    kind: str
    key: str
    word: str


DEVICE, IP, ADDRESS = (
    Shared("device", "device_id", "device"),
    Shared("ip", "ip", "IP"),
    Shared("address", "address_key", "address"),
)
SHARED = (DEVICE, IP, ADDRESS)


def _user_features(kind: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{kind}_count", f"{kind} values the user was ever seen on", 0),
        *(Feature(f"{kind}_others_{w}", f"most other accounts on one {kind} of the user, {w}", 0) for w in WINDOWS),
        *(Feature(f"{kind}_new_{w}", f"most accounts registered within {w} on one {kind} of the user", 0) for w in NEW),
        *(
            Feature(
                f"{kind}_same_template_{w}", f"most other claimers of a template the user claimed, one {kind}, {w}", 0
            )
            for w in CLAIM_WINDOWS
        ),
        Feature(f"{kind}_link_weight", f"other accounts of 7d on the user's {kind} values, discounted by degree", 0),
        Feature(f"{kind}_hubs", f"hubs among the user's {kind} values ({HUB[kind]} accounts or more)", 0),
    )


IDENTITY_FEATURES: tuple[Feature, ...] = (
    *(feature for shared in SHARED for feature in _user_features(shared.kind)),
    *(
        Feature(f"{kind}_others_{w}", f"most other accounts on one {kind} of the user, {w}", 0)
        for kind, windows in FEW.items()
        for w in windows
    ),
)


def shared_features(kind: str) -> tuple[Feature, ...]:
    """Features of one device, IP or address."""
    return (
        *(Feature(f"{kind}_accounts_{w}", f"accounts seen on the {kind}, {w}", 0) for w in WINDOWS),
        *(Feature(f"{kind}_new_accounts_{w}", f"of them registered within {w}", 0) for w in NEW),
        *(Feature(f"{kind}_sightings_{w}", f"sightings on the {kind}, {w}", 0) for w in NEW),
        *(Feature(f"{kind}_claims_{w}", f"coupons claimed on the {kind}, {w}", 0) for w in CLAIM_WINDOWS),
        *(
            Feature(f"{kind}_claimers_{w}", f"most claimers of one template on the {kind}, {w}", 0)
            for w in CLAIM_WINDOWS
        ),
        Feature(f"{kind}_age_days", "days since the first sighting"),
        Feature(f"{kind}_idle_days", "days since the last sighting"),
    )


DEVICE_FEATURES, IP_FEATURES, ADDRESS_FEATURES = (shared_features(shared.kind) for shared in SHARED)


def identity_features(tables: Tables, spine: Any) -> Any:
    """Return ``spine`` (``user_id``, ``as_of``, …) with the columns of ``IDENTITY_FEATURES``."""
    at = moments(spine, "user_id")
    users = tables["users"].select("user_id", "registered_at")
    known = at.join(users, [at.user_id == users.user_id, users.registered_at < at.as_of]).drop("user_id_right")
    joined = join_parts(at, "user_id", (known, _company(tables, at), _same_template(tables, at)), IDENTITY_FEATURES)
    return finish(spine, "user_id", joined, joined.registered_at.notnull(), IDENTITY_FEATURES)


def _company(tables: Tables, at: Any) -> Any:
    """Other accounts on each thing of the user, then the most over its things of each kind."""
    keys = ["kind", "key"]
    seen = before(at, tables["touches"], "user_id", "seen_at")
    mine = seen.group_by(["user_id", "as_of", *keys]).aggregate(last=seen.seen_at.max())
    totals = {f"all_{w}": hours for w, hours in WINDOWS.items()}
    fresh = {f"new_{w}": hours for w, hours in NEW.items()}
    steps = active_steps(tables["touches"], keys, totals) + newcomer_steps(
        tables["touches"], tables["users"], keys, fresh
    )
    counts = count_at(mine, keys, steps, [*totals, *fresh])
    mine = mine.join(counts, [*keys, "as_of"])
    others = {
        f"others_{w}": mine[f"all_{w}"] - (1 if h == LIFE else within(mine["last"], mine.as_of, hours=h).cast("int64"))
        for w, h in WINDOWS.items()
    }
    mine = mine.mutate(**others)
    columns: dict[str, Any] = {}
    for kind, degree in HUB.items():
        here = mine.kind == kind
        columns[f"{kind}_count"] = here.cast("int64").sum()
        columns[f"{kind}_hubs"] = (here & (mine.all_life >= degree)).cast("int64").sum()
        crowd = ratio(mine.all_life, ibis.literal(degree))
        columns[f"{kind}_weight"] = millionths(mine.others_7d / (1.0 + crowd * crowd)).sum(where=here)
        columns |= {f"{kind}_others_{w}": mine[f"others_{w}"].max(where=here) for w in WINDOWS}
        columns |= {f"{kind}_new_{w}": mine[f"new_{w}"].max(where=here) for w in NEW}
    for kind, windows in FEW.items():
        columns |= {f"{kind}_others_{w}": mine[f"others_{w}"].max(where=mine.kind == kind) for w in windows}
    sums = mine.group_by(["user_id", "as_of"]).aggregate(**columns)
    return sums.mutate(**{f"{kind}_link_weight": sums[f"{kind}_weight"] / 1e6 for kind in HUB}).drop(
        *(f"{kind}_weight" for kind in HUB)
    )


def _same_template(tables: Tables, at: Any) -> Any:
    """Other accounts that claimed what the user claimed, on the device, IP or address it claimed from."""
    keys = ["kind", "key", "template_id"]
    rows = claims(tables)
    seen = before(at, rows, "user_id", "seen_at")
    mine = seen.group_by(["user_id", "as_of", *keys]).aggregate(last=seen.seen_at.max())
    totals = {f"all_{w}": hours for w, hours in CLAIM_WINDOWS.items()}
    mine = mine.join(count_at(mine, keys, active_steps(rows, keys, totals), list(totals)), [*keys, "as_of"])
    columns: dict[str, Any] = {}
    for w, hours in CLAIM_WINDOWS.items():
        me = 1 if hours == LIFE else within(mine["last"], mine.as_of, hours=hours).cast("int64")
        for kind in HUB:
            columns[f"{kind}_same_template_{w}"] = (mine[f"all_{w}"] - me).max(where=mine.kind == kind)
    return mine.group_by(["user_id", "as_of"]).aggregate(**columns)


def device_features(tables: Tables, spine: Any) -> Any:
    """Return ``spine`` (``device_id``, ``as_of``, …) with the columns of ``DEVICE_FEATURES``."""
    return _shared(tables, spine, DEVICE, DEVICE_FEATURES)


def ip_features(tables: Tables, spine: Any) -> Any:
    """Return ``spine`` (``ip``, ``as_of``, …) with the columns of ``IP_FEATURES``."""
    return _shared(tables, spine, IP, IP_FEATURES)


def address_features(tables: Tables, spine: Any) -> Any:
    """Return ``spine`` (``address_key``, ``as_of``, …) with the columns of ``ADDRESS_FEATURES``."""
    return _shared(tables, spine, ADDRESS, ADDRESS_FEATURES)


def _shared(tables: Tables, spine: Any, shared: Shared, features: tuple[Feature, ...]) -> Any:
    kind, key = shared.kind, shared.key
    at = moments(spine, key)
    touches = tables["touches"].filter(lambda t: t.kind == kind).select("user_id", "seen_at", **{key: "key"})
    rows = claims(tables).filter(lambda t: t.kind == kind).select("user_id", "template_id", "seen_at", **{key: "key"})
    accounts = {f"{kind}_accounts_{w}": hours for w, hours in WINDOWS.items()}
    fresh = {f"{kind}_new_accounts_{w}": hours for w, hours in NEW.items()}
    sightings = {f"{kind}_sightings_{w}": hours for w, hours in NEW.items()}
    claimed = {f"{kind}_claims_{w}": hours for w, hours in CLAIM_WINDOWS.items()}
    steps = [
        *active_steps(touches, [key], accounts),
        *newcomer_steps(touches, tables["users"], [key], fresh),
        *row_steps(touches, [key], sightings),
        *row_steps(rows, [key], claimed),
    ]
    counts = count_at(at, [key], steps, [*accounts, *fresh, *sightings, *claimed])
    claimers = {f"{kind}_claimers_{w}": hours for w, hours in CLAIM_WINDOWS.items()}
    asked = before(at, rows, key, "seen_at").select(key, "as_of", "template_id").distinct()
    per_template = count_at(
        asked, [key, "template_id"], active_steps(rows, [key, "template_id"], claimers), list(claimers)
    )
    most = per_template.group_by([key, "as_of"]).aggregate(**{name: per_template[name].max() for name in claimers})
    seen = before(at, touches, key, "seen_at")
    ages = seen.group_by([key, "as_of"]).aggregate(first=seen.seen_at.min(), last=seen.seen_at.max())
    ages = ages.select(
        key,
        "as_of",
        **{
            f"{kind}_age_days": days_between(ages.as_of, ages["first"]),
            f"{kind}_idle_days": days_between(ages.as_of, ages["last"]),
        },
    )
    joined = join_parts(at, key, (counts, most, ages), features)
    return finish(spine, key, joined, joined[f"{kind}_age_days"].notnull(), features)
