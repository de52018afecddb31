"""Local time follows the shop's zone through its changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pytest

from features.clock import local_day, local_hour, local_seconds, local_weekday
from features.engine import connect


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"])
def test_local_time_equals_the_zone_database(con: Any, zone: str) -> None:
    rng = np.random.default_rng(7)
    start = datetime(2025, 1, 1)
    moments = [start + timedelta(seconds=int(s)) for s in rng.integers(0, 700 * 86_400, 300)]
    moments += [datetime(2026, 3, 29) + timedelta(minutes=m) for m in range(0, 240, 29)]
    rows = ibis.memtable(pd.DataFrame({"i": range(len(moments)), "t": pd.Series(moments).astype("datetime64[us]")}))
    local = local_seconds(rows.t, zone)
    found = con.execute(
        rows.select("i", day=local_day(local), hour=local_hour(local), weekday=local_weekday(local)).order_by("i")
    )
    for moment, row in zip(moments, found.itertuples(), strict=True):
        truth = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        assert (row.hour, row.weekday) == (truth.hour, truth.weekday())
        assert row.day == (truth.date() - datetime(1970, 1, 1).date()).days
