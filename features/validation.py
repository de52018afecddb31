"""Check rows against a table's contract, in DuckDB so that a table larger than memory streams through.

In: rows of any types (text from CSV, whatever a parquet file holds). Out: the rows that keep the contract, cast to its
types, and one line per failure with table, row, column, reason and the value as it was given. Row 1 is the first data
row. A missing value is null, NaN, or an empty CSV field. Times with a zone are converted to UTC, then lose it.
"""

# ruff: noqa: S608 - names in the queries are the contract's own, values are quoted

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from features.contract import Between, Check, Column, Member, NotBefore, OneOf, Rule, Table
from features.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

REJECTED_COLUMNS = ("table", "row", "column", "reason", "value")

_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "strings": "VARCHAR[]",
}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}
_A = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "timestamp": "a time",
    "strings": "a list of texts",
}


@dataclass(frozen=True)
class Validated:
    """``accepted``: rows in the contract's columns and types; ``rejected``: one row per failure."""

    accepted: pd.DataFrame
    rejected: pd.DataFrame


def validate(frame: pd.DataFrame, table: Table) -> Validated:
    """Split a frame into the rows that keep the contract and the reasons why others do not.

    >>> import pandas as pd
    >>> from features.tables import TABLES
    >>> lines = pd.DataFrame({"order_id": ["a", "a"], "line_no": [0, 1], "sku": ["s", "t"], "category": ["c", "c"],
    ...     "quantity": [1, 0], "unit_price_cents": [500, 500], "unit_cost_cents": [300, 300],
    ...     "discount_cents": [0, 0]})
    >>> split = validate(lines, TABLES["order_lines"])
    >>> len(split.accepted), split.rejected[["row", "column", "reason"]].values.tolist()
    (1, [[2, 'quantity', 'below 1']])
    """
    with connection() as con:
        con.register("given", frame)
        check = RowCheck(con, table, "given")
        check.run({})
        return Validated(con.sql(check.accepted_sql()).df(), con.sql("FROM failures ORDER BY row").df())


@contextmanager
def connection(scratch: Path | None = None, memory: str = "2GB") -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory DuckDB in UTC; what exceeds ``memory`` spills to ``scratch``."""
    config: dict[str, Any] = {"memory_limit": memory}
    if scratch is not None:
        config["temp_directory"] = str(scratch)
    con = duckdb.connect(":memory:", config=config)
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        yield con
    finally:
        con.close()


class RowCheck:
    """The queries that split one relation; ``run`` fills the temporary table ``failures``."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: Table, source: str) -> None:
        self.con = con
        self.table = table
        described = con.execute(f"DESCRIBE FROM {source}").fetchall()
        self.given = {str(name): str(kind) for name, kind, *_ in described}
        for name in table.required:
            if name not in self.given:
                raise InputError(f"{table.name}.{name}", "no such column", f"the columns {', '.join(table.required)}")
        self.numbered = f"(SELECT row_number() OVER () AS _row, * FROM {source})"
        self.casts = {column.name: cast_sql(column, self.given.get(column.name)) for column in table.columns}

    def run(self, owners: Mapping[str, str]) -> None:
        """Find every failure; ``owners`` maps a referenced table to the relation of its accepted keys."""
        self._values()
        for reference in self.table.references:
            if reference.table in owners and reference.column in self.given:
                self._orphans(reference.column, reference.table, owners[reference.table])
        self._duplicates()

    def accepted_sql(self) -> str:
        """The rows without a failure, in the contract's columns and order, sorted by the table's time."""
        columns = ", ".join(f"{sql} AS {_name(name)}" for name, sql in self.casts.items())
        order = f"{self.casts[self.table.time]}, _row" if self.table.time else "_row"
        some = self.con.sql("SELECT count(*) FROM failures").fetchall()[0][0] > 0
        where = "WHERE _row NOT IN (SELECT row FROM failures)" if some else ""
        return f"SELECT {columns} FROM {self.numbered} {where} ORDER BY {order}"

    def _values(self) -> None:
        reasons = [
            (column.name, reason)
            for column in self.table.columns
            if (reason := reason_sql(column, self.given.get(column.name))) is not None
        ]
        reasons += [parts for rule in self.table.rules if (parts := self._rule_sql(rule)) is not None]
        found = ", ".join(
            f"{{'col': '{column}', 'reason': {reason}, 'value': CAST({_name(column)} AS VARCHAR)}}"
            for column, reason in reasons
        )
        # Lists are built for the few rows with a failure only: for every row they would cost more than the checks.
        any_reason = f"coalesce({', '.join(reason for _, reason in reasons)}) IS NOT NULL"
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE failures AS
            SELECT '{self.table.name}' AS "table", row, f.col AS "column", f.reason, f.value FROM (
                SELECT _row AS row, unnest(list_filter([{found}], lambda x: x.reason IS NOT NULL)) AS f
                FROM {self.numbered} WHERE {any_reason})"""
        )

    def _rule_sql(self, rule: Rule) -> tuple[str, str] | None:
        if isinstance(rule, NotBefore):
            if rule.later not in self.given or rule.earlier not in self.given:
                return None
            broken = f"{self.casts[rule.later]} < {self.casts[rule.earlier]}"
            return rule.later, f"CASE WHEN {broken} THEN 'before {rule.earlier}' END"
        return rule.item, _member_sql(rule, self.casts)

    def _orphans(self, column: str, owner: str, keys: str) -> None:
        value = self.casts[column]
        self.con.execute(
            f"""INSERT INTO failures SELECT '{self.table.name}', _row, '{column}', 'not in {owner}', {value}
            FROM {self.numbered} WHERE {value} IS NOT NULL AND {value} NOT IN (FROM {keys})"""
        )

    def _duplicates(self) -> None:
        # Grouping 64-bit hashes keeps a long table's keys out of memory; the few rows that share a hash are compared
        # by their keys. Only rows that are otherwise good count: a broken first row does not reject a good second.
        keys = ", ".join(self.casts[name] for name in self.table.key)
        shown = " || ' ' || ".join(f"CAST({self.casts[name]} AS VARCHAR)" for name in self.table.key)
        good = "_row NOT IN (SELECT row FROM failures)"
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE shared AS SELECT h FROM (
            SELECT hash({keys}) AS h FROM {self.numbered} WHERE {good}) GROUP BY h HAVING count(*) > 1"""
        )
        if not self.con.sql("FROM shared LIMIT 1").fetchall():
            return
        self.con.execute(
            f"""INSERT INTO failures SELECT '{self.table.name}', _row, '{self.table.key[0]}', 'duplicate key', shown
            FROM (SELECT _row, {shown} AS shown, row_number() OVER (PARTITION BY {keys} ORDER BY _row) AS nth
                  FROM {self.numbered} WHERE {good} AND hash({keys}) IN (FROM shared)) WHERE nth > 1"""
        )


