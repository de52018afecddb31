"""What the feedback page shows: counts behind recall and precision, pairs of verdicts, and each reviewer's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from serving.review.audit_slice import SECOND, SOURCE, flagged_by
from serving.review.case import DECIDED, OPEN
from serving.review.quality import Agreement, Recall, Share, agreement_of, recall_of, share_of
from serving.review.report import verdict_rows
from serving.store.schema import cases, orders
from serving.store.schema_feedback import audit_rounds


@dataclass(frozen=True, slots=True)
class Audit:
    """The blind audit so far; ``waiting`` cases of the slice are not judged yet."""

    since: datetime | None
    until: datetime | None
    flagged: int
    unflagged: int
    drawn: int
    waiting: int
    right: Share
    missed: Share
    recall: Recall | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case on which two people differ."""

    case_id: str
    second_id: str
    first: str
    first_by: str
    second: str
    second_by: str


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What one person decided: cases, how many of them abusive, and the middle time from opening to verdict."""

    name: str
    decided: int
    abusive: int
    median_hours: float


def audit_of(connection: Connection) -> Audit:
    """Recall and precision over the redemptions of all rounds."""
    since, until, flagged, unflagged, drawn = connection.execute(
        select(
            func.min(audit_rounds.c.since),
            func.max(audit_rounds.c.until),
            *(func.coalesce(func.sum(audit_rounds.c[name]), 0) for name in ("flagged", "unflagged", "drawn")),
        )
    ).one()
    judged = dict(
        connection.execute(
            select(cases.c.verdict, func.count())
            .where(cases.c.source == SOURCE, cases.c.state == DECIDED)
            .group_by(cases.c.verdict)
        )
        .tuples()
        .all()
    )
    waiting = connection.execute(
        select(func.count()).where(cases.c.source == SOURCE, cases.c.state == OPEN)
    ).scalar_one()
    missed = share_of(judged.get("abusive", 0), sum(judged.values()))
    right = _right(connection)
    recall = recall_of(int(flagged), right, int(unflagged), missed)
    return Audit(since, until, int(flagged), int(unflagged), int(drawn), waiting, right, missed, recall)


def second_looks(connection: Connection) -> tuple[Agreement, list[Disagreement]]:
    """Agreement over all cases that were judged twice, and those on which two people differ, newest first."""
    again = aliased(cases)
    rows = connection.execute(
        select(
            cases.c.case_id,
            again.c.case_id.label("second_id"),
            cases.c.verdict.label("first"),
            cases.c.decided_by.label("first_by"),
            again.c.verdict.label("second"),
            again.c.decided_by.label("second_by"),
        )
        .join(again, again.c.subject == f"{SECOND}:" + cases.c.case_id)
        .where(cases.c.state == DECIDED, again.c.state == DECIDED)
        .order_by(again.c.decided_at.desc(), cases.c.case_id)
    ).all()
    pairs = [(row.first, row.second) for row in rows]
    return agreement_of(pairs), [Disagreement(*row) for row in rows if row.first != row.second]


def reviewers(connection: Connection) -> list[Reviewer]:
    """Everybody who has decided cases, the busiest first."""
    found: dict[str, list[tuple[str, float]]] = {}
    for row in connection.execute(
        select(cases.c.decided_by, cases.c.verdict, cases.c.opened_at, cases.c.decided_at).where(
            cases.c.state == DECIDED
        )
    ):
        hours = (row.decided_at - row.opened_at).total_seconds() / 3600
        found.setdefault(row.decided_by, []).append((row.verdict, hours))
    made = [
        Reviewer(name, len(of), sum(verdict == "abusive" for verdict, _ in of), _middle([hours for _, hours in of]))
        for name, of in found.items()
    ]
    return sorted(made, key=lambda reviewer: (-reviewer.decided, reviewer.name))


def _right(connection: Connection) -> Share:
    """Of redemptions in the rounds whose users were flagged by their end and judged since: how many were abusive."""
    rows = verdict_rows(connection)
    verdicts = {user_id: verdict for user_id, _, verdict, source, _ in rows if source == "reviewer"}
    rounds = (audit_rounds.c.since < orders.c.redeemed_at) & (audit_rounds.c.until >= orders.c.redeemed_at)
    users = connection.execute(
        select(orders.c.user_id)
        .select_from(orders.join(audit_rounds, rounds))
        .where(flagged_by(orders.c.user_id, audit_rounds.c.until))
    ).scalars()
    judged = [verdicts[user_id] for user_id in users if user_id in verdicts]
    return share_of(sum(verdict == "abusive" for verdict in judged), len(judged))


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
