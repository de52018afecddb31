"""The as-of join against a loop over all snapshots, and training frames against it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.asof import asof_join
from features.engine import connect, keep, tables_in
from features.groups import GROUPS, compute, everyone
from features.shop import prepare
from features.training import training_frame
from oracles.small_shop import moments_of, small_shop

HOURS = st.integers(0, 60)
BASE = pd.Timestamp("2026-03-01")


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    snapshots=st.lists(st.tuples(st.sampled_from("abc"), HOURS), unique=True, max_size=12),
    asked=st.lists(st.tuples(st.sampled_from("abcd"), HOURS), min_size=1, max_size=8),
    max_age=st.none() | st.integers(0, 30),
)
def test_asof_join_takes_the_newest_snapshot_not_after_the_moment(
    con: Any, snapshots: list[tuple[str, int]], asked: list[tuple[str, int]], max_age: int | None
) -> None:
    taken = pd.DataFrame(
        [(key, BASE + pd.Timedelta(hours=hour), float(i)) for i, (key, hour) in enumerate(snapshots)],
        columns=["key", "event_timestamp", "value"],
    ).astype({"event_timestamp": "datetime64[us]", "value": "float64"})
    spine = pd.DataFrame(
        [(row, key, BASE + pd.Timedelta(hours=hour)) for row, (key, hour) in enumerate(asked)],
        columns=["row", "key", "as_of"],
    )
    schema = ibis.schema({"key": "string", "event_timestamp": "timestamp", "value": "float64"})
    found = asof_join(
        keep(con, "asof_spine", spine),
        keep(con, "asof_taken", ibis.memtable(taken, schema=schema)),
        "key",
        None if max_age is None else timedelta(hours=max_age),
    )
    values = found.execute().sort_values("row").value.tolist()
    for (key, hour), value in zip(asked, values, strict=True):
        fits = [
            (h, i)
            for i, (k, h) in enumerate(snapshots)
            if k == key and h <= hour and (max_age is None or hour - h <= max_age)
        ]
        expected = float(max(fits)[1]) if fits else np.nan
        assert np.array_equal([value], [expected], equal_nan=True)


def test_training_frame_equals_the_asof_join_of_daily_snapshots(con: Any) -> None:
    frames = small_shop(5)
    tables = prepare(con, tables_in(con, frames))
    days = pd.date_range("2026-04-01", "2026-04-08", freq="D")
    rng = np.random.default_rng(5)
    moments = [m for m in moments_of(frames, 5, 60) if days[0] <= m < days[-1]] + [days[3], days[5]]
    users = [*frames["users"].user_id, "stranger"]
    spine = pd.DataFrame({"user_id": rng.choice(users, 40), "as_of": rng.choice(pd.Series(moments).to_numpy(), 40)})
    spine = spine.drop_duplicates(ignore_index=True)
    asked = keep(con, "training_spine", spine.astype({"user_id": "object", "as_of": "datetime64[us]"}))
    expected = asked
    for name in ("user", "identity"):
        everybody = ibis.union(*(everyone(GROUPS[name], tables, day.to_pydatetime()) for day in days))
        snapshots = compute(GROUPS[name], tables, everybody).rename(event_timestamp="as_of")
        kept = keep(con, f"daily_{name}", snapshots)
        expected = asof_join(expected, kept, "user_id").drop("snapshot_at")
    order = ["user_id", "as_of"]
    left = training_frame(con, tables, asked).execute().sort_values(order, ignore_index=True)
    right = expected.execute().sort_values(order, ignore_index=True)
    assert left.orders_life.notna().sum() >= 10
    pd.testing.assert_frame_equal(left, right, check_exact=True)
