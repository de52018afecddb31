"""A change of the abuse rule as a value: what it changes, where it stands, and how events move it.

``draft`` → ``queued`` → ``running`` → ``tested`` or ``failed`` → (``shadow``) → ``promoted``, ``rejected`` or
``withdrawn``. A change that is revised is a draft again: what was tested is no longer what it says. A roll-back needs
no backtest, because its rule has acted before; it waits for a second person all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from serving.review.rules import Difference, Rule, differences, rule_from_data
from serving.store.unit import canonical

DRAFTED, REVISED, QUEUED, STARTED, REQUEUED = (
    "rule.drafted", "rule.revised", "rule.queued", "rule.started", "rule.requeued",
)  # fmt: skip
TESTED, FAILED, SHADOWED, PROMOTED, REJECTED, WITHDRAWN = (
    "rule.tested", "rule.failed", "rule.shadowed", "rule.promoted", "rule.rejected", "rule.withdrawn",
)  # fmt: skip
SHADOW_HIT, SHADOW_RUN = "shadow.hit", "shadow.run"
CHANGE, ROLLBACK = "change", "rollback"
OPEN = ("draft", "queued", "running", "tested", "failed", "shadow")
"""States in which a change still may be promoted one day."""
REVISABLE = ("draft", "tested", "failed")
TESTABLE = ("draft", "failed", "tested")
PROMOTABLE = ("tested", "shadow")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """``base`` is the live rule that it was written or tested against, ``fields`` (JSON) what it changes of that;
    ``overlay``: all promoted fields that a roll-back brings back; ``summary``: figures of the backtest."""

    change_id: str
    state: str
    kind: str
    author: str
    reason: str
    base: Mapping[str, Any]
    fields: Mapping[str, Any]
    drafted_at: datetime
    changed_at: datetime
    overlay: Mapping[str, Any] | None = None
    summary: Mapping[str, Any] | None = None
    failure: str | None = None
    worker: str | None = None
    shadow_since: datetime | None = None
    decided_by: str | None = None
    decision: str | None = None
    n: int = 1

    @property
    def before(self) -> Rule:
        return rule_from_data(self.base)

    @property
    def after(self) -> Rule:
        return self.before.over(self.fields)

    @property
    def differences(self) -> list[Difference]:
        return differences(self.before, self.after)

    @property
    def proven(self) -> bool:
        """Whether a finished backtest is of exactly these two rules; a roll-back has been proven by acting."""
        if self.kind == ROLLBACK:
            return True
        found = self.summary or {}
        return found.get("before") == self.before.digest and found.get("after") == self.after.digest


def apply(change: RuleChange | None, kind: str, data: Mapping[str, Any]) -> RuleChange:
    """The state after an event, as it is stored: used by the commands and when the ledger is rebuilt."""
    at = datetime.fromisoformat(data["at"])
    if kind == DRAFTED and change is None:
        state = "tested" if data["kind"] == ROLLBACK else "draft"
        return RuleChange(data["change_id"], state, data["kind"], data["author"], data["reason"], data["base"],
                          data["fields"], at, at, overlay=data["overlay"])  # fmt: skip
    if change is None:
        raise ValueError(f"{kind} of a change that was never drafted")
    moved = replace(change, changed_at=at, n=change.n + 1)
    if kind == REVISED and change.state in REVISABLE:
        return replace(moved, state="draft", reason=data["reason"], base=data["base"], fields=data["fields"],
                       summary=None, failure=None)  # fmt: skip
    if kind == QUEUED and change.state in TESTABLE:
        return replace(moved, state="queued", base=data["base"], fields=data["fields"], summary=None, failure=None)
    if kind == STARTED and change.state == "queued":
        return replace(moved, state="running", worker=data["worker"])
    if kind == REQUEUED and change.state == "running":
        return replace(moved, state="queued", worker=None)
    if kind == TESTED and change.state == "running":
        return replace(moved, state="tested", worker=None, summary=data["summary"])
    if kind == FAILED and change.state == "running":
        return replace(moved, state="failed", worker=None, failure=data["failure"])
    if kind == SHADOWED and change.state == "tested":
        return replace(moved, state="shadow", shadow_since=at)
    if kind == PROMOTED and change.state in PROMOTABLE:
        return replace(moved, state="promoted", decided_by=data["by"], decision=data["reason"])
    if kind == REJECTED and change.state in PROMOTABLE:
        return replace(moved, state="rejected", decided_by=data["by"], decision=data["reason"])
    if kind == WITHDRAWN and change.state in OPEN:
        return replace(moved, state="withdrawn", worker=None, decided_by=data["by"], decision=data["reason"])
    raise ValueError(f"{kind} of a change that is {change.state}")


def change_row(change: RuleChange) -> dict[str, Any]:
    """The state row of a change."""
    return {
        "change_id": change.change_id,
        "state": change.state,
        "kind": change.kind,
        "author": change.author,
        "reason": change.reason,
        "base": canonical(dict(change.base)),
        "fields": canonical(dict(change.fields)),
        "overlay": None if change.overlay is None else canonical(dict(change.overlay)),
        "summary": None if change.summary is None else canonical(dict(change.summary)),
        "failure": change.failure,
        "worker": change.worker,
        "drafted_at": change.drafted_at,
        "changed_at": change.changed_at,
        "shadow_since": change.shadow_since,
        "decided_by": change.decided_by,
        "decision": change.decision,
        "n": change.n,
    }


def read_change(row: Row[Any]) -> RuleChange:
    values = dict(row._mapping)
    for name in ("base", "fields", "overlay", "summary"):
        values[name] = None if values[name] is None else json.loads(values[name])
    return RuleChange(**values)
