"""Users and decisions with their features, for the flows that choose coupons and judge policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.definition import Tables
from features.engine import connect, load_tables
from features.errors import InputError
from features.groups import IDENTITY, USER
from features.labels import decision_outcomes
from features.shop import prepare
from features.snapshots import read_vocabulary, wide_file
from features.training import training_frame
from serving.settings import Settings


def newest_day(features: Path) -> date:
    """The day of the newest snapshot of all users."""
    days = sorted(path.stem for path in (features / USER.name).glob("????-??-??.parquet"))
    if not days:
        raise InputError("features", str(features), "a folder with daily snapshots; run build_features first")
    return date.fromisoformat(days[-1])


def users_on(features: Path, day: date) -> pd.DataFrame:
    """Everyone in a day's snapshot with user and identity features: what the scoring service reads after that build."""
    frames = []
    for group in (USER, IDENTITY):
        path = wide_file(features, group, day)
        if not path.is_file():
            raise InputError("day", day.isoformat(), f"a day with a snapshot at {path}; run build_features for it")
        frames.append(pq.read_table(path).to_pandas().drop(columns="event_timestamp"))
    return frames[0].merge(frames[1], on=USER.key, validate="1:1").sort_values(USER.key, ignore_index=True)


def open_tables(settings: Settings, folder: Path | None = None) -> tuple[object, Tables]:
    """The shop's tables, ready for the definitions, on the configured engine; codes as in the written snapshots."""
    con = connect(settings.stores.engine)
    return con, prepare(con, load_tables(con, folder or settings.tables), read_vocabulary(settings.features))


def decisions_between(
    con: object, tables: Tables, after: datetime, before: datetime, timezone: str, arms: Sequence[str]
) -> pd.DataFrame:
    """Decided in [after, before) with a closed window and no offers but ``arms``: outcomes and features, by time."""
    outcomes = decision_outcomes(tables, before)
    since = ibis.literal(after).cast("timestamp(6)")
    spine = outcomes.filter(outcomes.decided_at >= since).mutate(as_of=lambda t: t.decided_at)
    frame = training_frame(con, tables, spine, timezone=timezone).execute()
    # Where another offer was possible, the logged chance is not the chance among these arms.
    frame = frame[frame["eligible"].map(set(arms).issuperset).astype(bool)]
    return frame.sort_values(["decided_at", "decision_id"], ignore_index=True)


def matrix_of(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """The named features as float64 (n, d), NaN where missing; :class:`InputError` names one that is absent."""
    missing = [name for name in names if name not in frame]
    if missing:
        raise InputError("features", missing[0], "a feature that the definitions still have; train the model again")
    return frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
