"""The words that a table contract is written in: columns, checks, row rules, references.

Plain data: :mod:`features.tables` states the contracts, :mod:`features.validation` turns them into queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from features.errors import InputError

Kind = Literal["string", "integer", "number", "boolean", "timestamp", "strings"]


@dataclass(frozen=True)
class OneOf:
    """The value is one of a closed list."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Between:
    """low <= value <= high (or low < value with ``above``); a missing bound is open."""

    low: float | None = None
    high: float | None = None
    above: bool = False


@dataclass(frozen=True)
class NotEmpty:
    """A text with at least one character, or a list with at least one element."""


Check = OneOf | Between | NotEmpty


@dataclass(frozen=True)
class Column:
    """One column; an ``optional`` one may be null in a row and may be absent from the input altogether."""

    name: str
    kind: Kind
    optional: bool = False
    check: Check | None = None


@dataclass(frozen=True)
class NotBefore:
    """A row rule: ``later`` >= ``earlier`` wherever both are known."""

    later: str
    earlier: str


@dataclass(frozen=True)
class Member:
    """A row rule: the value of ``item`` is one of the list in ``items``."""

    item: str
    items: str


Rule = NotBefore | Member


@dataclass(frozen=True)
class Reference:
    """A non-null ``column`` must be a key of another table; a row without its owner is an orphan."""

    column: str
    table: str


@dataclass(frozen=True)
class Table:
    """A table's contract.

    ``key`` is unique (a later row with the same key is rejected), ``time`` is the moment that orders its rows.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time: str | None = None
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()

    def __getitem__(self, column: str) -> Column:
        """The column of that name."""
        for candidate in self.columns:
            if candidate.name == column:
                return candidate
        raise InputError(f"{self.name}.{column}", column, f"one of: {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if not column.optional)

    @property
    def arrow_schema(self) -> Any:
        """The ``pyarrow.Schema`` of the table as we write it."""
        import pyarrow as pa

        kinds = {
            "string": pa.string(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp("us"),
            "strings": pa.list_(pa.string()),
        }
        return pa.schema([pa.field(column.name, kinds[column.kind]) for column in self.columns])
