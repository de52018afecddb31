"""Opening a shop's tables: what is missing is named, what is optional may be absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.engine import connect, keep, load_tables
from features.errors import InputError
from features.shop import learn_vocabulary, prepare, vocabulary_of
from oracles.small_shop import small_shop


@pytest.fixture
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


def write(folder: Path, frames: dict[str, pd.DataFrame]) -> Path:
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return folder


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(InputError, match="backend: got 'oracle', expected one of: duckdb, pyspark"):
        connect("oracle")


def test_a_missing_table_is_named(con: Any, tmp_path: Path) -> None:
    frames = small_shop(1)
    del frames["coupons"]
    with pytest.raises(InputError, match="coupons"):
        load_tables(con, write(tmp_path, frames))


def test_a_missing_column_is_named(con: Any, tmp_path: Path) -> None:
    frames = small_shop(1)
    frames["orders"] = frames["orders"].drop(columns="placed_at")
    with pytest.raises(InputError, match=r"orders\.placed_at"):
        load_tables(con, write(tmp_path, frames))


def test_absent_optional_columns_are_nulls(con: Any, tmp_path: Path) -> None:
    tables = load_tables(con, write(tmp_path, small_shop(1)))
    assert tables["order_lines"].brand.notnull().any().execute() in (False, None)
    assert tables["users"].birthday.type().is_timestamp()


def test_a_table_may_be_a_folder_of_parts(con: Any, tmp_path: Path) -> None:
    frames = small_shop(1)
    users = frames.pop("users")
    (tmp_path / "users.parquet").mkdir()
    users.iloc[:3].to_parquet(tmp_path / "users.parquet" / "a.parquet")
    users.iloc[3:].to_parquet(tmp_path / "users.parquet" / "b.parquet")
    assert load_tables(con, write(tmp_path, frames))["users"].count().execute() == len(users)


def test_an_earlier_vocabulary_keeps_its_codes_and_grows_at_the_end(con: Any, tmp_path: Path) -> None:
    tables = load_tables(con, write(tmp_path, small_shop(1)))
    words = learn_vocabulary(tables, {"category": ("toys", "gone")})
    assert words["category"][:2] == ("toys", "gone")
    assert sorted(words["category"][2:]) == ["beauty", "books", "fruit"]
    assert vocabulary_of(prepare(con, tables, words)) == words


def test_prepared_tables_are_prepared_once(con: Any, tmp_path: Path) -> None:
    tables = prepare(con, load_tables(con, write(tmp_path, small_shop(1))))
    assert prepare(con, tables) is tables


def test_a_kept_table_holds_its_rows(con: Any) -> None:
    assert keep(con, "kept", pd.DataFrame({"x": [1, 2]})).x.sum().execute() == 3
