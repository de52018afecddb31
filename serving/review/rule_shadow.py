"""What rules in shadow would have done: hits at the gate by day, and accounts that runs of the flags differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from serving.coupons.refusals import Refuse
from serving.review.rule_change import SHADOW_RUN
from serving.store.rows import insert_new
from serving.store.schema_rules import rule_changes, rule_shadow, rule_shadow_runs
from serving.store.unit import Answer, Command, Transaction, canonical

MOST_USERS = 200
"""Users of a run that are kept with it; the counts are of all."""


def note_run(change_id: str, run: str, affected: int, released: int, users: Sequence[Mapping[str, Any]]) -> Command:
    """What a run of the flags would have said under a change in shadow; the same run twice is one."""

    def command(tx: Transaction) -> Answer | Refuse:
        state = tx.connection.execute(
            select(rule_changes.c.state).where(rule_changes.c.change_id == change_id)
        ).scalar_one_or_none()
        if state is None:
            return Refuse("rule_unknown")
        if state != "shadow":
            return Refuse("rule_state")
        data = {"change_id": change_id, "run": run, "affected": affected, "released": released,
                "users": [dict(user) for user in users[:MOST_USERS]], "at": tx.now.isoformat()}  # fmt: skip
        if insert_new(tx.connection, rule_shadow_runs, run_row(data, tx.now)):
            tx.append(f"shadow:{change_id}:{run}", 1, SHADOW_RUN, data)
        return Answer(200, {"change_id": change_id, "run": run})

    return command


def run_row(data: Mapping[str, Any], at: Any) -> dict[str, Any]:
    """The state row of a run."""
    return {
        "change_id": data["change_id"],
        "run": data["run"],
        "at": at,
        "affected": data["affected"],
        "released": data["released"],
        "users": canonical(data["users"]),
    }


def hits_by_day(connection: Connection, change_id: str) -> list[Row[Any]]:
    """(day, limit_name, effect, users) of a change, newest day first."""
    of = rule_shadow.c
    return list(
        connection.execute(
            select(of.day, of.limit_name, of.effect, func.count().label("users"))
            .where(of.change_id == change_id)
            .group_by(of.day, of.limit_name, of.effect)
            .order_by(of.day.desc(), of.limit_name, of.effect)
            .limit(400)
        )
    )


def users_hit(connection: Connection, change_id: str, limit: int, offset: int = 0) -> list[Row[Any]]:
    """(user_id, limit_name, effect, days, last) of a change, the latest first."""
    of = rule_shadow.c
    last = func.max(of.at).label("last")
    return list(
        connection.execute(
            select(of.user_id, of.limit_name, of.effect, func.count().label("days"), last)
            .where(of.change_id == change_id)
            .group_by(of.user_id, of.limit_name, of.effect)
            .order_by(last.desc(), of.user_id, of.limit_name, of.effect)
            .limit(limit)
            .offset(offset)
        )
    )


def runs_of(connection: Connection, change_id: str, limit: int = 60) -> list[Row[Any]]:
    """Runs of the flags beside a change in shadow, newest first."""
    of = rule_shadow_runs.c
    query = select(rule_shadow_runs).where(of.change_id == change_id).order_by(of.at.desc(), of.run.desc())
    return list(connection.execute(query.limit(limit)))
