"""A ledger whose rows are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from fakes.ring_rows import NOW, Rows
from sqlalchemy import Engine, event, text

from serving.review.case import Case
from serving.review.evidence import Evidence, evidence_of
from serving.store.engine import writer_engine
from serving.store.migrate import migrate

Ask = Callable[..., Evidence]


class Ledger:
    """A migrated ledger; ``ask`` writes rows over what was there and gives the evidence of a case."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = writer_engine(url)
        migrate(self.engine)
        self.statements: list[str] = []
        event.listen(self.engine, "before_cursor_execute", self._note)

    def settle(self) -> None:
        """As a database is some minutes after a large import: its planner knows how many rows there are."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))

    def ask(self, rows: Rows | None, case: Case, now: datetime = NOW, limit: int = 200) -> Evidence:
        with self.engine.begin() as connection:
            if rows is not None:
                rows.write(connection)
            self.statements.clear()
            return evidence_of(connection, case, now, limit)

    def _note(self, _: object, __: object, statement: str, *___: object) -> None:
        self.statements.append(statement)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """On each database in turn."""
    made = Ledger(ledger_url)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def small_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """On SQLite, one for many examples."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    made = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    yield made
    made.engine.dispose()