def cast_sql(column: Column, given: str | None) -> str:
    """The column in the contract's type, null where it cannot be; ``given`` is the type it has, None when absent."""
    name, wanted = _name(column.name), _SQL_TYPES[column.kind]
    if given is None:
        return f"NULL::{wanted}"
    if column.kind == "timestamp" and given in ("VARCHAR", "TIMESTAMPTZ_NS"):
        # A plain cast would drop "+08:00" without applying it, and DuckDB has none for zoned nanoseconds.
        return f"CAST(TRY_CAST({name} AS TIMESTAMPTZ) AS TIMESTAMP)"
    if column.kind == "integer" and given not in _INTEGERS:
        # A plain cast rounds "1.5" to 2.
        whole = f"regexp_full_match(CAST({name} AS VARCHAR), '\\s*[+-]?[0-9]+([.]0*)?\\s*')"
        return f"CASE WHEN {whole} THEN TRY_CAST({name} AS BIGINT) END"
    if column.kind == "number":
        number = f"TRY_CAST({name} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if column.kind == "strings" and given == "VARCHAR":
        return f"string_split({name}, '|')"  # how a list is written in CSV
    return f"TRY_CAST({name} AS {wanted})"


def reason_sql(column: Column, given: str | None) -> str | None:
    """An expression that is null for a good value, else says what is wrong; None when nothing can be."""
    if given is None:
        return None
    name, value = _name(column.name), cast_sql(column, given)
    missing = f"({name} IS NULL{f' OR isnan({name})' if given in ('DOUBLE', 'FLOAT') else ''})"
    cases = [f"WHEN {missing} THEN {'NULL' if column.optional else _quoted('missing')}"]
    if given != _SQL_TYPES[column.kind] or column.kind == "number":
        cases.append(f"WHEN {value} IS NULL THEN 'not {_A[column.kind]}'")
    cases += [f"WHEN {broken} THEN {_quoted(reason)}" for broken, reason in _check_sql(column.check, value)]
    return f"CASE {' '.join(cases)} END"


def _check_sql(check: Check | None, value: str) -> list[tuple[str, str]]:
    if check is None:
        return []
    if isinstance(check, OneOf):
        listed = ", ".join(_quoted(allowed) for allowed in check.values)
        return [(f"{value} NOT IN ({listed})", f"not one of: {', '.join(check.values)}")]
    if isinstance(check, Between):
        broken = []
        if check.low is not None and check.above:
            broken.append((f"{value} <= {check.low}", f"not above {check.low:g}"))
        elif check.low is not None:
            broken.append((f"{value} < {check.low}", f"below {check.low:g}"))
        if check.high is not None:
            broken.append((f"{value} > {check.high}", f"above {check.high:g}"))
        return broken
    return [(f"len({value}) = 0", "empty")]


def _member_sql(rule: Member, casts: Mapping[str, str]) -> str:
    return f"CASE WHEN NOT list_contains({casts[rule.items]}, {casts[rule.item]}) THEN 'not in {rule.items}' END"


def _name(column: str) -> str:
    return f'"{column}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
