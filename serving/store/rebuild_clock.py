"""The test clock of a sandbox: its latest event is its state, and explains no table."""

from __future__ import annotations

from datetime import tzinfo

from sqlalchemy import Table

from serving.store.rebuild import EventRow, Rows

ADVANCED = "clock.advanced"


class ClockEvents:
    """Reads the events of the clock, so that none of them is of an unknown kind."""

    tables: tuple[Table, ...] = ()
    kinds = (ADVANCED,)

    def __init__(self, zone: tzinfo) -> None:
        """Every rebuilder is made with the shop's zone."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        """Nothing is kept but the event."""
