"""Inserts that ask whether they were first; alike on SQLite and PostgreSQL, and counted by the rows they wrote."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def _insert(connection: Connection, table: Table) -> Any:
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert unless a row of the same key exists; True when this call wrote it."""
    statement = _insert_new(connection.dialect.name, table)
    return bool(connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount == 1)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table).on_conflict_do_nothing()


def count_up(
    connection: Connection, table: Table, key: dict[str, Any], column: str, allowed: ColumnElement[bool]
) -> bool:
    """Insert a counter at 1, or add 1 while ``allowed`` holds for the stored row; True when it counted."""
    statement = _insert(connection, table).values(**key, **{column: 1})
    statement = statement.on_conflict_do_update(
        index_elements=list(key), set_={column: table.c[column] + 1}, where=allowed
    )
    return bool(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1)
