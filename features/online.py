"""Read the features of one user, device, IP, address or template, as fresh as the last materialised snapshot.

The answer for an unknown entity is defined: ``known`` is False, there is no ``as_of`` and every value is NaN. A known
one says when its snapshot was taken, so the caller can judge its age. A vector written with another column order is
refused rather than read askew.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.address import normalise
from features.groups import GROUPS, Group, group_named
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
        rows = [{about.key: stored_key(about, key, self._repo.identifier_key)} for key in keys]
        with self._lock:
            answer = self._repo.store.get_online_features([f"{packed_view(about)}:{VECTOR}"], rows).to_dict()
        return [_row(about, vector) for vector in answer[VECTOR]]


def stored_key(group: Group, key: str, identifier_key: str) -> str:
    """The key under which an entity is stored: addresses normalised, identifiers hashed."""
    if not group.secret:
        return key
    if group.name == "address":
        address = normalise(key)
        key = address.unit_key if address is not None else ""
    return token(group.name, key.strip(), identifier_key)


def _row(group: Group, vector: Sequence[float] | None) -> OnlineRow:
    if vector is None:
        return OnlineRow(_unknown(len(group.names)), group.names, None, False)
    values = np.asarray(vector, dtype=np.float64)
    if len(values) != HEADER + len(group.names) or int(values[0]) != schema_number(group):
        raise SchemaError(f"a vector of group {group.name} was written with another column order: build again")
    as_of = datetime.fromtimestamp(values[1], tz=UTC).replace(tzinfo=None)
    return OnlineRow(values[HEADER:], group.names, as_of, True)


@lru_cache(maxsize=16)
def _unknown(length: int) -> NDArray[np.float64]:
    values = np.full(length, np.nan)
    values.flags.writeable = False
    return values
