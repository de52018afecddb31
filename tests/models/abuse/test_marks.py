"""Counting strictly before a moment, against loops over all pairs."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.engine import connect, keep
from models.abuse.marks import firsts, others_before, sums_before
from oracles.abuse import others_in_window


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
