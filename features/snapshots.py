"""Daily snapshots: the features of everybody known at a midnight (UTC), one Parquet file per group and day.

``<folder>/<group>/<day>.parquet`` is wide: entity key, ``event_timestamp``, one float64 column per feature.
``<folder>/packed/<group>/<day>.parquet`` holds the same rows as one array each, the form that is served online.
``<folder>/vocabulary.json`` keeps the codes of categoricals, so that they mean the same in every later build.

Devices, IPs and addresses are written as keyed hashes (``token``); the raw values never leave the shop's tables.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.definition import Tables
from features.groups import Group, compute, everyone
from features.shop import VOCABULARIES, Vocabulary

HEADER = 2
"""Numbers before the features in a packed array: the schema number and the snapshot's epoch second."""
STAMP = pa.timestamp("us")


def token(kind: str, value: str, key: str) -> str:
    """Keyed hash that stands for an identifier (128 bits of HMAC-SHA256, hex).

    >>> token("device", "d-1", "k" * 16) == token("device", "d-1", "k" * 16) != token("ip", "d-1", "k" * 16)
    True
    """
    return hmac.digest(key.encode(), f"{kind}\n{value}".encode(), hashlib.sha256).hex()[:32]


def schema_number(group: Group) -> int:
    """The column order's fingerprint as a whole number that a float64 holds exactly."""
    return int(group.order[:12], 16)


def midnight(day: date) -> datetime:
    """The moment of a day's snapshot, naive UTC: it holds what happened before that day."""
    return datetime.combine(day, time())


def epoch_of(moment: datetime) -> int:
    """Whole seconds since 1970 of a naive UTC moment."""
    return int(moment.replace(tzinfo=UTC).timestamp())


def write_snapshot(tables: Tables, group: Group, day: date, folder: Path, timezone: str, key: str) -> int:
    """Compute one group for one day and write both files; return the number of rows. Writing again replaces them."""
    moment = midnight(day)
    rows = compute(group, tables, everyone(group, tables, moment), timezone).order_by(group.key).to_pyarrow()
    names: Iterable[str] = rows.column(group.key).to_pylist()
    keys = pa.array([token(group.name, name, key) for name in names] if group.secret else names, pa.string())
    stamps = pa.array([moment] * len(keys), STAMP)
    columns = [rows.column(name).cast(pa.float64()).combine_chunks() for name in group.names]
    wide = pa.table([keys, stamps, *columns], names=[group.key, "event_timestamp", *group.names])
    matrix = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
    packed = pa.table([keys, stamps, _pack(group, moment, matrix)], names=[group.key, "event_timestamp", "vector"])
    _replace(wide, wide_file(folder, group, day))
    _replace(packed, packed_file(folder, group, day))
    return len(keys)


def wide_file(folder: Path, group: Group, day: date) -> Path:
    return folder / group.name / f"{day.isoformat()}.parquet"


def packed_file(folder: Path, group: Group, day: date) -> Path:
    return folder / "packed" / group.name / f"{day.isoformat()}.parquet"


def _pack(group: Group, moment: datetime, matrix: NDArray[np.float64]) -> pa.Array:
    header = np.tile([float(schema_number(group)), float(epoch_of(moment))], (len(matrix), 1))
    full = np.hstack([header, matrix])
    offsets = np.arange(len(full) + 1, dtype=np.int32) * full.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(full.ravel()))


def _replace(table: pa.Table, path: Path) -> None:
    """Write beside the target and rename, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pq.write_table(table, partial)
    partial.replace(path)


def read_vocabulary(folder: Path) -> Vocabulary:
    """Return the codes of earlier builds; empty when there was none."""
    path = folder / "vocabulary.json"
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {kind: tuple(values.get(kind, ())) for kind in VOCABULARIES}


def write_vocabulary(folder: Path, words: Vocabulary) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "vocabulary.partial"
    partial.write_text(json.dumps(words, ensure_ascii=False, indent=1), "utf-8")
    partial.replace(folder / "vocabulary.json")
