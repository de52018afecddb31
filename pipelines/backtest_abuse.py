"""Judge abuse rules on the past weeks of a shop: what stands now beside what the budgets and caps ask for.

In: a folder of tables, with verdicts where people have looked. Out: ``report.html``, ``report.json``, ``sweep.json``
(figures by review threshold on a fine grid, which the console's threshold tool draws) and ``changes.parquet``, the
accounts that the solved rule would treat otherwise (user_id, before, after, p, stake_cents).
Nothing is promoted here: a person compares and decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.engine import connect
from features.errors import InputError
from models.abuse.decision.backtest import Backtest, Past, backtest, changes
from models.abuse.decision.budgets import GRID, Solved, solve
from models.abuse.decision.innocent import judged, look_alikes
from models.abuse.decision.report import backtest_report
from models.abuse.decision.standing import cases_of, spending, stakes, typical_coupon_cents
from models.abuse.decision.sweep import FINE, sweep
from models.abuse.detect import detect
from models.abuse.folder import open_folder
from models.abuse.marks import DAY
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from models.report import check_folder
from pipelines.abuse_rule import caps_of, decider_of, standing_rule, without_hubs
from serving.settings import Settings, load_settings

CHANGES, SWEEP = "changes.parquet", "sweep.json"
SHOWN = (
    "review", "caught_cents", "lost_cents", "honest_met", "review_hours_per_day", "cost_cents", "friction_cents",
    "effort_cents", "cases_per_day", "precision_of_judged", "recall_of_judged", "look_alike_review_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Backtested:
    """Where the report is, what stands, what was solved, and how many accounts they treat differently."""

    page: Path
    current: Backtest
    solved: Backtest
    how: Solved
    changed: int


def backtest_abuse(
    tables: Path,
    out: Path,
    settings: Settings,
    *,
    days: int = 90,
    per_day: int | None = None,
    as_of: datetime | None = None,
    language: str | None = None,
    progress: Progress | None = None,
) -> Backtested:
    """Replay the standing rule and the solved one over the last ``days`` before ``as_of`` and write the report.

    Args:
        per_day: cases that people can review on one day; the setting ``risk.review_capacity_per_day`` by default.
        as_of: UTC; only rows strictly before it count, all of them by default.

    Raises InputError for tables that cannot be used, a window without rows or a folder that cannot be written.
    """
    if days < 1:
        raise InputError("days", days, "at least 1")
    capacity = settings.risk.review_capacity_per_day if per_day is None else per_day
    rule = standing_rule(settings)
    settings = rule.settings(settings)
    decider = decider_of(settings.risk)
    with steps(progress) as step:
        step("reading tables")
        check_folder(out)
        con = connect()
        try:
            today = (as_of or datetime.now(UTC)).date()
            opened = without_hubs(con, open_folder(con, tables), rule.hubs, settings.risk.key, today)
            shop = shop_before(con, opened, as_of)
            verdicts = None if shop.verdicts is None else con.to_pandas(shop.verdicts)
            found = detect(shop, decider.thresholds, step=step)
        finally:
            con.disconnect()
        if found.rows.empty:
            raise InputError("tables", str(tables), "some claim or order to judge rules by")
        step("replaying rules")
        end = int(found.rows["us"].max()) + 1
        start = max(end - days * DAY, int(found.rows["us"].min()))
        said = judged(found, verdicts)
        past = Past(found, said, look_alikes(found, said), start, end)
        caps = caps_of(settings.risk)
        current = backtest(past, decider, capacity)
        usual = replace(decider, coupon_cents=typical_coupon_cents(spending(found)))
        how = solve(usual, found.accounts["score"].to_numpy(np.float64)[past.look_alike], caps,
                    _candidates(past), capacity, past.days)  # fmt: skip
        solved = backtest(past, how.decider, capacity)
        step("sweeping thresholds")
        moved = changes(current, solved)
        report = backtest_report(past, current, solved, how, caps, capacity, moved, language or settings.shop.language)
        page = report.write(out)
        _write_sweep(out / SWEEP, past, current, how, capacity)
        moved.to_parquet(out / CHANGES, index=False)
    return Backtested(page, current, solved, how, len(moved))


def _write_sweep(path: Path, past: Past, current: Backtest, how: Solved, per_day: int) -> None:
    """What the threshold tool shows: figures by review threshold, with the current and the solved one."""
    tried = sweep(past, current.decider, per_day, sorted({*FINE, current.decider.thresholds.review}))
    series = {name: [_finite(value) for value in tried[name]] for name in SHOWN}
    cheapest = float(tried["review"].iloc[int(np.argmin(tried["cost_cents"].to_numpy(np.float64)))])
    bounds = current.decider.thresholds
    content = {
        "days": past.days,
        "end": pd.Timestamp(past.end, unit="us").isoformat(),
        "verdicts": int(np.sum(~np.isnan(past.abusive))),
        "look_alikes": int(past.look_alike.sum()),
        "per_day": per_day,
        "review": bounds.review,
        "automatic": bounds.automatic,
        "recommended": how.decider.thresholds.review,
        "promised": how.promised["review"],
        "cheapest": cheapest,
        "series": series,
    }
    path.write_text(json.dumps(content, sort_keys=True, allow_nan=False) + "\n", "utf-8")


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _candidates(past: Past) -> pd.DataFrame:
    """Accounts that any rule of the grid might meet: p, stake_cents, case."""
    found, least = past.found, past.reached(GRID[0])
    spent = spending(found)
    stake = stakes(spent, least.at, typical_coupon_cents(spent))
    inside = (least.at >= past.start) & (least.at < past.end)
    table = pd.DataFrame(
        {
            "p": found.accounts["score"].to_numpy(np.float64),
            "stake_cents": stake,
            "case": cases_of(found, GRID[0]),
        }
    )
    return table[inside]


@task(retries=2, retry_delay_seconds=10)
def backtest_task(settings: Settings, tables: str | None, out: str | None, days: int) -> Backtested:
    """``backtest_abuse`` for an installation, tried again on failure; a second run writes the same report."""
    where = Path(out) if out else settings.home / "reports" / "abuse-backtest"
    return backtest_abuse(Path(tables) if tables else settings.tables, where, settings, days=days)


@flow(name="backtest_abuse")
def backtest_abuse_flow(
    profile: str | None = None, tables: str | None = None, out: str | None = None, days: int = 90
) -> Backtested:
    """Compare the standing abuse rule with the one that budgets and caps ask for, over the past weeks."""
    logger = get_run_logger()
    logger.info("tables=%s out=%s days=%s", tables or "ingested", out or "home", days)
    done = backtest_task(load_settings(profile), tables, out, days)
    logger.info("report: %s, accounts treated differently: %s", done.page, done.changed)
    return done
