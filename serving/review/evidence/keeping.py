"""Keep what a run brought of a ring or an account: the latest stands, what says nothing new is not written again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from serving.coupons.refusals import Refuse
from serving.review.case import SECOND, Case
from serving.review.evidence.brought import Brought, brought_from_data, brought_to_data
from serving.store.rows import insert_new
from serving.store.schema import cases, coupons
from serving.store.schema_evidence import case_evidence
from serving.store.unit import Answer, Command, StaleError, Transaction, canonical

BROUGHT = "evidence.brought"


def with_evidence(command: Command, brought: Iterable[Brought]) -> Command:
    """The command, and what came with it in the same transaction; its answer stays as it is."""
    found = tuple(brought)

    def both(tx: Transaction) -> Answer | Refuse:
        answer = command(tx)
        if not isinstance(answer, Refuse):
            for one in sorted(found, key=lambda one: one.subject):
                keep(tx, one)
        return answer

    return both


def keep(tx: Transaction, brought: Brought) -> bool:
    """Write what is known of a subject over what was known; False when that was the same or is newer."""
    row = tx.connection.execute(
        select(case_evidence).where(case_evidence.c.subject == brought.subject).with_for_update()
    ).one_or_none()
    if row is not None and (row.as_of > brought.as_of or _same(row.data, brought)):
        return False
    values = evidence_row(brought, tx.now, (row.n if row is not None else 0) + 1)
    if row is None:
        if not insert_new(tx.connection, case_evidence, values):
            raise StaleError(brought.subject)
    else:
        written = tx.connection.execute(
            update(case_evidence)
            .where(case_evidence.c.subject == brought.subject, case_evidence.c.n == row.n)
            .values(values)
        )
        if written.rowcount != 1:
            raise StaleError(brought.subject)
    tx.append(f"evidence:{brought.subject}", values["n"], BROUGHT, brought_to_data(brought))
    return True


def kept_for(connection: Connection, case: Case, now: datetime) -> Brought | None:
    """What the last run before ``now`` brought of a case; a copy of a case for a second look has that of the first."""
    copied = case.subject.removeprefix(f"{SECOND}:") if case.subject.startswith(f"{SECOND}:") else None
    wanted = case_evidence.c.subject == case.subject
    if copied is not None:
        wanted = case_evidence.c.subject == select(cases.c.subject).where(cases.c.case_id == copied).scalar_subquery()
    found = select(case_evidence.c.data).where(wanted, case_evidence.c.brought_at <= now)
    data = connection.execute(found).scalar_one_or_none()
    return brought_from_data(json.loads(data)) if data is not None else None


def known_coupons(connection: Connection, coupon_ids: Sequence[str]) -> frozenset[str]:
    """The coupons of these that the ledger has too."""
    if not coupon_ids:
        return frozenset()
    return frozenset(
        connection.execute(select(coupons.c.coupon_id).where(coupons.c.coupon_id.in_(coupon_ids))).scalars()
    )


def evidence_row(brought: Brought, at: datetime, n: int) -> dict[str, Any]:
    """The state row of a subject."""
    data = canonical(brought_to_data(brought))
    return {"subject": brought.subject, "as_of": brought.as_of, "data": data, "brought_at": at, "n": n}


def _same(data: str, brought: Brought) -> bool:
    """Whether nothing but the moment of the run differs."""
    return {**json.loads(data), "as_of": ""} == {**brought_to_data(brought), "as_of": ""}
