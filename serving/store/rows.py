"""Statements that are built and compiled once; alike on SQLite and PostgreSQL.

To build a statement and to find it among the compiled ones takes SQLAlchemy up to forty times as long as SQLite needs
to run it. ``Prepared`` keeps the text that the database gets. Inserts that ask whether they were first are counted by
the rows they wrote.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Float, Integer, Table, bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Prepared:
    """A statement with named parameters (``bindparam``) whose text is made once for each kind of database.

    Columns get no defaults: every parameter is given with each execution. Lists (``IN``) are for ``Listed``. Rows come
    back as named tuples.
    """

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._texts: dict[str, _Text] = {}

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute and say how many rows were written."""
        prepared = self._text(connection.dialect)
        return int(run(connection, prepared.sql, prepared.bind(values)).rowcount)

    def one(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The only row, or None."""
        found = self.all(connection, values)
        if len(found) > 1:
            raise ValueError(f"{len(found)} rows where one was expected")
        return found[0] if found else None

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        prepared = self._text(connection.dialect)
        return prepared.rows(run(connection, prepared.sql, prepared.bind(values)).fetchall())

    def many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each of at least one row."""
        prepared = self._text(connection.dialect)
        run(connection, prepared.sql, [prepared.bind(row) for row in rows], many=True)

    def _text(self, dialect: Dialect) -> _Text:
        prepared = self._texts.get(dialect.name)
        if prepared is None:
            prepared = self._texts[dialect.name] = _compiled(self.statement, dialect)
        return prepared


class Listed:
    """A statement over lists (``IN``), prepared for lists of 1, 2, 4 … values; shorter ones repeat their last value.

    ``lists`` are their names with the type of their values; ``build`` makes the statement from their parameters.
    """

    def __init__(
        self, lists: Mapping[str, TypeEngine[Any]], build: Callable[[Mapping[str, list[Any]]], Executable]
    ) -> None:
        self._lists = lists
        self._build = build
        self._made: dict[tuple[int, ...], Prepared] = {}

    def all(
        self, connection: Connection, lists: Mapping[str, Sequence[Any]], values: Mapping[str, Any] = NOTHING
    ) -> list[Any]:
        """All rows; no list may be empty."""
        sizes = tuple(1 << (len(lists[name]) - 1).bit_length() for name in self._lists)
        prepared = self._made.get(sizes)
        if prepared is None:
            prepared = self._made[sizes] = Prepared(self._build(self._parameters(sizes)))
        given = dict(values)
        for name, size in zip(self._lists, sizes, strict=True):
            found = lists[name]
            last = len(found) - 1
            given |= {f"{name}_{n}": found[min(n, last)] for n in range(size)}
        return prepared.all(connection, given)

    def _parameters(self, sizes: tuple[int, ...]) -> dict[str, list[Any]]:
        return {
            name: [bindparam(f"{name}_{n}", type_=of) for n in range(size)]
            for (name, of), size in zip(self._lists.items(), sizes, strict=True)
        }


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert at least one row; all of them name the same columns."""
    statement = _insertion(table, tuple(rows[0]), "")
    if len(rows) == 1:
        statement.count(connection, rows[0])
    else:
        statement.many(connection, rows)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert unless a row of the same key exists; True when this call wrote it."""
    return _insertion(table, tuple(values), "ON CONFLICT DO NOTHING").count(connection, values) == 1


def count_up(connection: Connection, table: Table, key: Mapping[str, Any], column: str, limit: int) -> bool:
    """Insert a counter at 1, or add 1 while the stored one is below ``limit`` (at least 1); True when it counted."""
    return _counting(table, tuple(key), column).count(connection, {**key, "limit": limit}) == 1


@cache
def _insertion(table: Table, names: tuple[str, ...], ending: str) -> Prepared:
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    statement = text(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values}) {ending}')  # noqa: S608 - the schema's names
    return Prepared(statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names)))


@cache
def _counting(table: Table, key: tuple[str, ...], column: str) -> Prepared:
    columns, values = ", ".join(f'"{name}"' for name in key), ", ".join(f":{name}" for name in key)
    counter = f'"{table.name}"."{column}"'
    statement = text(
        f'INSERT INTO "{table.name}" ({columns}, "{column}") VALUES ({values}, 1) '  # noqa: S608 - the schema's names
        f'ON CONFLICT ({columns}) DO UPDATE SET "{column}" = {counter} + 1 WHERE {counter} < :limit'
    )
    types = [bindparam(name, type_=table.c[name].type) for name in key]
    return Prepared(statement.bindparams(*types, bindparam("limit", type_=Integer())))


def run(connection: Connection, sql: str, parameters: Any, *, many: bool = False) -> Any:
    """Execute with the driver's own cursor, in the connection's transaction; a failure is raised as SQLAlchemy's."""
    if not connection.in_transaction():
        connection.begin()
    cursor = connection.connection.cursor()
    driver: Any = connection.dialect.loaded_dbapi
    try:
        (cursor.executemany if many else cursor.execute)(sql, parameters)
    except driver.Error as error:
        raise DBAPIError.instance(sql, None, error, driver.Error, dialect=connection.dialect) from error
    return cursor


@dataclass(frozen=True, slots=True)
class _Text:
    """What a driver gets: the SQL and, by name, how values become parameters and columns become values."""

    sql: str
    positions: tuple[str, ...] | None
    constants: Mapping[str, Any]
    before: Mapping[str, Processor]
    row: Callable[..., Any]
    after: tuple[tuple[int, Processor], ...]

    def bind(self, values: Mapping[str, Any]) -> Any:
        if self.constants or self.before:
            values = {**self.constants, **values}
            for name, process in self.before.items():
                values[name] = process(values[name])
        return values if self.positions is None else tuple([values[name] for name in self.positions])

    def rows(self, found: Sequence[Any]) -> list[Any]:
        if not self.after:
            return [self.row(*values) for values in found]
        made = []
        for values in found:
            cells = list(values)
            for place, process in self.after:
                cells[place] = process(cells[place])
            made.append(self.row(*cells))
        return made


def _compiled(statement: Executable, dialect: Dialect) -> _Text:
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    before = {}
    for name, bind in compiled.binds.items():
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:
            before[name] = process
    columns = compiled._result_columns  # of SELECT and RETURNING alike
    after = []
    for place, column in enumerate(columns):
        if isinstance(column.type, Float):  # SQLAlchemy asks for the driver's type of it; both drivers give floats
            continue
        process = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            after.append((place, process))
    constants = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
    row = namedtuple("row", [column.keyname for column in columns])  # type: ignore[misc]
    positions = tuple(compiled.positiontup) if compiled.positional else None
    return _Text(str(compiled), positions, constants, before, row, tuple(after))
