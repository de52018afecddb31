"""Changes of the abuse rule as commands on the ledger: written by one person, tested, approved by another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.review.rule_change import (
    CHANGE,
    DRAFTED,
    FAILED,
    OPEN,
    PROMOTABLE,
    PROMOTED,
    QUEUED,
    REJECTED,
    REQUEUED,
    REVISABLE,
    REVISED,
    ROLLBACK,
    SHADOWED,
    STARTED,
    TESTABLE,
    TESTED,
    WITHDRAWN,
    RuleChange,
    apply,
    change_row,
    read_change,
)
from serving.review.rules import LIVE, Rule, acting, fields_between
from serving.store.rows import insert_new
from serving.store.schema_rules import rule_changes, rule_progress, rule_versions, rules_acting
from serving.store.unit import Answer, Command, StaleError, Transaction, canonical

MOST_SHADOWS = 3
"""Rules in shadow at one time: each is weighed within every claim."""
SILENT = timedelta(minutes=5)
"""A backtest that gave no sign of life for so long is somebody else's to run."""


# -- reads -------------------------------------------------------------------------------------------------------------


def find_change(connection: Connection, change_id: str) -> RuleChange | None:
    row = connection.execute(select(rule_changes).where(rule_changes.c.change_id == change_id)).one_or_none()
    return None if row is None else read_change(row)


