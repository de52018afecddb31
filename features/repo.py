"""Feast's view of the features, built from the definitions: entities, views, one service; applied from Python.

Each group has a wide offline view (one field per feature, for training and inspection) and a packed online view (one
array per entity: reading 80 separate fields costs 3–16 times as much). There are no on-demand views: Feast stores
their functions as pickles, so that reading a registry would run code.

Feast caches resolved features in a module global stamped with one registry time, so a process has one store per
configuration. It is slow to import (10 s) and is imported on first use.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from features.errors import InputError
from features.groups import GROUPS, Group
from features.snapshots import midnight, packed_file

PROJECT = "fairdeal"
VECTOR = "vector"


@dataclass(frozen=True)
class FeatureRepo:
    """Where features are registered and served.

    ``root`` holds the registry and the embedded online store, ``snapshots`` the Parquet files of ``write_snapshot``.
    ``online`` is empty for SQLite or ``redis://host:port/db`` (``rediss://`` with TLS). ``identifier_key`` keys the
    hashes of devices, IPs and addresses and must be the one the snapshots were written with.
    """

    root: Path
    snapshots: Path
    identifier_key: str
    online: str = ""

    @property
    def store(self) -> Any:
        """The process's one ``FeatureStore`` of this configuration."""
        return _store(self.root.absolute(), self.online)

    @property
    def provider(self) -> Any:
        """The process's one connection to the online store of this configuration (``feast.infra.provider``)."""
        return _provider(self.root.absolute(), self.online)

    def apply(self) -> None:
        """Register all entities, views and the service; safe to repeat, replaces what changed."""
        self.root.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.store.apply(objects(self.snapshots.absolute()))

    def materialise(self, day: date, groups: tuple[str, ...] = tuple(GROUPS)) -> None:
        """Load the snapshots of a day into the online store; days must come in order, the last one wins."""
        for name in groups:
            if not packed_file(self.snapshots, GROUPS[name], day).is_file():
                raise InputError("day", day.isoformat(), f"a day whose {name} snapshot was written")
        start = midnight(day).replace(tzinfo=UTC)
        with quiet():
            self.store.materialize(start, start + timedelta(seconds=1), [packed_view(GROUPS[name]) for name in groups])


def packed_view(group: Group) -> str:
    return f"{group.name}_online"


def objects(snapshots: Path) -> list[Any]:
    """All Feast objects: the same for the same definitions."""
    with quiet():
        from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
        from feast.types import Array, Float64

    entities = {
        key: Entity(name=key, join_keys=[key], value_type=ValueType.STRING)
        for key in dict.fromkeys(group.key for group in GROUPS.values())
    }
    made: list[Any] = list(entities.values())
    packed_views = []
    for group in GROUPS.values():
        tags = {"order": group.order, "columns": str(len(group.names))}
        wide, packed = (
            FileSource(name=f"{group.name}_{form}", path=str(folder / "*.parquet"), timestamp_field="event_timestamp")
            for form, folder in (("wide", snapshots / group.name), ("packed", snapshots / "packed" / group.name))
        )
        fields = [Field(name=f.name, dtype=Float64, description=f.description) for f in group.features]
        common: dict[str, Any] = {"entities": [entities[group.key]], "ttl": timedelta(0), "tags": tags}
        offline = FeatureView(name=group.name, schema=fields, source=wide, online=False, **common)
        online = FeatureView(
            name=packed_view(group),
            schema=[Field(name=VECTOR, dtype=Array(Float64))],
            source=packed,
            online=True,
            **common,
        )
        packed_views.append(online)
        made += [wide, packed, offline, online]
    return [*made, FeatureService(name="online", features=packed_views)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Feast's progress prints and the deprecations of its own dependencies out of our output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@lru_cache(maxsize=8)
def _store(root: Path, online: str) -> Any:
    with quiet():
        from feast import FeatureStore, RepoConfig

        config = RepoConfig(
            project=PROJECT,
            provider="local",
            registry=str(root / "registry.db"),
            repo_path=root,
            offline_store={"type": "duckdb"},
            online_store=_online_store(root, online),
            entity_key_serialization_version=3,
        )
        return FeatureStore(config=config)


@lru_cache(maxsize=8)
def _provider(root: Path, online: str) -> Any:
    store = _store(root, online)
    with quiet():
        from feast.infra.provider import get_provider

        return get_provider(store.config)


def _online_store(root: Path, online: str) -> dict[str, str]:
    if not online:
        return {"type": "sqlite", "path": str(root / "online.db")}
    match = re.fullmatch(r"redis(s?)://(?:[^:@/]*:([^@/]+)@)?([^/@]+)(?:/(\d+))?", online)
    if match is None:
        raise InputError("stores.feast_online", "(hidden)", "empty or redis://[:password@]host:port[/db]")
    tls, password, address, database = match.groups()
    options = [f"db={database}"] if database else []
    options += [f"password={password}"] if password else []
    options += ["ssl=true"] if tls else []
    return {"type": "redis", "connection_string": ",".join([address, *options])}
