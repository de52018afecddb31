"""A page of an ordered list: after or before the last id seen, never by number, so that inserts do not shift pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """Rows of one page in the order of the list; ``has_more`` says whether the same direction goes on."""

    rows: Sequence[T]
    has_more: bool

    def map(self, view: Callable[[T], U]) -> Slice[U]:
        return Slice([view(row) for row in self.rows], self.has_more)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to ``limit`` rows ``after`` or ``before`` a key; neither means from the start. Both are a misuse."""

    limit: int = 20
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.after is not None and self.before is not None:
            raise ValueError("either after or before")
        if self.limit < 1:
            raise ValueError("a limit of 1 or more")

    def fetch(self, connection: Connection, query: Select[Any], key: ColumnElement[str]) -> Slice[Row[Any]]:
        """The page of a query by a unique ``key``, whatever order the query had; one row more tells ``has_more``."""
        query = query.order_by(None).limit(self.limit + 1)
        if self.before is not None:
            found = connection.execute(query.where(key < self.before).order_by(key.desc())).all()
            # Nearest to the cursor first, as the page is cut; shown in the order of the list.
            return Slice(found[: self.limit][::-1], len(found) > self.limit)
        if self.after is not None:
            query = query.where(key > self.after)
        found = connection.execute(query.order_by(key)).all()
        return Slice(found[: self.limit], len(found) > self.limit)
