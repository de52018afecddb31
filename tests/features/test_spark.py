"""The same definitions give the same numbers on Spark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.asof import asof_join
from features.company import accounts_at
from features.engine import connect, keep, load_tables
from features.groups import GROUPS, compute
from features.hub_facts import hub_facts
from features.labels import decision_outcomes
from features.links import edges, sightings
from features.shop import prepare
from oracles.small_shop import small_shop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Spark and its bridge to pandas
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java on the PATH"),
]
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}
MOMENTS = [datetime(2026, 4, 10), datetime(2026, 5, 20, 7, 30, 0, 5)]
KEYS = {
    "user": [f"u{i}" for i in range(8)],
    "identity": [f"u{i}" for i in range(8)],
    "address": ["上海|世纪大道|n100b3|s2r501", "12 main springfield st|5"],
    "template": ["t1", "t2", "t9"],
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Any, Any]]]:
    """Both engines with the same shop read from the same files; a Spark session starts in about ten seconds."""
    pytest.importorskip("pyspark")
    folder: Path = tmp_path_factory.mktemp("tables")
    shop = small_shop(41)
    shop["events"]["ip"] = shop["events"].ip.replace("9.1.2.3", "2400:3200:1:2::A")
    for name, frame in shop.items():
        frame.astype({c: "datetime64[us]" for c in frame if frame[c].dtype.kind == "M"}).to_parquet(
            folder / f"{name}.parquet"
        )
    opened = {}
    for backend in ("duckdb", "pyspark"):
        con = connect(backend, threads=1)
        if backend == "pyspark":  # on a handful of rows compiling code takes far longer than running it
            for name, value in SMALL.items():
                con.raw_sql(f"SET {name} = {value}")
        tables = prepare(con, load_tables(con, folder))
        opened[backend] = (con, {**tables, "sightings": keep(con, "kept_sightings", sightings(tables))})
    yield opened
    opened["duckdb"][0].disconnect()
    opened["pyspark"][0].disconnect()


def on_both(engines: dict[str, tuple[Any, Any]], ask: Any, by: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    first, second = (ask(con, tables).execute().sort_values(by, ignore_index=True) for con, tables in engines.values())
    return first, second


@pytest.mark.parametrize("group", list(KEYS))  # device and IP are computed by the address's function
def test_spark_computes_what_duckdb_computes(engines: dict[str, tuple[Any, Any]], group: str) -> None:
    key = GROUPS[group].key
    pairs = pd.DataFrame([(k, m) for k in KEYS[group] for m in MOMENTS], columns=[key, "as_of"])

    def ask(con: Any, tables: Any) -> Any:
        spine = keep(
            con, f"spine_{group}", ibis.memtable(pairs, schema=ibis.schema({key: "string", "as_of": "timestamp"}))
        )
        return compute(GROUPS[group], tables, spine)

    duck, spark = on_both(engines, ask, [key, "as_of"])
    assert duck[key].tolist() == spark[key].tolist()
    for name in GROUPS[group].names:
        left, right = (frame[name].to_numpy(dtype=float, na_value=np.nan) for frame in (duck, spark))
        assert np.allclose(left, right, rtol=1e-6, atol=2e-6, equal_nan=True), name
    assert duck[list(GROUPS[group].names)].notna().any().any()


def test_spark_labels_what_duckdb_labels(engines: dict[str, tuple[Any, Any]]) -> None:
    def ask(con: Any, tables: Any) -> Any:
        return decision_outcomes(tables, datetime(2026, 6, 1)).drop("eligible")

    duck, spark = on_both(engines, ask, ["decision_id"])
    assert duck.value_cents.any()
    pd.testing.assert_frame_equal(duck, spark, check_dtype=False)


def test_spark_links_what_duckdb_links(engines: dict[str, tuple[Any, Any]]) -> None:
    def ask(con: Any, tables: Any) -> Any:
        return edges(tables, MOMENTS[1])

    duck, spark = on_both(engines, ask, ["kind", "level", "key", "user_id"])
    assert len(duck) > 30
    pd.testing.assert_frame_equal(duck, spark, check_dtype=False)


def test_spark_counts_what_duckdb_counts(engines: dict[str, tuple[Any, Any]]) -> None:
    def ask(con: Any, tables: Any) -> Any:
        seen = tables["touches"].filter(ibis._.kind == "ip")
        return accounts_at(seen, seen.select("key", at="seen_at"))

    def share(con: Any, tables: Any) -> Any:
        return hub_facts(tables, "ip", MOMENTS[1], "Asia/Shanghai")

    for question, by in ((ask, ["key", "at"]), (share, ["key"])):
        duck, spark = on_both(engines, question, by)
        assert len(duck) > 2
        pd.testing.assert_frame_equal(duck, spark, check_dtype=False)


def test_spark_joins_as_of_what_duckdb_joins(engines: dict[str, tuple[Any, Any]]) -> None:
    days = pd.to_datetime(["2026-03-02", "2026-03-04", "2026-03-07"]).astype("datetime64[us]")
    taken = pd.DataFrame({"user_id": "u1", "event_timestamp": days, "x": [1.0, 2.0, 3.0]})
    asked = pd.DataFrame({"user_id": ["u1", "u1", "u2"], "as_of": days[[0, 1, 2]] + pd.Timedelta(hours=5)})

    def ask(con: Any, tables: Any) -> Any:
        return asof_join(keep(con, "asked", asked), keep(con, "taken", taken), "user_id")

    duck, spark = on_both(engines, ask, ["user_id", "as_of"])
    assert duck.x.tolist()[:2] == spark.x.tolist()[:2] == [1.0, 2.0]
    assert duck.x.isna().tolist() == spark.x.isna().tolist()
