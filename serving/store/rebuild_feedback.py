"""Rounds of the blind audit, derived anew from the events."""

from __future__ import annotations

from datetime import datetime, tzinfo

from serving.store.rebuild import EventRow, Rows
from serving.store.schema_feedback import audit_rounds

DRAWN = "audit_slice.drawn"


class AuditRounds:
    """Rebuilds ``audit_rounds``."""

    tables = (audit_rounds,)
    kinds = (DRAWN,)

    def __init__(self, zone: tzinfo) -> None:
        """Rounds know no time zone; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        made = {name: value for name, value in row.data.items() if name != "redemptions"}
        made |= {"since": datetime.fromisoformat(made["since"]), "until": datetime.fromisoformat(made["until"])}
        rows["audit_rounds"][made["since"],] = {**made, "drawn": len(row.data["redemptions"]), "n": row.n}
