"""How state grows anew out of events: rows by table and key, the event that is read, and who understands it.

A rebuilder is made with the shop's time zone, says which tables it answers for and which kinds of events it reads (a
name that ends in a dot stands for all kinds that begin so), and writes the rows that must be there. Several may read
the same event; they are asked in the order of ``REBUILDERS`` in ``verify``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Table

Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class EventRow:
    """Event number ``n`` of a stream, with its data read."""

    stream: str
    n: int
    kind: str
    at: datetime
    actor: str
    data: Mapping[str, Any]


class Rebuilder(Protocol):
    """``take`` writes into ``rows`` (by table name) what an event of one of ``kinds`` means for its tables."""

    @property
    def tables(self) -> tuple[Table, ...]: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...

    def take(self, rows: dict[str, Rows], row: EventRow) -> None: ...


def reads(rebuilder: Rebuilder, kind: str) -> bool:
    """Whether events of ``kind`` concern it."""
    return any(kind == name or (name.endswith(".") and kind.startswith(name)) for name in rebuilder.kinds)
