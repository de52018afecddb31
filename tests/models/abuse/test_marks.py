"""Counting strictly before a moment, against loops over all pairs."""

from __future__ import annotations

import shutil
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.engine import connect, keep
from models.abuse.marks import firsts, others_before, sums_before
from oracles.abuse import others_in_window

WINDOWS = {"short": 2, "long": 9, "ever": None}


@pytest.fixture(scope="module")
def con() -> Any:
    made = connect(threads=1)
    yield made
    made.disconnect()


def _tables(con: Any, asks: list[tuple[Any, ...]], marks: list[tuple[Any, ...]]) -> tuple[Any, Any]:
    spine = pd.DataFrame(asks, columns=["key", "user_id", "us"]).assign(row=range(len(asks)))
    told = pd.DataFrame(marks, columns=["key", "user_id", "us", "w"])
    types = {"key": "string", "user_id": "string", "us": "int64"}
    return (
        keep(con, "asks", ibis.memtable(spine, schema=ibis.schema({**types, "row": "int64"}))),
        keep(con, "marks", ibis.memtable(told, schema=ibis.schema({**types, "w": "float64"}))),
    )


@pytest.mark.parametrize(("seed", "length"), [(1, None), (2, 3), (3, 7), (4, 1)])
def test_counts_of_others_equal_a_loop_over_all_pairs(con: Any, seed: int, length: int | None) -> None:
    rng = np.random.default_rng(seed)

    def rows(n: int) -> list[tuple[Any, ...]]:
        return [(f"k{rng.integers(3)}", f"u{rng.integers(5)}", int(rng.integers(25))) for _ in range(n)]

    asks, marks = rows(60), [(*row, float(rng.choice([0.25, 1.0, 2.0]))) for row in rows(80)]
    spine, told = _tables(con, asks, marks)
    found = con.to_pandas(others_before(spine, told, ["w"], {"x": length})).sort_values("row")
    assert found["w_x"].tolist() == pytest.approx(others_in_window(asks, marks, length))


def test_a_mark_at_the_very_moment_or_later_is_not_counted(con: Any) -> None:
    spine, told = _tables(con, [("a", "u", 5)], [("a", "v", 5, 1.0), ("a", "w", 6, 1.0), ("a", "w", 4, 1.0)])
    assert con.to_pandas(others_before(spine, told, ["w"], {"ever": None}))["w_ever"].tolist() == [1.0]


def test_rows_without_a_key_link_nothing(con: Any) -> None:
    spine, told = _tables(con, [(None, "u", 5)], [(None, "v", 1, 1.0)])
    assert con.to_pandas(sums_before(spine, told, ["w"], {"ever": None})).empty


def test_the_first_sighting_of_a_pair_is_its_earliest(con: Any) -> None:
    _, told = _tables(con, [], [("a", "v", 7, 1.0), ("a", "v", 3, 1.0), ("b", "v", 1, 1.0)])
    found = con.to_pandas(firsts(told, "key")).sort_values("key")
    assert found["us"].tolist() == [3, 1]


def test_windows_of_many_keys_at_once_count_what_others_did_inside_them(con: Any) -> None:
    """Ties, times before 1970, keys of one user alone, keys nobody asks for and rows without a key."""
    rng = np.random.default_rng(11)
    keys = [*(f"k{i}" for i in range(20)), None]

    def rows(n: int) -> list[tuple[Any, ...]]:
        return [(keys[rng.integers(21)], f"u{rng.integers(4)}", int(rng.integers(-6, 12))) for _ in range(n)]

    asks, marks = rows(150), [(*row, float(rng.choice([0.0, 0.25, 3.0]))) for row in rows(90)]
    found = con.to_pandas(others_before(*_tables(con, asks, marks), ["w"], WINDOWS)).set_index("row").sort_index()
    keyed = [row for row, ask in enumerate(asks) if ask[0] is not None]
    assert found.index.tolist() == keyed
    for name, length in WINDOWS.items():
        expected = others_in_window([asks[row] for row in keyed], marks, length)
        assert found[f"w_{name}"].tolist() == pytest.approx(expected)


def test_a_mark_leaves_a_window_a_microsecond_after_its_length(con: Any) -> None:
    spine, told = _tables(con, [("a", "u", 10), ("a", "u", 11)], [("a", "v", 7, 1.0)])
    found = con.to_pandas(others_before(spine, told, ["w"], {"x": 3})).sort_values("row")
    assert found["w_x"].tolist() == [1.0, 0.0]


def test_marks_that_are_added_later_change_no_earlier_sum(con: Any) -> None:
    rng = np.random.default_rng(5)
    asks = [("k", f"u{rng.integers(9)}", int(t)) for t in rng.integers(0, 50, 40)]
    marks = [("k", f"u{rng.integers(9)}", int(t), float(rng.random())) for t in rng.integers(0, 50, 60)]
    later = [("k", "late", 50 + i, 0.1) for i in range(30)]
    before, after = (
        con.to_pandas(others_before(*_tables(con, asks, told), ["w"], WINDOWS)).sort_values("row", ignore_index=True)
        for told in (marks, marks + later)
    )
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_device_of_200_000_accounts_is_counted_in_one_pass(con: Any) -> None:
    n = 200_000
    met = pd.DataFrame({"key": "hub", "user_id": np.arange(n).astype(str), "us": np.arange(n), "w": 1.0})
    spine, told = keep(con, "asks", met.drop(columns="w").assign(row=np.arange(n))), keep(con, "marks", met)
    found = con.to_pandas(others_before(spine, told, ["w"], {"x": 1000, "ever": None})).sort_values("row")
    assert np.array_equal(found["w_ever"].to_numpy(), np.arange(n, dtype=float))
    assert np.array_equal(found["w_x"].to_numpy(), np.minimum(np.arange(n), 1000).astype(float))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Spark and its bridge to pandas
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java on the PATH")
def test_spark_counts_the_same(con: Any) -> None:
    pytest.importorskip("pyspark")
    rng = np.random.default_rng(8)
    asks = [(f"k{rng.integers(4)}", f"u{rng.integers(5)}", int(rng.integers(25))) for _ in range(40)]
    marks = [(f"k{rng.integers(4)}", f"u{rng.integers(5)}", int(rng.integers(25)), rng.random()) for _ in range(60)]
    frames = []
    for engine in (con, connect("pyspark", threads=1)):
        found = engine.to_pandas(others_before(*_tables(engine, asks, marks), ["w"], WINDOWS))
        frames.append(found.sort_values("row", ignore_index=True).sort_index(axis=1))
    pd.testing.assert_frame_equal(*frames, check_exact=True, check_dtype=False)
