"""Who shares what with whom: features of a user, a device, an IP and an address at a moment.

A shared thing is a reason to look, not proof. So every count has a window, the number of *new* accounts and of
accounts that claimed the *same* template stand apart, and ``*_link_weight`` discounts things that very many share
(a campus, a carrier, a parcel locker). What makes a crowd is accounts that use the shop for more than coupons: a farm
is never a hub for its size. Only sightings strictly before the moment count; a user is linked to
everything it was ever seen on, the others on it are those seen within the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis

from features.company import LIFE, LONGEST, accounts_linked, accounts_seen, bounded, last_seen
from features.definition import (
    Feature,
    Tables,
    before,
    days_between,
    finish,
    join_parts,
    millionths,
    moments,
    within,
)
from features.links import CROWD, discount

WINDOWS: Mapping[str, int] = {"1h": 1, "24h": 24, "7d": 168, "30d": 720, "life": LIFE}
NEW: Mapping[str, int] = {"24h": 24, "7d": 168, "30d": 720}
CLAIM_WINDOWS: Mapping[str, int] = {"24h": 24, "7d": 168, "life": LIFE}

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
        Feature(f"{kind}_link_weight", f"other accounts of 7d on the user's {kind} values, discounted by crowd", 0),
        Feature(f"{kind}_hubs", f"hubs among the user's {kind} values ({CROWD[kind]} accounts in regular use)", 0),
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
        Feature(f"{kind}_sightings_30d", f"sightings on the {kind}, 30d", 0),
        *(Feature(f"{kind}_claims_{w}", f"coupons claimed on the {kind}, {w}", 0) for w in CLAIM_WINDOWS),
        *(
            Feature(f"{kind}_claimers_{w}", f"most claimers of one template on the {kind}, {w}", 0)
            for w in CLAIM_WINDOWS
        ),
        Feature(f"{kind}_age_days", "days since the first sighting"),
        Feature(f"{kind}_idle_days", "days since the last sighting, of the last 30d"),
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
    links, touches = tables["links"], tables["touches"]
    mine = before(at, links.select("kind", "key", "user_id", "first_seen"), "user_id", "first_seen").drop("first_seen")
    ever = accounts_linked(mine, links, keys, NEW, "all_life", "new_")
    lately = accounts_seen(mine, touches, keys, bounded(WINDOWS), "all_")
    own = before(at, touches, "user_id", "seen_at", days=LONGEST // 24)
    own = own.group_by(["user_id", "as_of", *keys]).aggregate(last=own.seen_at.max())
    mine = mine.join(ever, [*keys, "as_of"])
    mine = mine.left_join(lately, [*keys, "as_of"]).drop("kind_right", "key_right", "as_of_right")
    mine = mine.left_join(own, ["user_id", "as_of", *keys]).drop(
        "user_id_right", "kind_right", "key_right", "as_of_right"
    )
    mine = mine.mutate(
        others_life=mine.all_life - 1, **{f"others_{w}": _others(mine, w, h) for w, h in bounded(WINDOWS).items()}
    )
    columns: dict[str, Any] = {}
    for kind, degree in CROWD.items():
        here = mine.kind == kind
        columns[f"{kind}_count"] = here.cast("int64").sum()
        columns[f"{kind}_hubs"] = (here & (mine.engaged >= degree)).cast("int64").sum()
        columns[f"{kind}_weight"] = millionths(mine.others_7d * discount(mine.engaged, ibis.literal(degree))).sum(
            where=here
        )
        columns |= {f"{kind}_others_{w}": mine[f"others_{w}"].max(where=here) for w in WINDOWS}
        columns |= {f"{kind}_new_{w}": mine[f"new_{w}"].max(where=here) for w in NEW}
    for kind, windows in FEW.items():
        columns |= {f"{kind}_others_{w}": mine[f"others_{w}"].max(where=mine.kind == kind) for w in windows}
    sums = mine.group_by(["user_id", "as_of"]).aggregate(**columns)
    weights = {f"{kind}_link_weight": sums[f"{kind}_weight"] / 1e6 for kind in CROWD}
    return sums.mutate(**weights).drop(*(f"{kind}_weight" for kind in CROWD))


def _others(mine: Any, window: str, hours: int) -> Any:
    me = within(mine["last"], mine.as_of, hours=hours).fill_null(False).cast("int64")
    return mine[f"all_{window}"].fill_null(0) - me


def _same_template(tables: Tables, at: Any) -> Any:
    """Other accounts that claimed what the user claimed, on the device, IP or address it claimed from."""
    keys = ["kind", "key", "template_id"]
    seen = before(at, tables["claims"], "user_id", "seen_at")
    mine = seen.group_by(["user_id", "as_of", *keys]).aggregate(last=seen.seen_at.max())
    mine = mine.join(accounts_seen(mine, tables["claims"], keys, CLAIM_WINDOWS, "all_"), [*keys, "as_of"])
    columns: dict[str, Any] = {}
    for w, hours in CLAIM_WINDOWS.items():
        others = mine[f"all_{w}"] - 1 if hours == LIFE else _others(mine, w, hours)
        columns |= {f"{kind}_same_template_{w}": others.max(where=mine.kind == kind) for kind in CROWD}
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
    at = moments(spine, shared.key)
    parts = (_accounts(tables, at, shared), _sightings(tables, at, shared), _claims(tables, at, shared))
    joined = join_parts(at, shared.key, parts, features)
    return finish(spine, shared.key, joined, joined[f"{shared.kind}_accounts_life"] > 0, features)


def _of(table: Any, shared: Shared) -> Any:
    return table.filter(table.kind == shared.kind).drop("kind").rename({shared.key: "key"})


def _accounts(tables: Tables, at: Any, shared: Shared) -> Any:
    kind, key = shared.kind, shared.key
    links = _of(tables["links"], shared)
    seen = before(at, links.select(key, "first_seen"), key, "first_seen")
    ages = seen.group_by([key, "as_of"]).aggregate(first=seen.first_seen.min())
    ages = ages.select(key, "as_of", **{f"{kind}_age_days": days_between(ages.as_of, ages["first"])})
    counts = accounts_linked(at, links, [key], NEW, f"{kind}_accounts_life", f"{kind}_new_accounts_")
    return counts.join(ages, [key, "as_of"])


def _sightings(tables: Tables, at: Any, shared: Shared) -> Any:
    kind, key = shared.kind, shared.key
    pairs = last_seen(at, _of(tables["touches"], shared), [key], LONGEST)
    columns = {
        f"{kind}_accounts_{w}": within(pairs["last"], pairs.as_of, hours=hours).cast("int64").sum()
        for w, hours in bounded(WINDOWS).items()
    }
    sums = pairs.group_by([key, "as_of"]).aggregate(
        last=pairs["last"].max(), **{f"{kind}_sightings_30d": pairs.sightings.sum()}, **columns
    )
    return sums.mutate(**{f"{kind}_idle_days": days_between(sums.as_of, sums["last"])}).drop("last")


def _claims(tables: Tables, at: Any, shared: Shared) -> Any:
    kind, key = shared.kind, shared.key
    rows = _of(tables["claims"], shared)
    seen = before(at, rows, key, "seen_at")
    claimed = {
        f"{kind}_claims_{w}": seen.count()
        if hours == LIFE
        else within(seen.seen_at, seen.as_of, hours=hours).cast("int64").sum()
        for w, hours in CLAIM_WINDOWS.items()
    }
    counts = seen.group_by([key, "as_of"]).aggregate(**claimed)
    asked = seen.select(key, "as_of", "template_id").distinct()
    each = accounts_seen(asked, rows, [key, "template_id"], CLAIM_WINDOWS, f"{kind}_claimers_")
    names = [f"{kind}_claimers_{w}" for w in CLAIM_WINDOWS]
    most = each.group_by([key, "as_of"]).aggregate(**{name: each[name].max() for name in names})
    return counts.join(most, [key, "as_of"])
