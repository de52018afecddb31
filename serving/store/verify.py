"""Rebuild the ledger's state from its events and compare: the proof that nothing was changed, lost or invented.

Every state table is derived anew from ``events`` with the same pure functions that wrote it, then compared row by row
and field by field. Beside that, the laws of the ledger are asked of the stored rows themselves (``verify_laws``), so
that a fault of those functions cannot hide behind itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from serving.coupons.coupon import ImpossibleError
from serving.coupons.money import InvalidError
from serving.staff.rebuild import Notes, Staff
from serving.store import schema
from serving.store.engine import reader_engine, require_ledger
from serving.store.legacy import UPGRADED, Legacy, old_until
from serving.store.rebuild import EventRow, Rebuilder, Rows, reads
from serving.store.rebuild_claims import ClaimCounters
from serving.store.rebuild_clock import ClockEvents
from serving.store.rebuild_coupons import Coupons, Orders
from serving.store.rebuild_evidence import CaseEvidence
from serving.store.rebuild_feedback import AuditRounds
from serving.store.rebuild_lists import ListsAndAppeals
from serving.store.rebuild_people import People
from serving.store.rebuild_review import Cases, Decisions, QueueViews
from serving.store.rebuild_rules import Rules
from serving.store.rebuild_shelf import Shelf
from serving.store.verify_draws import broken_draws
from serving.store.verify_laws import broken_laws
from serving.webhooks.rebuild import Webhooks

MOST_SHOWN = 100

# Asked in this order: a claim counts on the row of its template, a coupon moves the money of its campaign.
REBUILDERS: tuple[Callable[[tzinfo], Rebuilder], ...] = (
    Shelf,
    Decisions,
    ClaimCounters,
    Coupons,
    Orders,
    People,
    Cases,
    AuditRounds,
    QueueViews,
    ListsAndAppeals,
    Rules,
    Webhooks,
    ClockEvents,
    CaseEvidence,
    Staff,
    Notes,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that the events do not explain, or a law that does not hold."""

    table: str
    key: str
    field: str
    stored: str
    rebuilt: str

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.field}: stored {self.stored}, rebuilt {self.rebuilt}"


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """How much was compared and what differs (at most the first hundred differences are kept)."""

    events: int
    rows: Mapping[str, int]
    differences: tuple[Difference, ...]
    difference_count: int

    @property
    def exact(self) -> bool:
        return self.difference_count == 0


def verify_ledger(url: str, timezone: str = "Asia/Shanghai", secret: bytes | None = None) -> LedgerReport:
    """Compare the state of the ledger at ``url`` with what its events say; reads only, while others may write.

    With the installation's ``secret``, every random amount and every prize is drawn again too.
    """
    require_ledger(url)
    engine = reader_engine(url)
    try:
        with engine.connect().execution_options(isolation_level=_snapshot(engine.dialect.name)) as connection:
            return compare(connection, ZoneInfo(timezone), secret)
    finally:
        engine.dispose()


def _snapshot(dialect: str) -> Any:
    """SQLite readers see one moment anyway; PostgreSQL has to be asked."""
    return "REPEATABLE READ" if dialect == "postgresql" else "SERIALIZABLE"


class Rebuilt:
    """State as it grows out of the events; ``broken`` are events that do not fit into it."""

    def __init__(self, zone: tzinfo) -> None:
        self.rebuilders = [make(zone) for make in REBUILDERS]
        self.tables = [table for rebuilder in self.rebuilders for table in rebuilder.tables]
        self.rows: dict[str, Rows] = {table.name: {} for table in self.tables}
        self.broken: list[Difference] = []
        self._last: Counter[str] = Counter()

    def take(self, row: EventRow) -> None:
        self._last[row.stream] += 1
        if row.n != self._last[row.stream]:
            self.broken.append(Difference("events", row.stream, "n", str(row.n), str(self._last[row.stream])))
        if row.kind == UPGRADED:
            return  # says only how to read the events before it
        asked = [rebuilder for rebuilder in self.rebuilders if reads(rebuilder, row.kind)]
        try:
            for rebuilder in asked:
                rebuilder.take(self.rows, row)
            if not asked:
                raise ValueError(f"no such kind of event: {row.kind}")
        except (ImpossibleError, InvalidError, KeyError, IndexError, TypeError, ValueError) as error:
            found = f"{type(error).__name__}: {error}"
            self.broken.append(Difference("events", f"{row.stream}#{row.n}", row.kind, "an event", found))


def compare(connection: Connection, zone: tzinfo, secret: bytes | None = None) -> LedgerReport:
    """``verify_ledger`` on an open connection."""
    rebuilt, legacy, old = Rebuilt(zone), Legacy(), old_until(connection)
    events = 0
    query = select(schema.events, schema.outbox.c.kind.label("sent")).outerjoin(
        schema.outbox, schema.outbox.c.event_id == schema.events.c.event_id
    )
    # Events of one stream are ordered by n; streams that build on others (a coupon on its template) were written later.
    for row in connection.execute(query.order_by(schema.events.c.seq)):
        events += 1
        if row.sent is None:
            rebuilt.broken.append(Difference("outbox", row.event_id, "row", "missing", "present"))
        elif row.sent != row.kind:
            rebuilt.broken.append(Difference("outbox", row.event_id, "kind", row.sent, row.kind))
        try:
            data = json.loads(row.data)
        except ValueError as error:
            rebuilt.broken.append(Difference("events", f"{row.stream}#{row.n}", "data", "unreadable", str(error)))
            continue
        read = EventRow(row.stream, row.n, row.kind, row.at, row.actor, data)
        for meant in legacy.read(read) if row.seq < old else (read,):
            rebuilt.take(meant)
    differences = list(rebuilt.broken)
    stored = {table.name: _stored(connection, table) for table in rebuilt.tables}
    for table in rebuilt.tables:
        differences.extend(_differences(table, stored[table.name], rebuilt.rows[table.name]))
    for table_name, key, law, found in broken_laws(connection, stored):
        differences.append(Difference(table_name, key, law, found, "the law"))
    for stream, drawn, said, again in broken_draws(connection, secret) if secret is not None else ():
        differences.append(Difference("events", stream, drawn, said, again))
    counts = {name: len(rows) for name, rows in stored.items()}
    return LedgerReport(events, counts, tuple(differences[:MOST_SHOWN]), len(differences))


def _stored(connection: Connection, table: Table) -> Rows:
    keys = [column.name for column in table.primary_key.columns]
    return {tuple(row[key] for key in keys): dict(row) for row in connection.execute(select(table)).mappings()}


def _differences(table: Table, stored: Rows, rebuilt: Rows) -> Iterator[Difference]:
    for key in sorted(stored.keys() | rebuilt.keys(), key=str):
        name = "/".join(str(part) for part in key)
        if key not in stored or key not in rebuilt:
            there = "present" if key in stored else "missing"
            yield Difference(table.name, name, "row", there, "present" if key in rebuilt else "missing")
            continue
        for column, value in stored[key].items():
            expected = rebuilt[key].get(column)
            if value != expected:
                yield Difference(table.name, name, column, str(value)[:200], str(expected)[:200])