def changes_of(connection: Connection, limit: int = 50, offset: int = 0) -> list[RuleChange]:
    """Changes, those that moved last first."""
    rows = connection.execute(
        select(rule_changes)
        .order_by(rule_changes.c.changed_at.desc(), rule_changes.c.change_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [read_change(row) for row in rows]


def versions_of(connection: Connection, limit: int = 20) -> list[Row[Any]]:
    """What was promoted, the newest (which acts) first."""
    return list(connection.execute(select(rule_versions).order_by(rule_versions.c.version.desc()).limit(limit)))


def progress_of(connection: Connection, change_id: str) -> Row[Any] | None:
    return connection.execute(select(rule_progress).where(rule_progress.c.change_id == change_id)).one_or_none()


# -- writing a change --------------------------------------------------------------------------------------------------


def draft(author: str, reason: str, after: Rule, settled: Rule) -> Command:
    """A new change that would make the live rule ``after``; ``settled`` is what the settings say."""

    def command(tx: Transaction) -> Answer | Refuse:
        live = _live(tx, settled)
        fields = fields_between(live, after)
        return _drafted(tx, CHANGE, author, reason, live, fields, None) if fields else Refuse("rule_same")

    return command


def roll_back(author: str, reason: str, settled: Rule) -> Command:
    """A change that brings back what acted before the last promotion; it needs approval, but no backtest."""

    def command(tx: Transaction) -> Answer | Refuse:
        versions = versions_of(tx.connection, 2)
        if not versions:
            return Refuse("rule_first")
        live = _live(tx, settled)
        overlay = json.loads(versions[1].fields) if len(versions) > 1 else {}
        fields = fields_between(live, settled.over(overlay))
        return _drafted(tx, ROLLBACK, author, reason, live, fields, overlay) if fields else Refuse("rule_same")

    return command


def revise(change_id: str, by: str, reason: str, after: Rule, settled: Rule) -> Command:
    """Another rule under the same change; what was tested before is tested no more."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, REVISABLE)
        if isinstance(found, Refuse):
            return found
        if found.kind == ROLLBACK:
            return Refuse("rule_state")
        live = _live(tx, settled)
        fields = fields_between(live, after)
        if not fields:
            return Refuse("rule_same")
        return _moved(tx, found, REVISED, {"by": by, "reason": reason, "base": live.data(), "fields": fields})

    return command


def withdraw(change_id: str, by: str, reason: str) -> Command:
    """Nobody wants it any more; a shadow stops and a backtest that still runs is not taken."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, OPEN)
        if isinstance(found, Refuse):
            return found
        _stop_shadow(tx, change_id)
        return _moved(tx, found, WITHDRAWN, {"by": by, "reason": reason})

    return command


# -- testing it --------------------------------------------------------------------------------------------------------


def queue(change_id: str, by: str, settled: Rule) -> Command:
    """Ask for a backtest against the rule that acts now."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, TESTABLE)
        if isinstance(found, Refuse):
            return found
        if found.kind == ROLLBACK:
            return Refuse("rule_state")
        live = _live(tx, settled)
        try:
            fields = fields_between(live, live.over(found.fields))
        except InputError:  # thresholds that fitted the rule of then and cross in the one of now
            return Refuse("rule_stale")
        if not fields:
            return Refuse("rule_same")
        return _moved(tx, found, QUEUED, {"by": by, "base": live.data(), "fields": fields})

    return command


def start(worker: str) -> Command:
    """Take the change that waits longest; the answer has its id, or none. A worker that fell silent loses its own."""

    def command(tx: Transaction) -> Answer | Refuse:
        _requeue_silent(tx)
        row = tx.connection.execute(
            select(rule_changes)
            .where(rule_changes.c.state == "queued")
            .order_by(rule_changes.c.changed_at, rule_changes.c.change_id)
            .limit(1)
            .with_for_update()
        ).one_or_none()
        if row is None:
            return Answer(200, {"change_id": None})
        found = read_change(row)
        if found.state != "queued":  # another worker's since we asked
            raise StaleError(found.change_id)
        answer = _moved(tx, found, STARTED, {"worker": worker})
        tx.connection.execute(delete(rule_progress).where(rule_progress.c.change_id == found.change_id))
        beat_row = {"worker": worker, "beat_at": tx.now, "step": "", "share": 0.0}
        tx.connection.execute(insert(rule_progress), {"change_id": found.change_id, **beat_row})
        return answer

    return command


def beat(change_id: str, worker: str, step: str, share: float) -> Command:
    """A sign of life with how far the backtest is, 0 to 1; refused to a worker who has lost the change."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _running(tx, change_id, worker)
        if isinstance(found, Refuse):
            return found
        tx.connection.execute(
            update(rule_progress)
            .where(rule_progress.c.change_id == change_id, rule_progress.c.worker == worker)
            .values(beat_at=tx.now, step=step[:80], share=share)
        )
        return Answer(200, {})

    return command


def tested(change_id: str, worker: str, summary: Mapping[str, Any]) -> Command:
    """The backtest is done; ``summary`` holds its figures and the digests of the two rules it was of."""
    return lambda tx: _ended(tx, change_id, worker, TESTED, {"summary": dict(summary)})


def failed(change_id: str, worker: str, failure: str) -> Command:
    return lambda tx: _ended(tx, change_id, worker, FAILED, {"failure": failure[:1000]})


def _ended(tx: Transaction, change_id: str, worker: str, kind: str, data: dict[str, Any]) -> Answer | Refuse:
    found = _running(tx, change_id, worker)
    if isinstance(found, Refuse):
        return found
    tx.connection.execute(delete(rule_progress).where(rule_progress.c.change_id == change_id))
    return _moved(tx, found, kind, data)


def _requeue_silent(tx: Transaction) -> None:
    rows = tx.connection.execute(
        select(rule_changes)
        .join(rule_progress, rule_progress.c.change_id == rule_changes.c.change_id)
        .where(rule_changes.c.state == "running", rule_progress.c.beat_at < tx.now - SILENT)
        .order_by(rule_changes.c.change_id)
        .with_for_update()
    ).all()
    for row in rows:
        found = read_change(row)
        _moved(tx, found, REQUEUED, {"lost": found.worker})


# -- deciding it -------------------------------------------------------------------------------------------------------


def shadow(change_id: str, by: str, settled: Rule) -> Command:
    """Let a tested change be weighed beside the live rule, without any effect."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, ("tested",))
        if isinstance(found, Refuse):
            return found
        if found.kind == ROLLBACK:
            return Refuse("rule_state")
        if found.before != _live(tx, settled):
            return Refuse("rule_stale")
        if not found.proven:
            return Refuse("rule_untested")
        places = select(func.count()).select_from(rules_acting).where(rules_acting.c.place != LIVE)
        if tx.connection.execute(places).scalar_one() >= MOST_SHADOWS:
            return Refuse("rule_shadows")
        tx.connection.execute(insert(rules_acting), {"place": change_id, "fields": canonical(dict(found.fields))})
        return _moved(tx, found, SHADOWED, {"by": by})

    return command


def promote(change_id: str, by: str, reason: str, settled: Rule) -> Command:
    """Make it the rule that acts: another person than its author, and only as it was tested against the live rule."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, PROMOTABLE)
        if isinstance(found, Refuse):
            return found
        if found.author == by:
            return Refuse("rule_own")
        if not found.proven:
            return Refuse("rule_untested")
        if found.before != _live(tx, settled):
            return Refuse("rule_stale")
        now = acting(tx.connection).live
        fields = dict(found.overlay) if found.overlay is not None else {**now, **found.fields}
        latest = tx.connection.execute(select(func.max(rule_versions.c.version))).scalar_one()
        version = (latest or 0) + 1
        row = {"version": version, "change_id": change_id, "fields": canonical(fields), "author": found.author,
               "promoted_by": by, "promoted_at": tx.now}  # fmt: skip
        if not insert_new(tx.connection, rule_versions, row):
            raise StaleError(change_id)  # somebody else's promotion at this moment
        _stop_shadow(tx, change_id)
        tx.connection.execute(delete(rules_acting).where(rules_acting.c.place == LIVE))
        tx.connection.execute(insert(rules_acting), {"place": LIVE, "fields": canonical(fields)})
        diff = [asdict(one) for one in found.differences]
        data = {"by": by, "reason": reason, "version": version, "fields": fields, "author": found.author}
        return _moved(tx, found, PROMOTED, {**data, "difference": diff})

    return command


def reject(change_id: str, by: str, reason: str) -> Command:
    """A second person says no; the author withdraws instead."""

    def command(tx: Transaction) -> Answer | Refuse:
        found = _locked(tx, change_id, PROMOTABLE)
        if isinstance(found, Refuse):
            return found
        if found.author == by:
            return Refuse("rule_own")
        _stop_shadow(tx, change_id)
        return _moved(tx, found, REJECTED, {"by": by, "reason": reason})

    return command


# -- parts -------------------------------------------------------------------------------------------------------------


def _live(tx: Transaction, settled: Rule) -> Rule:
    return settled.over(acting(tx.connection).live)


def _drafted(
    tx: Transaction, kind: str, author: str, reason: str, live: Rule, fields: Mapping[str, Any],
    overlay: Mapping[str, Any] | None,
) -> Answer:  # fmt: skip
    change_id = tx.ids("rule")
    data = {"change_id": change_id, "kind": kind, "author": author, "reason": reason, "base": live.data(),
            "fields": dict(fields), "overlay": None if overlay is None else dict(overlay),
            "at": tx.now.isoformat()}  # fmt: skip
    made = apply(None, DRAFTED, data)
    tx.connection.execute(insert(rule_changes), change_row(made))
    tx.append(f"rule:{change_id}", 1, DRAFTED, data)
    return Answer(201, {"change_id": change_id, "state": made.state})


def _locked(tx: Transaction, change_id: str, states: tuple[str, ...]) -> RuleChange | Refuse:
    row = tx.connection.execute(
        select(rule_changes).where(rule_changes.c.change_id == change_id).with_for_update()
    ).one_or_none()
    if row is None:
        return Refuse("rule_unknown")
    return read_change(row) if row.state in states else Refuse("rule_state")


def _running(tx: Transaction, change_id: str, worker: str) -> RuleChange | Refuse:
    found = _locked(tx, change_id, ("running",))
    if isinstance(found, RuleChange) and found.worker != worker:
        return Refuse("rule_state")
    return found


def _moved(tx: Transaction, before: RuleChange, kind: str, data: Mapping[str, Any]) -> Answer:
    whole = {"change_id": before.change_id, **data, "at": tx.now.isoformat()}
    after = apply(before, kind, whole)
    written = tx.connection.execute(
        update(rule_changes)
        .where(rule_changes.c.change_id == before.change_id, rule_changes.c.n == before.n)
        .values(change_row(after))
    )
    if written.rowcount != 1:
        raise StaleError(before.change_id)
    tx.append(f"rule:{before.change_id}", after.n, kind, whole)
    return Answer(200, {"change_id": before.change_id, "state": after.state})


def _stop_shadow(tx: Transaction, change_id: str) -> None:
    tx.connection.execute(delete(rules_acting).where(rules_acting.c.place == change_id))
