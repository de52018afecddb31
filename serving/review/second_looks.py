"""Second looks: some decided cases are judged again, blind and by somebody else, to measure how far reviewers agree."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import String, cast, exists, literal, select
from sqlalchemy.orm import aliased

from serving.coupons.refusals import Refuse
from serving.review.audit_slice import SECOND, chosen
from serving.review.case import DECIDED, Flag
from serving.review.case_rows import read_case
from serving.review.store import put
from serving.store.schema import cases
from serving.store.unit import Answer, Command, Transaction

LATELY = timedelta(days=7)
"""Cases decided longer ago are not opened again: what could be seen then may be gone."""


def open_second_looks(share: float, secret: bytes) -> Command:
    """Open a blind copy of ``share`` of the lately decided cases, which the first reviewer may not decide.

    A second look changes nothing for the users, whatever it says; a case gets one at most.
    """

    def command(tx: Transaction) -> Answer | Refuse:
        again = aliased(cases)
        subject = literal(f"{SECOND}:", String) + cast(cases.c.case_id, String)
        names = tx.connection.execute(
            select(cases.c.case_id)
            .where(
                cases.c.state == DECIDED,
                cases.c.decided_at > tx.now - LATELY,
                cases.c.source != SECOND,
                ~exists(select(again.c.case_id).where(again.c.subject == subject)),
            )
            .order_by(cases.c.case_id)
        ).scalars()
        opened = 0
        for name in [name for name in names if chosen(name, share, secret)]:
            first = read_case(tx.connection.execute(select(cases).where(cases.c.case_id == name)).one())
            if first.approved_by is not None:
                continue  # two people have looked at it already
            found = tuple(Flag(flag.user_id, flag.score, "allow", flag.reasons) for flag in first.flags)
            put(tx, f"{SECOND}:{name}", found, SECOND, blind=True, not_by=first.decided_by)
            opened += 1
        return Answer(200, {"opened": opened})

    return command
