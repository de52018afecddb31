"""Take a folder of tables in: rows that keep the contract go to ``target``, the others to ``rejected`` with reasons.

In: ``<table>.parquet`` (a file or a folder of parts) or ``<table>.csv`` (UTF-8, a header line, lists joined by ``|``).
Out: ``target/<table>.parquet`` sorted by time, ``rejected/<table>.parquet`` with table, row, column, reason and value,
and the counts. The target is replaced as a whole once every table has been read; an error leaves it as it was.
"""

# ruff: noqa: S608 - names in the queries are the contract's own, paths are quoted

from __future__ import annotations

import codecs
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.contract import Table
from features.errors import InputError
from features.tables import TABLES, find_table, table_named
from features.validation import RowCheck, connection

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Counts:
    """Rows of one table: read = accepted + rejected."""

    read: int
    accepted: int
    rejected: int


@dataclass(frozen=True)
class IngestReport:
    """What became of every table."""

    counts: dict[str, Counts]

    @property
    def rejected(self) -> int:
        """Rejected rows of all tables."""
        return sum(count.rejected for count in self.counts.values())

    def lines(self) -> list[str]:
        """One line per table, for people."""
        return [
            f"{name:<12} {count.read:>12,} read  {count.accepted:>12,} accepted  {count.rejected:>9,} rejected"
            for name, count in self.counts.items()
        ]


def ingest_folder(
    source: Path,
    target: Path,
    rejected: Path,
    required: Iterable[str] | None = None,
    progress: Progress | None = None,
    memory: str = "2GB",
) -> IngestReport:
    """Validate every table of a folder; see the module for what goes where.

    ``required`` tables must be there with at least one row (default: all eight); others are taken when present.
    ``memory`` bounds what the engine holds; the rest spills to disk beside the target. Raises :class:`InputError` for
    a missing folder, table or column, an empty table, or a file that cannot be read.
    """
    if not source.is_dir():
        raise InputError("source", str(source), "a folder of tables")
    must = [table_named(name).name for name in (TABLES if required is None else required)]
    paths = {name: find_table(source, name, (".parquet", ".csv")) for name in TABLES}
    missing = [name for name in must if paths[name] is None]
    if missing:
        raise InputError("tables", sorted(path.name for path in source.iterdir()), f"also: {', '.join(missing)}")
    found = {name: path for name, path in paths.items() if path is not None}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ingest-") as scratch:
        staged, refused = Path(scratch, "tables"), Path(scratch, "rejected")
        staged.mkdir()
        refused.mkdir()
        counts: dict[str, Counts] = {}
        for done, (name, path) in enumerate(found.items()):
            if progress:
                progress(name, done / len(found))
            with connection(Path(scratch, "spill"), memory) as con:
                counts[name] = _ingest_table(con, path, TABLES[name], staged, refused)
            if name in must and counts[name].read == 0:
                raise InputError(name, "an empty table", "at least one row")
        _replace(staged, target)
        _replace(refused, rejected)
    if progress:
        progress("done", 1.0)
    return IngestReport(counts)


def _ingest_table(con: duckdb.DuckDBPyConnection, path: Path, table: Table, staged: Path, refused: Path) -> Counts:
    try:
        con.execute(f"CREATE TEMP VIEW given AS FROM {reader_sql(path)}")
        check = RowCheck(con, table, "given")
        check.run(_owners(table, staged))
        read = con.sql("SELECT count(*) FROM given").fetchall()[0][0]
        bad = con.sql("SELECT count(DISTINCT row) FROM failures").fetchall()[0][0]
        _copy(con, check.accepted_sql(), staged / f"{table.name}.parquet")
        _copy(con, "FROM failures ORDER BY row", refused / f"{table.name}.parquet")
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(table.name, path.name, f"a file that can be read ({reason})") from error
    return Counts(read, read - bad, bad)


def reader_sql(path: Path) -> str:
    """The DuckDB relation that reads a table's file or folder; a CSV file must be UTF-8."""
    if path.suffix == ".csv":
        _require_utf8(path)
        return f"read_csv({_text(path)}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"
    return f"read_parquet({_text(path / '*.parquet' if path.is_dir() else path)}, union_by_name = true)"


def _require_utf8(path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(1 << 20)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                wrong = error.object[error.start : error.end]
                raise InputError(path.name, wrong, f"UTF-8 text (line {line})") from error
            if not block:
                break
            line += block.count(b"\n")
    if line == 1 and path.stat().st_size == 0:
        raise InputError(path.name, "an empty file", "a header line and at least one row")


def _owners(table: Table, staged: Path) -> dict[str, str]:
    """The accepted keys of the tables this one refers to, as far as they were taken in."""
    owners = {}
    for reference in table.references:
        path = staged / f"{reference.table}.parquet"
        if path.is_file():
            owners[reference.table] = f"(SELECT {TABLES[reference.table].key[0]} FROM read_parquet({_text(path)}))"
    return owners


def _copy(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    con.execute(f"COPY ({query}) TO {_text(path)} (FORMAT parquet)")


def _replace(staged: Path, target: Path) -> None:
    """Put the staged files in place of the table files that are there; other files stay."""
    target.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        old, new = target / f"{name}.parquet", staged / f"{name}.parquet"
        if old.is_dir():
            shutil.rmtree(old)
        if new.is_file():
            os.replace(new, old)
        else:
            old.unlink(missing_ok=True)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
