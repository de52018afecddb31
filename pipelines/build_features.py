"""Build daily feature snapshots from the shop's tables and load the last one into the online store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from prefect import flow, get_run_logger, task

from features.definition import Tables
from features.engine import connect, load_tables
from features.errors import InputError
from features.groups import GROUPS
from features.repo import FeatureRepo
from features.shop import prepare, vocabulary_of
from features.snapshots import read_vocabulary, write_snapshot, write_vocabulary
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings

Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


@dataclass(frozen=True)
class BuildReport:
    """What a build wrote: rows by group of the last day, the days, and the day that is served online."""

    days: tuple[date, ...]
    rows: dict[str, int]
    online: date | None


def build(
    tables_dir: Path,
    repo: FeatureRepo,
    *,
    days: Sequence[date] | None = None,
    timezone: str = "Asia/Shanghai",
    backend: str = "duckdb",
    materialise: bool = True,
    progress: Progress | None = None,
) -> BuildReport:
    """Write the snapshots of ``days`` (default: the midnight after the newest row) below ``repo.snapshots``.

    With ``materialise`` the last day is applied and loaded into the online store. Building a day again replaces it.
    """
    tell = progress or _silent
    tell("reading the tables", 0.0)
    con = connect(backend)
    raw = load_tables(con, tables_dir)
    wanted = tuple(sorted(set(days))) if days is not None else (last_day(raw),)
    if not wanted:
        raise InputError("days", list(wanted), "at least one day")
    tables = prepare(con, raw, read_vocabulary(repo.snapshots))
    write_vocabulary(repo.snapshots, vocabulary_of(tables))
    steps = len(wanted) * len(GROUPS) + (len(GROUPS) if materialise else 0) + 1
    done, rows = 1, {}
    for day in wanted:
        for name, group in GROUPS.items():
            tell(f"{name} features of {day}", done / steps)
            rows[name] = write_snapshot(tables, group, day, repo.snapshots, timezone, repo.identifier_key)
            done += 1
    con.disconnect()
    if materialise:
        tell("registering the features", done / steps)
        repo.apply()
        for name in GROUPS:
            tell(f"loading {name} features for serving", done / steps)
            repo.materialise(wanted[-1], (name,))
            done += 1
    tell("features are built", 1.0)
    return BuildReport(wanted, rows, wanted[-1] if materialise else None)


def last_day(tables: Tables) -> date:
    """The first midnight by which every row of events, orders and coupons was known."""
    times = [
        tables[name][column].max().execute()
        for name, column in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at"))
    ]
    known = [pd.Timestamp(time) for time in times if not pd.isna(time)]
    if not known:
        raise InputError("tables", "no events, orders or coupons", "tables with rows")
    return max(known).date() + timedelta(days=1)


def repo_of(settings: Settings) -> FeatureRepo:
    """The feature repository of an installation."""
    return FeatureRepo(settings.feast, settings.features, settings.risk.key, settings.stores.feast_online)


def _silent(what: str, share: float) -> None:
    """Progress that nobody watches."""


@task(retries=2, retry_delay_seconds=5, retry_condition_fn=may_pass)
def build_task(settings: Settings, days: Sequence[date] | None) -> BuildReport:
    """``build`` for an installation, tried again on failure: every file it writes is replaced whole."""
    return build(
        settings.tables, repo_of(settings), days=days, timezone=settings.shop.timezone, backend=settings.stores.engine
    )


@flow(name="build_features")
def build_features(profile: str | None = None, days: list[date] | None = None) -> BuildReport:
    """Build and materialise features; ``days`` (ISO dates) default to the midnight after the newest row."""
    settings = load_settings(profile)
    logger = get_run_logger()
    logger.info("tables=%s days=%s engine=%s", settings.tables, days or "last", settings.stores.engine)
    report = build_task(settings, days)
    logger.info("days=%s online=%s rows=%s", [str(day) for day in report.days], report.online, report.rows)
    return report
