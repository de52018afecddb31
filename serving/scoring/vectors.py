"""From online rows to model rows: columns picked by name; live counts only ever raise a stored count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from serving.scoring.messages import Subject
from serving.scoring.sources import GROUPS, FeatureReader, Row


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one user now: feature values by name, and how old they are."""

    values: Mapping[str, float]
    known: bool
    as_of: datetime | None

    def vector(self, names: Sequence[str]) -> NDArray[np.float64]:
        """(d,) in the order of ``names``; NaN where nothing is known."""
        return np.array([self.values.get(name, math.nan) for name in names], dtype=np.float64)


def gather(features: FeatureReader, asks: Sequence[Subject]) -> list[Facts]:
    """Facts of many subjects with one read per group."""
    users = [ask.user_id for ask in asks]
    rows: dict[str, dict[str, Row]] = {}
    for group in GROUPS:
        keys = users if group in ("user", "identity") else [_key(ask, group) or "" for ask in asks]
        wanted = sorted({key for key in keys if key})
        rows[group] = dict(zip(wanted, features.read_many(group, wanted), strict=True)) if wanted else {}
    return [_facts(ask, rows) for ask in asks]


def _facts(ask: Subject, rows: Mapping[str, Mapping[str, Row]]) -> Facts:
    values: dict[str, float] = {}
    as_of: datetime | None = None
    known = False
    for group in GROUPS:
        row = rows[group].get(ask.user_id if group in ("user", "identity") else _key(ask, group) or "")
        if row is None or not row.known:
            continue
        values.update(zip(row.names, row.values.tolist(), strict=True))
        if group == "user":
            known, as_of = True, row.as_of
    for name, count in ask.counts.items():
        if ask.live and "_others_" in name:
            continue  # company is weighed once: by the scorecard, which knows who these people are
        stored = values.get(name, math.nan)
        # A nightly snapshot cannot know the last hours, and a caller's view must not hide what is on file.
        values[name] = count if math.isnan(stored) else max(stored, count)
    return Facts(values, known, as_of)


def _key(ask: Subject, group: str) -> str | None:
    return {"device": ask.device_id, "ip": ask.ip, "address": ask.address}[group]
