"""Connected components in Ibis: as networkx finds them on random graphs, and the same on DuckDB and Spark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.engine import connect, keep
from features.errors import InputError
from models.abuse.rings.components import components
from models.abuse.rings.linking import LEAST_STRENGTH
from oracles.components import partition

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
}


def tangle(seed: int) -> pd.DataFrame:
    """Links of a random graph near the point where a giant appears, a path, a hub, and two links that say nothing."""
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(10, 150))
    chance = pd.DataFrame(rng.integers(0, nodes, (int(nodes * rng.uniform(0.2, 0.8)), 2)), columns=["a", "b"])
    path = pd.DataFrame({"a": np.arange(1_000, 1_030), "b": rng.permutation(np.arange(1_001, 1_031))[np.arange(30)]})
    hub = pd.DataFrame({"a": 2_000, "b": rng.integers(1_990, 2_020, 20)})
    links = pd.concat([chance, path, hub], ignore_index=True).astype("Int64")
    links["strength"] = np.where(rng.random(len(links)) < 0.9, 0.8, LEAST_STRENGTH - 0.01)
    nothing = pd.DataFrame({"a": [5, None], "b": [None, 7], "strength": 1.0}).astype({"a": "Int64", "b": "Int64"})
    return pd.concat([links, nothing], ignore_index=True)


def parts(found: pd.DataFrame) -> set[frozenset[Any]]:
    grouped = found.groupby("component")["node"]
    assert found["node"].is_unique
    assert (grouped.min() == grouped.min().index).all()
    return {frozenset(nodes) for nodes in grouped.agg(list)}


def expected(links: pd.DataFrame) -> set[frozenset[Any]]:
    held = links[links["strength"] >= LEAST_STRENGTH].dropna()
    return partition({*held["a"], *held["b"]}, zip(held["a"], held["b"], strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_components_are_those_of_networkx(seed: int) -> None:
    con = connect(threads=1)
    links = tangle(seed)
    assert parts(con.to_pandas(components(con, keep(con, "links", links)))) == expected(links)
    con.disconnect()


def test_names_link_as_well_as_numbers_and_links_without_strength_all_count() -> None:
    con = connect(threads=1)
    links = keep(con, "links", pd.DataFrame({"a": ["y", "b", "x", "a"], "b": ["x", "a", "z", "a"]}))
    found = con.to_pandas(components(con, links))
    assert dict(zip(found["node"], found["component"], strict=True)) == {
        "a": "a",
        "b": "a",
        "x": "x",
        "y": "x",
        "z": "x",
    }
    con.disconnect()


def test_no_links_make_no_components() -> None:
    con = connect(threads=1)
    empty = keep(con, "links", ibis.memtable(pd.DataFrame({"a": [], "b": []}), schema={"a": "int64", "b": "int64"}))
    assert con.to_pandas(components(con, empty)).empty
    con.disconnect()


def test_a_table_of_something_else_is_refused() -> None:
    con = connect(threads=1)
    with pytest.raises(InputError, match="columns a and b"):
        components(con, keep(con, "links", pd.DataFrame({"a": [1], "c": [2]})))
    con.disconnect()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Spark and its bridge to pandas
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java on the PATH")
def test_spark_finds_the_components_that_duckdb_finds(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    links = tangle(3)
    links.to_parquet(tmp_path / "links.parquet")
    found = {}
    for backend in ("duckdb", "pyspark"):
        con = connect(backend, threads=1)
        if backend == "pyspark":  # on a handful of rows compiling code takes far longer than running it
            for name, value in SMALL.items():
                con.raw_sql(f"SET {name} = {value}")
        table = components(con, con.read_parquet(str(tmp_path / "links.parquet")), name="spread")
        found[backend] = con.to_pandas(table).sort_values("node", ignore_index=True)
        con.disconnect()
    pd.testing.assert_frame_equal(found["duckdb"], found["pyspark"], check_dtype=False)
    assert parts(found["pyspark"]) == expected(links)
