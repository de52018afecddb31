"""The drift flow on a small simulated shop: which periods, nothing from later, and what the report holds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest

from features.engine import connect, load_tables
from features.errors import InputError
from features.snapshots import midnight
from models.registry import Artefact, Registry
from pipelines.build_features import last_day
from pipelines.drift_report import report_of
from pipelines.monitor_drift import (
    FEATURES,
    LENGTH,
    RECENT,
    Found,
    champion_of,
    compare,
    drawn_between,
    drift_task,
    windows_of,
)
from pipelines.shop import simulate
from pipelines.told_apart import ToldApart, told_apart
from serving.settings import Settings

END = datetime(2026, 6, 1)
TIMES = {
    "users": "registered_at",
    "events": "occurred_at",
    "orders": "placed_at",
    "coupons": "claimed_at",
    "decisions": "decided_at",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    simulate(users=400, days=50, seed=4, out=folder)
    return folder


@pytest.fixture(scope="module")
def found(shop: Path) -> Found:
    return run(shop)


def run(shop: Path, back: timedelta = timedelta(0), end: datetime | None = None) -> Found:
    con = connect()
    tables = load_tables(con, shop)
    end = end or midnight(last_day(tables)) - back
    return compare(con, tables, windows_of(end, None), "Asia/Shanghai")


def uplift(until: datetime | None) -> Artefact:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1))
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0]), 2).model_to_string()
    spec: dict[str, Any] = {"features": ["orders_90d"], "arms": ["none", "flat_8"]}
    spec |= {} if until is None else {"trained_until": until.isoformat()}
    return Artefact("uplift", spec, {"value:flat_8": booster, "cost:flat_8": booster}, X[:4])


def test_the_reference_is_the_champions_training_window(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artefacts")
    assert champion_of(registry) is None
    trained = datetime(2026, 5, 1, 13)
    registry.promote("uplift", registry.log("uplift", uplift(trained), {}, {}))
    champion = champion_of(registry)
    assert champion is not None
    windows = windows_of(END, champion)
    assert (windows.start, windows.until, windows.champion) == (trained - LENGTH, trained, "1")
    assert (windows.since, windows.end) == (END - RECENT, END)
    overlapping = windows_of(trained + timedelta(days=2), champion)
    assert overlapping.until == overlapping.since == trained - timedelta(days=5)
    with pytest.raises(InputError, match="as_of"):
        windows_of(trained - LENGTH, champion)
    silent = replace(champion, artefact=uplift(None))
    assert windows_of(END, silent) == windows_of(END, None)


def test_without_a_champion_it_is_the_four_weeks_before_and_the_report_says_so(found: Found, tmp_path: Path) -> None:
    windows = windows_of(END, None)
    assert (windows.start, windows.until) == (END - RECENT - LENGTH, END - RECENT)
    report_of(found).write(tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "no champion" in page
    assert "尚无冠军模型" in page
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["champion"] == ""


def test_rows_that_came_later_change_nothing(shop: Path, tmp_path: Path) -> None:
    """A run for five days ago gives the same figures from all tables and from those that ended then."""
    early = midnight(last_day(load_tables(connect(), shop))) - timedelta(days=5)
    cut = 0
    for file in shop.glob("*.parquet"):
        rows = pd.read_parquet(file)
        kept = rows[rows[TIMES[file.stem]] < early] if file.stem in TIMES else rows
        cut += len(rows) - len(kept)
        if file.stem == "order_lines":
            orders = pd.read_parquet(shop / "orders.parquet")
            kept = rows[rows["order_id"].isin(orders.loc[orders["placed_at"] < early, "order_id"])]
        kept.to_parquet(tmp_path / file.name)
    assert cut > 100
    assert run(shop, end=early) == run(tmp_path, end=early)


def test_features_decisions_and_shares_are_compared_one_row_per_user(found: Found, shop: Path) -> None:
    names = {one.name for one in found.moved}
    assert names == {*FEATURES, "propensity", "value_cents", "cost_cents", "offer", "trigger", "fallback"}
    ranks = ["fail", "warn", "pass", "few"]
    assert [ranks.index(one.state) for one in found.moved] == sorted(ranks.index(one.state) for one in found.moved)
    offer, fallback = (next(one for one in found.moved if one.name == name) for name in ("offer", "fallback"))
    assert "none" in offer.labels
    assert sum(offer.now) == pytest.approx(1)
    assert fallback.labels == ("model",)
    logged = pd.read_parquet(shop / "decisions.parquet")
    w = found.windows
    inside = logged[(logged["decided_at"] >= w.since) & (logged["decided_at"] < w.end)]
    assert offer.rows_now == inside["user_id"].nunique()


def test_a_drawn_part_is_the_same_each_time(shop: Path, found: Found) -> None:
    tables, w = load_tables(connect(), shop), found.windows
    first, again = (drawn_between(tables, w.start, w.until, 30, seed=1) for _ in range(2))
    assert len(first) == 30
    assert first["user_id"].is_unique
    pd.testing.assert_frame_equal(first, again)


def test_a_shop_that_fell_back_to_rules_shows_it(shop: Path, found: Found, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "shop")
    file = tmp_path / "shop" / "decisions.parquet"
    rows = pd.read_parquet(file)
    rows.loc[rows["decided_at"] >= found.windows.since, "policy_version"] = "fallback-1"
    rows.to_parquet(file)
    fallback = next(one for one in run(tmp_path / "shop").moved if one.name == "fallback")
    assert fallback.state == "fail"
    assert dict(zip(fallback.labels, fallback.now, strict=True)) == {"model": 0.0, "rules": 1.0}


def test_without_decisions_in_a_period_it_says_which(shop: Path) -> None:
    with pytest.raises(InputError, match="decisions"):
        run(shop, end=datetime(2020, 1, 1))


def test_abuse_scores_are_those_of_the_champion_on_both_periods(shop: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    shutil.copytree(shop, settings.tables)
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    X = np.random.default_rng(0).normal(10, 5, size=(300, 1))
    shape = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(shape, lightgbm.Dataset(X, X[:, 0] > 12), 5).model_to_string()
    spec = {"features": ["account_age_days"], "calibration": {"x": [0.0, 1.0], "y": [0.0, 1.0]}}
    registry.promote("abuse", registry.log("abuse", Artefact("abuse", spec, {"abuse": booster}, X[:4]), {}, {}))
    counts = drift_task.fn(settings, tmp_path / "out", None)
    figures = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert figures["abuse"] == "1"
    assert "abuse_score" in figures["features"]
    assert sum(counts.values()) == len(figures["features"]) == len(FEATURES) + 7
    assert figures["auc_low"] <= figures["auc"] <= figures["auc_high"]


def test_the_classifier_tells_moved_periods_apart_and_not_equal_ones() -> None:
    rng = np.random.default_rng(2)
    users = [f"u{n % 300}" for n in range(600)]
    same = apart(rng.normal(size=(300, 4)), rng.normal(size=(300, 4)), users)
    assert same.low < 0.5 < same.high or abs(same.auc - 0.5) < 0.06
    assert same.state == "pass"
    moved = rng.normal(size=(300, 4))
    moved[:, 2] += 2
    told = apart(rng.normal(size=(300, 4)), moved, users)
    assert told.state == "fail"
    assert told.features[0][0] == "c2"
    assert told_apart(moved[:9], moved, users[:309], list("abcd")) is None


def test_a_user_who_is_recognised_does_not_tell_the_periods_apart() -> None:
    """A column that names the user, all of whose rows are of one period: learnt by heart it would be AUC 1."""
    rng = np.random.default_rng(3)
    number = np.repeat(rng.permutation(120), 5).astype(np.float64)
    users = [f"u{int(n)}" for n in number]
    found = apart(number[:300, None], number[300:, None], users)
    assert found.auc < 0.65


def test_the_same_seed_gives_the_same_answer() -> None:
    X = np.random.default_rng(4).normal(size=(200, 3))
    users = [f"u{n}" for n in range(200)]
    assert apart(X[:100], X[100:], users) == apart(X[:100], X[100:], users)


def apart(before: np.ndarray[Any, Any], now: np.ndarray[Any, Any], users: list[str]) -> ToldApart:
    found = told_apart(before, now, users, [f"c{n}" for n in range(before.shape[1])])
    assert found is not None
    return found
