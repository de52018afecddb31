"""How a case is read for a change and written with its event; every write is conditional on what was read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from serving.review.case import OPENED, Case
from serving.review.case_rows import HEAD, case_row, flag_rows, head_row, read_case, read_head
from serving.review.life import STANDS, apply
from serving.store.rows import insert_new, insert_rows
from serving.store.schema import cases, flags
from serving.store.unit import StaleError, Transaction


def whole(tx: Transaction, case_id: str) -> Case | None:
    """The case with its members, locked for this command."""
    row = tx.connection.execute(select(cases).where(cases.c.case_id == case_id).with_for_update()).one_or_none()
    return None if row is None else read_case(row)


def head(tx: Transaction, case_id: str) -> Case | None:
    """The case without its members and note, locked for this command."""
    row = tx.connection.execute(select(*HEAD).where(cases.c.case_id == case_id).with_for_update()).one_or_none()
    return None if row is None else read_head(row)


def opened(tx: Transaction, data: dict[str, Any]) -> Case:
    """Write a new case; another process that opened one for the same subject at this moment makes it stale."""
    case = apply(None, OPENED, data)
    if not insert_new(tx.connection, cases, {"case_id": case.case_id, **case_row(case)}):
        raise StaleError(case.subject)
    insert_rows(tx.connection, flags, flag_rows(case, tx.now))
    tx.append(f"case:{case.case_id}", 1, OPENED, data)
    return case


def changed(tx: Transaction, before: Case, kind: str, data: dict[str, Any]) -> Case:
    """Write what an event makes of a case; raises ``StaleError`` when it is not any more what was read."""
    data = {**data, "case_id": before.case_id, "at": tx.now.isoformat()}
    after = apply(before, kind, data)
    written = tx.connection.execute(
        update(cases)
        .where(cases.c.case_id == before.case_id, cases.c.n == before.n, cases.c.state == before.state)
        .values(case_row(after) if kind in STANDS else head_row(after))
    )
    if written.rowcount != 1:
        raise StaleError(before.case_id)
    if kind in STANDS:
        tx.connection.execute(delete(flags).where(flags.c.case_id == before.case_id))
        insert_rows(tx.connection, flags, flag_rows(after, tx.now))
    tx.append(f"case:{before.case_id}", after.n, kind, data)
    return after
