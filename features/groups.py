"""The feature groups: what each is about, its columns in order, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis

from features.coupons import TEMPLATE_FEATURES, template_features
from features.definition import Feature, Tables, column_order
from features.errors import InputError
from features.identity import (
    ADDRESS_FEATURES,
    DEVICE_FEATURES,
    IDENTITY_FEATURES,
    IP_FEATURES,
    address_features,
    device_features,
    identity_features,
    ip_features,
)
from features.users import DEFAULT_ZONE, USER_FEATURES, user_features


@dataclass(frozen=True)
class Group:
    """Features of one kind of entity. ``secret`` keys are identifiers, stored only as keyed hashes."""

    name: str
    key: str
    features: tuple[Feature, ...]
    secret: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def order(self) -> str:
        """Fingerprint of the column order."""
        return column_order(self.features)


USER = Group("user", "user_id", USER_FEATURES)
IDENTITY = Group("identity", "user_id", IDENTITY_FEATURES)
DEVICE = Group("device", "device_id", DEVICE_FEATURES, secret=True)
IP = Group("ip", "ip", IP_FEATURES, secret=True)
ADDRESS = Group("address", "address_key", ADDRESS_FEATURES, secret=True)
TEMPLATE = Group("template", "template_id", TEMPLATE_FEATURES)
GROUPS: dict[str, Group] = {group.name: group for group in (USER, IDENTITY, DEVICE, IP, ADDRESS, TEMPLATE)}

SEEN_WITHIN_DAYS = 90
"""A device, IP or address unseen for longer is left out of snapshots: nothing in a window could be known of it."""


def group_named(name: str) -> Group:
    """Return the group or raise the error that lists them."""
    if name not in GROUPS:
        raise InputError("feature group", name, "one of: " + ", ".join(GROUPS))
    return GROUPS[name]


def compute(group: Group, tables: Tables, spine: Any, timezone: str = DEFAULT_ZONE) -> Any:
    """Lay the group's features beside the spine (its key and ``as_of``); ``tables`` come from ``prepare``."""
    if group is USER:
        return user_features(tables, spine, timezone)
    functions: dict[str, Callable[[Tables, Any], Any]] = {
        "identity": identity_features,
        "device": device_features,
        "ip": ip_features,
        "address": address_features,
        "template": template_features,
    }
    return functions[group.name](tables, spine)


def everyone(group: Group, tables: Tables, at: datetime) -> Any:
    """Return the spine of all entities of the group that are known at one moment."""
    moment = ibis.literal(at).cast("timestamp")
    if group.key == "user_id":
        users = tables["users"]
        keys = users.filter(users.registered_at < moment).select("user_id")
    elif group is TEMPLATE:
        coupons = tables["coupons"]
        keys = coupons.filter(coupons.claimed_at < moment).select("template_id").distinct()
    else:
        touches = tables["touches"]
        recent = moment - ibis.interval(days=SEEN_WITHIN_DAYS)
        seen = touches.filter(touches.kind == group.name, touches.seen_at < moment, touches.seen_at >= recent)
        keys = seen.select(**{group.key: "key"}).distinct()
    return keys.mutate(as_of=moment)
