"""Cases as tests need them: found in the queue, and decided in one breath."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import Connection, select

from serving.review.case import OPEN, Case
from serving.review.case_rows import read_case
from serving.review.work import Judgement, claim, judge
from serving.store.schema import cases
from serving.store.unit import Answer, Command, Request, Store

FOUR_EYES = 10**12
"""More than any test has at risk: one person decides."""
_keys = itertools.count(1)


def open_cases(connection: Connection) -> list[Case]:
    """Open cases, the highest score first."""
    rows = connection.execute(
        select(cases).where(cases.c.state == OPEN).order_by(cases.c.score.desc(), cases.c.case_id)
    )
    return [read_case(row) for row in rows]


def case_of(store: Store, case_id: str) -> Case:
    """One case as it is now."""
    return store.read(lambda c: read_case(c.execute(select(cases).where(cases.c.case_id == case_id)).one()))


def do(store: Store, by: str, command: Command, key: str | None = None) -> Answer:
    """Run a command of somebody under a key of its own."""
    key = key or f"case-test-{next(_keys)}"
    return store.write(Request(by, key, "test", key), command)


def judgement(verdict: str = "abusive", action: str = "withhold", **more: Any) -> Judgement:
    reason = "new_account_ring" if verdict == "abusive" else "household"
    return Judgement(verdict, action, more.pop("reason_code", reason), **more)


def decided(
    store: Store, case_id: str, verdict: str = "abusive", action: str = "withhold", by: str = "staff:rita", **more: Any
) -> Answer:
    """Claim a case and judge it; the answer of the judgement."""
    do(store, by, claim(case_id, by, 15))
    return do(store, by, judge(case_id, by, judgement(verdict, action, **more), FOUR_EYES))
