"""Have the features and the decisions of the last week moved against the four weeks before? (report ``drift``)

Features are those of the midnight before each decision, so nothing is compared that a decision could not have known.
A feature passes, warns or fails by its population stability (``features.drift``).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.drift import FAIL, WARN, Drift, drift
from features.engine import connect, load_tables
from features.errors import InputError
from features.training import training_frame
from models.report import Cell, Number, Report, Words
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings

RECENT, REFERENCE = timedelta(days=7), timedelta(days=28)
MOST = 5_000
LOGGED = ("propensity", "value_cents", "cost_cents")


def decisions_before(tables: dict[str, Any], end: pd.Timestamp, length: timedelta, most: int, seed: int) -> Any:
    """Decisions of the stretch before ``end`` (user_id, as_of and what was logged), a drawn part of very many."""
    decisions = tables["decisions"]
    start = end - length
    rows = decisions.filter(decisions.decided_at >= start, decisions.decided_at < end)
    frame = rows.select("decision_id", "user_id", *LOGGED, as_of="decided_at").order_by("decision_id").execute()
    return frame.sample(most, random_state=seed) if len(frame) > most else frame


def compare(con: Any, tables: dict[str, Any], timezone: str, most: int = MOST, seed: int = 0) -> list[Drift]:
    """Every numeric feature and logged figure, the most moved first; raises ``InputError`` without decisions."""
    import ibis

    last = tables["decisions"].decided_at.max().execute()
    if pd.isna(last):
        raise InputError("decisions", "none", "decisions of the last weeks; fairdeal run export_ledger writes them")
    end = pd.Timestamp(last) + timedelta(microseconds=1)
    sides = []
    for until, length in ((end - RECENT, REFERENCE), (end, RECENT)):
        logged = decisions_before(tables, until, length, most, seed)
        spine = logged[["user_id", "as_of"]].drop_duplicates()
        known = training_frame(con, tables, ibis.memtable(spine), timezone=timezone).execute() if len(spine) else spine
        sides.append((logged, known))
    (old_log, old), (new_log, new) = sides
    names = [name for name in old.columns if name in new.columns and pd.api.types.is_numeric_dtype(old[name])]
    found = [drift(name, _column(old[name]), _column(new[name])) for name in names]
    found += [drift(f"decision.{name}", _column(old_log[name]), _column(new_log[name])) for name in LOGGED]
    return sorted(found, key=lambda one: (-one.psi, one.name))


def _column(values: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def report_of(found: list[Drift]) -> Report:
    """A page and flat figures: names in order, and one list per figure."""
    report = Report(Words("Drift", "漂移"))
    count = {state: sum(one.state == state for one in found) for state in ("fail", "warn", "pass", "few")}
    tone = "bad" if count["fail"] else "neutral" if count["warn"] else "good"
    report.add_verdict(
        Words(
            f"{count['fail']} moved clearly (PSI from {FAIL}), {count['warn']} a little (from {WARN}), {count['pass']}"
            f" not; {count['few']} with too few rows.",
            f"{count['fail']} 项明显漂移（PSI ≥ {FAIL}），{count['warn']} 项轻微（≥ {WARN}），{count['pass']} 项稳定，"
            f"{count['few']} 项样本过少。",
        ),
        tone,
    )
    head: list[Words | str] = [
        *(Words("feature", "特征"), "PSI", "KS"),
        *(Words("missing before", "此前缺失"), Words("missing now", "当前缺失"), Words("state", "状态")),
    ]
    rows: list[list[Cell]] = [
        [one.name, Number(one.psi, 3), Number(one.ks, 3), Number(one.missing_before, 3), Number(one.missing_now, 3),
         one.state] for one in found
    ]  # fmt: skip
    report.add_table(Words("Features by PSI", "按 PSI 排序的特征"), head, rows)
    figures: dict[str, object] = {"features": [one.name for one in found], **{f"n_{k}": v for k, v in count.items()}}
    for name in ("psi", "ks", "p_value", "missing_before", "missing_now", "state"):
        figures[name] = [getattr(one, name) for one in found]
    for one in found:
        figures |= {f"before_{one.name}": list(one.before), f"now_{one.name}": list(one.now)}
    figures |= {"rows_before": max((one.rows_before for one in found), default=0)}
    figures |= {"rows_now": max((one.rows_now for one in found), default=0)}
    return report.add_figures(figures)


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass)
def drift_task(settings: Settings, out: Path) -> dict[str, int]:
    """Compare, write the report, and count the states."""
    con = connect()
    tables = load_tables(con, settings.tables)
    found = compare(con, tables, settings.shop.timezone)
    report_of(found).write(out)
    return {state: sum(one.state == state for one in found) for state in ("fail", "warn", "pass", "few")}


@flow(name="monitor_drift")
def monitor_drift(profile: str | None = None, out: Path | None = None) -> dict[str, int]:
    """Returns how many features fail, warn, pass, or have too few rows; writes the report ``drift``."""
    settings = load_settings(profile)
    counts: dict[str, int] = drift_task(settings, out or settings.reports / "drift")
    get_run_logger().info("drift=%s", counts)
    return counts
