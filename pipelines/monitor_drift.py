"""Do the features, scores and decisions of the last week still look like what the champion learnt from? (``drift``)

The reference is the champion uplift model's training window: the 28 days before ``trained_until`` in its spec, or the
part of them that the last week does not cover. Without a champion it is the 28 days before the last week.

Of each user one decision per period is drawn, so that rows are as independent as the tests believe. Features are those
of the midnight before it, so rows that came later change nothing of a run for an earlier ``as_of``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import flow, get_run_logger, task

from features.drift import Drift, drift_of_words, drifts
from features.engine import keep
from features.errors import InputError
from features.groups import IDENTITY, USER
from features.snapshots import midnight
from features.training import training_frame
from models.policy.assign import Policy
from models.registry import Loaded, Registry
from pipelines.abuse_probability import abuse_probability
from pipelines.build_features import last_day
from pipelines.drift_report import report_of
from pipelines.read_features import open_tables
from pipelines.runtime import may_pass
from pipelines.told_apart import ToldApart, told_apart
from serving.client import FALLBACK_VERSION
from serving.settings import Settings, load_settings

RECENT, LENGTH = timedelta(days=7), timedelta(days=28)
MOST = 5_000
NUMBERS = ("propensity", "value_cents", "cost_cents")
WORDS = ("offer", "trigger", "fallback")
FEATURES = tuple(feature.name for group in (USER, IDENTITY) for feature in group.features)


@dataclass(frozen=True)
class Windows:
    """[start, until) of the reference and [since, end) of now, naive UTC; ``champion`` is the version whose training
    the reference is, "" where there is none."""

    start: datetime
    until: datetime
    since: datetime
    end: datetime
    champion: str = ""


@dataclass(frozen=True)
class Found:
    """What moved, the most moved first, and whether the periods can be told apart; ``abuse`` is the version of the
    model whose scores were compared, "" without one."""

    windows: Windows
    moved: list[Drift]
    apart: ToldApart | None
    abuse: str


def windows_of(end: datetime, champion: Loaded | None) -> Windows:
    """The last week before ``end`` and the reference; see the module's text."""
    since = end - RECENT
    trained = champion.artefact.spec.get("trained_until") if champion is not None else None
    if champion is None or trained is None:
        return Windows(since - LENGTH, since, since, end)
    learnt = datetime.fromisoformat(str(trained))
    if learnt - LENGTH >= since:
        raise InputError("as_of", end.isoformat(), "a moment after the start of the champion's training window")
    return Windows(learnt - LENGTH, min(learnt, since), since, end, champion.version)


def champion_of(registry: Registry) -> Loaded | None:
    """The uplift model that the champion policy uses, else the champion uplift model."""
    policy = registry.champion("policy")
    if policy is None:
        return registry.champion("uplift")
    return registry.load("uplift", Policy.from_spec(policy.artefact.spec).uplift_version)


def compare(
    con: Any, tables: dict[str, Any], windows: Windows, timezone: str, abuse: Loaded | None = None,
    most: int = MOST, seed: int = 0, threads: int = 1,
) -> Found:  # fmt: skip
    """Compare features, scores and decisions of the two periods; raises ``InputError`` where one has no decision."""
    sides, frames = [], []
    for at, (start, end) in enumerate(((windows.start, windows.until), (windows.since, windows.end))):
        drawn = drawn_between(tables, start, end, most, seed)
        if drawn.empty:
            raise InputError(
                "decisions", "none", f"decisions from {start} until {end}; run export_ledger, ingest_tables"
            )
        spine = keep(con, f"drift_spine_{at}", drawn[["user_id", "as_of"]])
        known = training_frame(con, tables, spine, timezone=timezone).drop("as_of").execute()
        frame = drawn.merge(known, on="user_id", validate="1:1").sort_values("user_id", ignore_index=True)
        chance = abuse_probability(abuse, frame)
        frame = frame.assign(abuse_score=np.nan if chance is None else chance)
        numbers = [*FEATURES, *NUMBERS, "abuse_score"]  # a column of nulls has no type of its own
        frame[numbers] = frame[numbers].astype("Float64").astype("float64")
        frames.append(frame)
        sides.append(keep(con, f"drift_side_{at}", frame[[*numbers, *WORDS]]))
    logged = [*NUMBERS, *(["abuse_score"] if abuse is not None else [])]
    before, now = sides
    moved = drifts(before, now, [*FEATURES, *logged]) + [drift_of_words(before, now, name) for name in WORDS]
    users = [*frames[0]["user_id"], *frames[1]["user_id"]]
    apart = told_apart(_matrix(frames[0]), _matrix(frames[1]), users, FEATURES, seed, threads)
    return Found(windows, worst_first(moved), apart, "" if abuse is None else abuse.version)


def drawn_between(tables: dict[str, Any], start: datetime, end: datetime, most: int, seed: int) -> pd.DataFrame:
    """One decision per user in [start, end), of at most ``most`` users, drawn by ``seed``; with what was logged."""
    decisions = tables["decisions"]
    low, high = (ibis.literal(moment).cast("timestamp(6)") for moment in (start, end))
    rows = decisions.filter(decisions.decided_at >= low, decisions.decided_at < high)
    frame = rows.select(
        "decision_id", "user_id", *NUMBERS, "offer", "trigger", "policy_version", as_of="decided_at"
    ).execute()
    frame = frame.sort_values("decision_id").sample(frac=1, random_state=seed).drop_duplicates("user_id").head(most)
    fallback = frame["policy_version"].eq(FALLBACK_VERSION).map({True: "rules", False: "model"})
    return frame.drop(columns=["decision_id", "policy_version"]).assign(fallback=fallback)


def worst_first(moved: Iterable[Drift]) -> list[Drift]:
    """Failures, warnings, passes, then what had too few rows; in each the most moved first."""
    rank = {"fail": 0, "warn": 1, "pass": 2, "few": 3}
    return sorted(moved, key=lambda one: (rank[one.state], -one.psi, one.name))


def _matrix(frame: pd.DataFrame) -> NDArray[np.float64]:
    return frame[list(FEATURES)].to_numpy(dtype=np.float64, na_value=np.nan)


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass)
def drift_task(settings: Settings, out: Path, as_of: datetime | None) -> dict[str, int]:
    """Compare, write the report, and count the states."""
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    con, tables = open_tables(settings)
    windows = windows_of(as_of or midnight(last_day(tables)), champion_of(registry))
    found = compare(con, dict(tables), windows, settings.shop.timezone, registry.champion("abuse"))
    report_of(found).write(out)
    return {state: sum(one.state == state for one in found.moved) for state in ("fail", "warn", "pass", "few")}


@flow(name="monitor_drift")
def monitor_drift(profile: str | None = None, out: Path | None = None, as_of: datetime | None = None) -> dict[str, int]:
    """Returns how many columns fail, warn, pass, or have too few rows; writes the report ``drift``.

    ``as_of`` (naive UTC) is the end of the last week: by default the midnight after everything in the tables.
    """
    settings = load_settings(profile)
    counts: dict[str, int] = drift_task(settings, out or settings.reports / "drift", as_of)
    get_run_logger().info("drift=%s", counts)
    return counts
