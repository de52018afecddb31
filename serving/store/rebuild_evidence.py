"""Evidence that came with flags, derived anew from the events."""

from __future__ import annotations

from datetime import tzinfo

from serving.review.evidence.brought import brought_from_data
from serving.review.evidence.keeping import BROUGHT, evidence_row
from serving.store.rebuild import EventRow, Rows
from serving.store.schema_evidence import case_evidence


class CaseEvidence:
    """Rebuilds ``case_evidence``: what was brought last."""

    tables = (case_evidence,)
    kinds = (BROUGHT,)

    def __init__(self, zone: tzinfo) -> None:
        """Evidence knows no time zone; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        brought = brought_from_data(row.data)
        rows["case_evidence"][brought.subject,] = evidence_row(brought, row.at, row.n)
