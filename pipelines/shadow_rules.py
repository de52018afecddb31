"""Weigh rules in shadow beside the standing one at each run of the flags: whom they would treat differently, no more.

The counts and the first accounts go to the ledger (``rule_shadow_runs``), the whole list lies in
``home/lab/<change>/shadow-<run>.parquet``. A threshold is weighed on the scores of the run itself; a change of hubs
needs a run of the detector of its own.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from models.abuse.decision.backtest import Past, backtest
from models.abuse.detect import Detected
from models.abuse.marks import DAY
from pipelines.abuse_rule import decider_for, rules_in_shadow, standing_rule
from pipelines.judge_rules import DAYS, affected, see
from serving.app import open_store
from serving.review.rule_shadow import MOST_USERS, note_run
from serving.review.rules import Rule
from serving.settings import Settings
from serving.store.unit import Request


def weigh_shadows(settings: Settings, found: Detected, tables: Path, as_of: datetime | None) -> dict[str, int]:
    """Accounts that each rule in shadow would treat differently, by its change; ``found`` is of the standing rule."""
    shadows = rules_in_shadow(settings)
    if not shadows or found.rows.empty:
        return {}
    live, counts = standing_rule(settings), {}
    end = int(found.rows["us"].max()) + 1
    run = pd.Timestamp(end, unit="us").strftime("%Y-%m-%dT%H%M%S")
    store = open_store(settings)
    try:
        for change_id, rule in shadows.items():
            moved = _moved(settings, found, live, rule, tables, as_of)
            folder = settings.home / "lab" / change_id
            folder.mkdir(parents=True, exist_ok=True)
            moved.to_parquet(folder / f"shadow-{run}.parquet", index=False)
            way = moved["way"].value_counts()
            users = moved.head(MOST_USERS)[["user_id", "before", "after", "p", "stake_cents"]].to_dict("records")
            command = note_run(change_id, run, int(way.sum() - way.get("released", 0)), int(way.get("released", 0)),
                               users)  # fmt: skip
            key = store.ids("shd")
            store.write(Request("flow:flag_abuse", key, "rule_shadow", key), command)
            counts[change_id] = len(moved)
    finally:
        store.close()
    return counts


def _moved(
    settings: Settings, found: Detected, live: Rule, rule: Rule, tables: Path, as_of: datetime | None
) -> pd.DataFrame:
    end = int(found.rows["us"].max()) + 1
    start = max(end - DAYS * DAY, int(found.rows["us"].min()))
    count = len(found.accounts)
    past = Past(found, np.full(count, np.nan), np.zeros(count, bool), start, end)
    other = past if rule.hubs == live.hubs else see(settings, tables, rule, DAYS, as_of, lambda _: None).past
    capacity = settings.risk.review_capacity_per_day
    return affected(
        backtest(past, decider_for(live, settings), capacity), backtest(other, decider_for(rule, settings), capacity)
    )
