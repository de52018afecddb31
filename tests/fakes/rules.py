"""People who change the abuse rule: drafts, backtests that somebody finished, approvals."""

from __future__ import annotations

import itertools
from typing import Any

from serving.review.rule_work import draft, find_change, promote, queue, shadow, start, tested
from serving.review.rules import Rule, rule_of
from serving.settings import Settings
from serving.store.unit import Answer, Command, Request, Store

SETTLED = rule_of(Settings())
_KEYS = itertools.count(1)


def write(store: Store, command: Command, by: str = "staff:lena") -> Answer:
    key = f"rules-{next(_KEYS)}"
    return store.write(Request(by, key, "rules", key), command)


def rule(**values: Any) -> Rule:
    return SETTLED.over(values)


FIGURES: dict[str, Any] = {
    "precision_of_judged": 0.9, "precision_of_judged_low": 0.8, "precision_of_judged_high": 0.95,
    "precision_of_judged_of": 120.0, "recall_of_judged": 0.7, "recall_of_judged_low": 0.6,
    "recall_of_judged_high": 0.8, "recall_of_judged_of": 130.0, "look_alike_review_rate": 0.01,
    "look_alike_review_rate_low": 0.005, "look_alike_review_rate_high": 0.02, "look_alike_review_rate_of": 900.0,
    "caught_cents": 150_000.0, "lost_cents": 80_000.0, "honest_cents_stopped": 2_000.0, "cost_cents": 90_000.0,
    "review_hours_per_day": 1.4, "cases_per_day": 21.0,
}  # fmt: skip


def summary_of(change: Any) -> dict[str, Any]:
    """What a backtest of a change might have found."""
    met = {"rows": 4.0, "users": 3.0, "judged": 2.0, "precision": 0.5}
    limits = dict.fromkeys(("large_order", "orders_burst", "device_accounts", "ip_burst", "capped"), met)
    return {
        "before": change.before.digest, "after": change.after.digest, "days": 90, "start": "2026-02-01T00:00:00",
        "end": "2026-05-01T00:00:00", "verdicts": 300, "old": FIGURES, "new": {**FIGURES, "recall_of_judged": 0.6},
        "limits": {"old": limits, "new": limits}, "newly": 0, "released": 0, "otherwise": 0,
    }  # fmt: skip


class Lab:
    """Moves changes through their steps."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def write(self, command: Command) -> Answer:
        return write(self.store, command)

    def drafted(self, after: Rule | None = None, author: str = "staff:lena") -> str:
        answer = self.write(draft(author, "too many good users held", after or rule(review=0.4), SETTLED))
        assert answer.status == 201, answer.body
        return str(answer.body["change_id"])

    def tested(self, after: Rule | None = None, author: str = "staff:lena") -> str:
        change_id = self.drafted(after, author)
        assert self.write(queue(change_id, author, SETTLED)).status == 200
        assert self.write(start("w1")).body["change_id"] == change_id
        self.finish(change_id)
        return change_id

    def finish(self, change_id: str, worker: str = "w1") -> Answer:
        change = self.store.read(lambda connection: find_change(connection, change_id))
        assert change is not None
        return self.write(tested(change_id, worker, summary_of(change)))

    def shadowed(self, after: Rule | None = None) -> str:
        change_id = self.tested(after)
        assert self.write(shadow(change_id, "staff:lena", SETTLED)).status == 200
        return change_id

    def promoted(self, after: Rule | None = None) -> str:
        change_id = self.tested(after)
        answer = self.write(promote(change_id, "staff:omar", "fewer honest people wait", SETTLED))
        assert answer.status == 200, answer.body
        return change_id
