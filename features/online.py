"""Read the features of one user, device, IP, address or template, as fresh as the last materialised snapshot.

The answer for an unknown entity is defined: ``known`` is False, there is no ``as_of`` and every value is NaN. A known
one says when its snapshot was taken, so the caller can judge its age. A vector written with another column order is
refused rather than read askew.

Reads go to the provider's ``online_read``, which is what ``FeatureStore.get_online_features`` calls after it has
resolved names, types and entities. Every group is one vector under one key, so there is nothing to resolve, and the
answer is the same for a quarter of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.address import normalise
from features.devices import device_id
from features.groups import GROUPS, Group, group_named
from features.network import network
from features.repo import VECTOR, FeatureRepo, packed_view, quiet
from features.snapshots import HEADER, schema_number, token


class SchemaError(RuntimeError):
    """The online store holds vectors of other definitions; build and materialise the features again."""


@dataclass(frozen=True)
class OnlineRow:
    """Features of one entity: ``values`` (float64, NaN for missing) aligned with ``names``."""

    values: NDArray[np.float64]
    names: tuple[str, ...]
    as_of: datetime | None
    known: bool

    def age(self, now: datetime) -> timedelta | None:
        """How old the snapshot is at ``now`` (naive UTC); None for an unknown entity."""
        return None if self.as_of is None else now - self.as_of


class OnlineFeatures:
    """Reader of the online store; safe to share between threads, which take turns."""

    def __init__(self, repo: FeatureRepo) -> None:
        self._repo = repo
        self._lock = threading.Lock()
        self._shapes: dict[str, _Shape] = {}

    def check(self) -> None:
        """Raise ``SchemaError`` unless the registry holds every group with the column order of these definitions."""
        with self._lock, quiet():
            views = {view.name: view for view in self._repo.store.list_feature_views()}
        for group in GROUPS.values():
            view = views.get(packed_view(group))
            if view is None:
                raise SchemaError(f"features of group {group.name} are not applied: run the flow build_features")
            if view.tags.get("order") != group.order:
                raise SchemaError(f"features of group {group.name} were applied with another column order: build again")

    def read(self, group: str, key: str) -> OnlineRow:
        """Return one entity's features; ``key`` is the raw id, IP or address text."""
        return self.read_many(group, [key])[0]

    def read_many(self, group: str, keys: Sequence[str]) -> list[OnlineRow]:
        """Return the features of entities in the order asked."""
        about = group_named(group)
        if not keys:
            return []
        shape = self._shape(about)
        entities = [_entity(about.key, stored_key(about, key, self._repo.identifier_key)) for key in keys]
        config = self._repo.store.config
        with self._lock:
            answers = self._repo.provider.online_read(config, shape.view, entities, [VECTOR])
        return [shape.row(found[VECTOR].double_list_val.val if found else None) for _, found in answers]

    def _shape(self, group: Group) -> _Shape:
        shape = self._shapes.get(group.name)
        if shape is None or shape.group is not group:
            with self._lock, quiet():
                view = self._repo.store.get_feature_view(packed_view(group))
            shape = self._shapes[group.name] = _Shape(group, view)
        return shape


def stored_key(group: Group, key: str, identifier_key: str) -> str:
    """The key under which an entity is stored: normalised as links are, identifiers hashed.

    A value that may not link is stored nowhere; its hash names no entity.
    """
    if not group.secret:
        return key
    if group.name == "address":
        address = normalise(key)
        key = address.unit_key if address is not None else ""
    elif group.name == "device":
        device = device_id(key)
        key = device.key if device is not None else key
    elif group.name == "ip":
        around = network(key)
        key = around.network if around is not None else key
    return token(group.name, key.strip(), identifier_key)


class _Shape:
    """How a group's vectors are read, worked out once: names, fingerprint of their order, and Feast's view."""

    def __init__(self, group: Group, view: Any) -> None:
        self.group = group
        self.view = view
        self.names = group.names
        self.number = schema_number(group)
        values = np.full(len(self.names), np.nan)
        values.flags.writeable = False
        self.unknown = OnlineRow(values, self.names, None, False)

    def row(self, vector: Sequence[float] | None) -> OnlineRow:
        if vector is None:
            return self.unknown
        values = np.array(vector, dtype=np.float64)
        if len(values) != HEADER + len(self.names) or int(values[0]) != self.number:
            raise SchemaError(f"a vector of group {self.group.name} was written with another column order: build again")
        as_of = datetime.fromtimestamp(values[1], tz=UTC).replace(tzinfo=None)
        return OnlineRow(values[HEADER:], self.names, as_of, True)


def _entity(name: str, key: str) -> Any:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=[name], entity_values=[Value(string_val=key)])
