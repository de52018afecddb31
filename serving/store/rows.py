"""Inserts that ask whether they were first; alike on SQLite and PostgreSQL, and counted by the rows they wrote.

They are written as text, because SQLAlchemy compiles its own ``ON CONFLICT`` anew every time: a third of a claim.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Integer, Table, TextClause, bindparam, text
from sqlalchemy.sql.compiler import IdentifierPreparer

_COUNTED = {"preserve_rowcount": True}


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert unless a row of the same key exists; True when this call wrote it."""
    statement = _insert(connection.dialect.identifier_preparer, table, tuple(values))
    return bool(connection.execute(statement, values, execution_options=_COUNTED).rowcount == 1)


def count_up(connection: Connection, table: Table, key: dict[str, Any], column: str, limit: int) -> bool:
    """Insert a counter at 1, or add 1 while the stored one is below ``limit`` (at least 1); True when it counted."""
    statement = _count(connection.dialect.identifier_preparer, table, tuple(key), column)
    return bool(connection.execute(statement, {**key, "limit": limit}, execution_options=_COUNTED).rowcount == 1)


@cache
def _insert(quoting: IdentifierPreparer, table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(quoting.format_column(table.c[name]) for name in names)
    values = ", ".join(f":{name}" for name in names)
    into = quoting.format_table(table)
    statement = text(f"INSERT INTO {into} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING")  # noqa: S608 - names are the schema's
    return statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


@cache
def _count(quoting: IdentifierPreparer, table: Table, key: tuple[str, ...], column: str) -> TextClause:
    into, counter = quoting.format_table(table), quoting.format_column(table.c[column])
    columns = ", ".join(quoting.format_column(table.c[name]) for name in key)
    values = ", ".join(f":{name}" for name in key)
    statement = text(
        f"INSERT INTO {into} ({columns}, {counter}) VALUES ({values}, 1) ON CONFLICT ({columns}) "  # noqa: S608
        f"DO UPDATE SET {counter} = {into}.{counter} + 1 WHERE {into}.{counter} < :limit"
    )
    types = [bindparam(name, type_=table.c[name].type) for name in key]
    return statement.bindparams(*types, bindparam("limit", type_=Integer()))
