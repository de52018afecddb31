"""Cases as they are read for a page."""

from __future__ import annotations

from sqlalchemy import Connection, select

from serving.review.case import Case
from serving.review.case_rows import read_case
from serving.store.schema import cases


def find_case(connection: Connection, case_id: str) -> Case | None:
    """One case with all of its members; None when there is none."""
    row = connection.execute(select(cases).where(cases.c.case_id == case_id)).one_or_none()
    return None if row is None else read_case(row)


def proposed_cases(connection: Connection, limit: int = 200) -> list[Case]:
    """Cases whose proposal waits for a second person, in the order of their opening."""
    rows = connection.execute(
        select(cases).where(cases.c.proposal.is_not(None)).order_by(cases.c.opened_at, cases.c.case_id).limit(limit)
    )
    return [read_case(row) for row in rows]
