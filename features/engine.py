"""Where the features are computed: DuckDB in the process by default, Spark when configured.

Everything else in ``features`` is Ibis and never asks which engine it runs on. DuckDB spills to a temporary folder
above its memory limit, so a shop larger than memory is slow rather than dead.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from features.errors import InputError
from features.tables import TABLES

TABLE_NAMES = ("users", "events", "orders", "order_lines", "coupons", "templates", "decisions")
TYPES = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "strings": "array<string>",
}
BACKENDS = ("duckdb", "pyspark")


def connect(backend: str = "duckdb", *, threads: int | None = None, memory: str = "4GB") -> Any:
    """Return an Ibis connection: ``duckdb`` (``threads`` and ``memory`` bound it) or ``pyspark`` (a local session)."""
    if backend == "duckdb":
        con = ibis.duckdb.connect()
        con.raw_sql(f"SET memory_limit = '{memory}'")
        con.raw_sql("SET TimeZone = 'UTC'")
        if "ipykernel" not in sys.modules:  # a notebook without ipywidgets has no bar and refuses the setting
            con.raw_sql("SET enable_progress_bar = false")
        con.raw_sql(f"SET temp_directory = '{Path(tempfile.gettempdir()) / 'fairdeal-duckdb'}'")
        if threads is not None:
            con.raw_sql(f"SET threads = {int(threads)}")
        return con
    if backend == "pyspark":
        return _spark(threads or 2)
    raise InputError("backend", backend, "one of: " + ", ".join(BACKENDS))


def _spark(threads: int) -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers otherwise start the first python on the PATH
    session = (
        SparkSession.builder.master(f"local[{threads}]")
        .appName("fairdeal")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")  # our times are UTC and naive
        .config("spark.sql.shuffle.partitions", str(threads))
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    return ibis.pyspark.connect(session)


def load_tables(con: Any, folder: Path, names: Iterable[str] = TABLE_NAMES) -> dict[str, Any]:
    """Open the tables of a folder (``NAME.parquet``, a file or a folder of parts) without reading their rows.

    Optional columns that a table lacks are added as nulls; a missing table or required column is an ``InputError``.
    """
    folder = Path(folder)
    return {
        name: conform(con.read_parquet(str(_parts(folder, name)), table_name=f"shop_{name}"), name) for name in names
    }


def conform(table: Any, name: str) -> Any:
    """Give a table the columns and types of its contract, in the contract's order."""
    columns = {}
    for column in TABLES[name].columns:
        kind = TYPES[column.kind]
        if column.name in table.columns:
            columns[column.name] = table[column.name].cast(kind)
        elif column.optional:
            columns[column.name] = ibis.null(kind)
        else:
            raise InputError(f"{name}.{column.name}", None, "a column of this name")
    return table.select(**columns)


def _parts(folder: Path, name: str) -> Path:
    path = folder / f"{name}.parquet"
    if path.is_dir():
        return path / "*.parquet"
    if not path.is_file():
        raise InputError("table", str(path), f"a Parquet file or folder of the table {name}")
    return path


def keep(con: Any, name: str, rows: Any) -> Any:
    """Compute ``rows`` (an Ibis expression or a data frame) once and return it as a temporary table.

    A name may be kept again: expressions built on the earlier table read the new one.
    """
    if isinstance(rows, pd.DataFrame):
        rows = ibis.memtable(rows)
    if con.name == "pyspark":
        # Spark has temporary views only: cache the rows behind one, so that they are computed once.
        con.create_view(name, rows, overwrite=True)
        con.raw_sql(f"CACHE TABLE {name}")
        return con.table(name)
    return con.create_table(name, rows, temp=True, overwrite=True)


def tables_in(con: Any, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return data frames that hold the columns of the contract as tables of the engine."""
    tables = {}
    for name, frame in frames.items():
        schema = ibis.schema({c.name: TYPES[c.kind] for c in TABLES[name].columns if c.name in frame.columns})
        rows = ibis.memtable(frame[list(schema.names)], schema=schema)
        tables[name] = conform(keep(con, f"shop_{name}", rows), name)
    return tables
