"""The ``verdicts`` table: what people have said of users, as models learn it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, select

from serving.review.case import AUDIT, DECIDED, SECOND
from serving.review.case_rows import read_case
from serving.store.schema import cases

Verdict = tuple[str, datetime, str, str, str | None]


def verdict_rows(connection: Connection) -> list[Verdict]:
    """(user_id, decided_at, verdict, source, reviewer), the oldest first: one row for every member of a decided case.

    ``source`` is ``audit`` for the blind audit, else ``reviewer``. A verdict that was undone is gone. Whom an appeal
    has cleared is legitimate from then on, whatever was said before. Second looks measure agreement and are left out.
    """
    rows = connection.execute(
        select(cases)
        .where(or_(cases.c.state == DECIDED, cases.c.life.like('%"released":%')), cases.c.source != SECOND)
        .order_by(cases.c.case_id)
    )
    found: list[Verdict] = []
    for row in rows:
        case = read_case(row)
        source = AUDIT if case.source == AUDIT else "reviewer"
        for user_id in case.users:
            said = case.verdict_of(user_id)
            if said is None:
                continue
            released = case.released.get(user_id)
            at, by = (released.at, released.by) if released else (case.decided_at or case.opened_at, case.decided_by)
            found.append((user_id, at, said[0], source, by))
    found.sort(key=lambda verdict: verdict[1])
    # One verdict per user and moment: the later case of the same microsecond stands.
    return list({(verdict[0], verdict[1]): verdict for verdict in found}.values())
