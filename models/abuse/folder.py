"""Open a folder of tables for the detector: Parquet (a file or a folder of parts) or CSV, whichever of them are there.

Times are made naive UTC timestamps here, once: Parquet writers use every unit and zone (pandas writes nanoseconds with
a zone), and what the engine does not recognise as a time would otherwise be silently no time at all.
"""

# ruff: noqa: S608 - names in the queries are the contract's own, paths are quoted by the reader

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from features.errors import InputError
from features.ingest import reader_sql
from features.tables import find_table, table_named

TABLES = ("users", "events", "orders", "order_lines", "coupons", "verdicts")
SUFFIXES = (".parquet", ".csv")


def open_folder(con: Any, folder: Path) -> dict[str, Any]:
    """Ibis tables by name, read when they are used.

    Raises InputError for a folder that is none, a file that cannot be read, or a table without any readable time.
    """
    if not folder.is_dir():
        raise InputError("tables", str(folder), "a folder with users.parquet and coupons, orders or events")
    tables = {}
    for name in TABLES:
        path = _path(folder, name)
        if path is None:
            continue
        try:
            _open(con, name, path)
        except duckdb.Error as error:
            raise InputError(path.name, str(path), f"a readable table ({str(error).splitlines()[0]})") from error
        tables[name] = con.table(f"folder_{name}")
    return tables


def _path(folder: Path, name: str) -> Path | None:
    """Where a table lies; a folder of parts may also do without the suffix."""
    bare = folder / name
    return find_table(folder, name, SUFFIXES) or (find_table(folder, name, ("",)) if bare.is_dir() else None)


def _open(con: Any, name: str, path: Path) -> None:
    reader = reader_sql(path)
    kinds = {row[0]: str(row[1]) for row in con.raw_sql(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
    times = [c.name for c in table_named(name).columns if c.kind == "timestamp" and c.name in kinds]
    casts = ", ".join(f"{time_sql(column, kinds[column])} AS {column}" for column in times)
    needed = table_named(name).time
    if needed in times and name != "verdicts":
        _need_times(con, f"{name}.{needed}", needed, time_sql(needed, kinds[needed]), reader)
    columns = f"* REPLACE ({casts})" if casts else "*"
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW folder_{name} AS SELECT {columns} FROM {reader}")


def _need_times(con: Any, what: str, column: str, sql: str, reader: str) -> None:
    """Raise InputError for a table that has rows, none of which has a time that can be read."""
    if con.raw_sql(f"SELECT 1 FROM {reader} WHERE {sql} IS NOT NULL LIMIT 1").fetchall():
        return
    rows, example = con.raw_sql(f"SELECT count(*), min(CAST({column} AS VARCHAR)) FROM {reader}").fetchall()[0]
    if rows:
        raise InputError(what, example, "times, as timestamps or ISO 8601")


def time_sql(column: str, kind: str) -> str:
    """SQL that reads a column of the engine's type ``kind`` as naive UTC microseconds; null where it is no time.

    >>> time_sql("claimed_at", "TIMESTAMP_NS")
    'CAST(claimed_at AS TIMESTAMP)'
    >>> time_sql("claimed_at", "TIMESTAMPTZ_NS")
    "CAST(claimed_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    """
    if kind.startswith("TIMESTAMPTZ") or "TIME ZONE" in kind:
        return f"CAST({column} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"CAST({column} AS TIMESTAMP)"
    return f"TRY_CAST(CAST({column} AS VARCHAR) AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
