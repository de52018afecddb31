"""A small simulated shop through both flows: a round of coupons, then its policy judged on later decisions."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.policy.assign import Policy, choose
from models.policy.compare import POLICY
from models.registry import Artefact, Registry, effects
from pipelines.build_features import build, repo_of
from pipelines.choose_coupons import Round, run_round
from pipelines.evaluate_policy import Evaluation, judge_policy
from pipelines.read_features import matrix_of, newest_day, users_on
from pipelines.shop import simulate
from serving.budget_curve import path_of, read_curve, read_measured
from serving.settings import Settings

FEATURES = ("account_age_days", "orders_90d", "margin_cents_90d", "days_since_event", "claims_30d")
ARMS = ("none", "cut_100_10", "cut_200_35", "pct_10_cap_30", "flat_8", "flat_20")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    simulate(users=1_000, days=60, seed=3, out=folder)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return Settings(home=home, policy={"budget_cents": 25_000})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def middle(shop: Path) -> datetime:
    """Half way through the trial: decisions before it train, later ones judge."""
    at = pd.read_parquet(shop / "decisions.parquet", columns=["decided_at"]).decided_at
    return (at.min() + (at.max() - at.min()) / 2).floor("D").to_pydatetime()


@pytest.fixture(scope="module")
def registry(settings: Settings, middle: datetime) -> Registry:
    """A registry whose champion is a small made-up uplift model; judging it well is not the point here."""
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(0, [200, 3, 20_000, 30, 3], (500, 5)))
    shape = {"verbosity": -1, "num_threads": 1, "num_leaves": 4, "min_data_in_leaf": 40, "seed": 0}
    boosters = {}
    for at, arm in enumerate(ARMS[1:], start=1):
        for what, target in (("value", 300 + 0.02 * X[:, 2]), ("cost", 30 * at + 5 * X[:, 4])):
            noisy = target + rng.normal(0, 50, 500)
            boosters[f"{what}:{arm}"] = lightgbm.train(shape, lightgbm.Dataset(X, noisy), 5).model_to_string()
    spec = {"features": list(FEATURES), "arms": list(ARMS), "trained_until": middle.isoformat()}
    store = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    store.promote("uplift", store.log("uplift", Artefact("uplift", spec, boosters, X[:8]), {}, {}))
    return store


@pytest.fixture(scope="module")
def done(registry: Registry, settings: Settings, shop: Path) -> Round:
    flags = settings.home / "flags.parquet"
    pd.DataFrame({"user_id": ["u0000001", "u0000002"], "action": ["withhold", "hold"]}).to_parquet(flags)
    build(shop, repo_of(settings), materialise=False)
    return run_round(settings, flags=flags)


@pytest.fixture(scope="module")
def judged(done: Round, settings: Settings, shop: Path) -> Evaluation:
    return judge_policy(settings, shop)


def test_the_round_writes_one_choice_per_user_within_the_budget(done: Round, settings: Settings) -> None:
    choices = pd.read_parquet(done.choices)
    assert choices.user_id.is_unique
    assert len(choices) == done.figures["users"] > 800
    assert choices.cost_cents.sum() <= 25_000
    assert done.figures["spend_cents"] > 23_000
    assert done.report == settings.reports / "choose_coupons" / "report.html"
    assert json.loads(done.report.with_name("report.json").read_text("utf-8"))["gap"] >= 0


def test_the_promoted_policy_decides_each_user_alone_as_the_round_did(
    done: Round, registry: Registry, settings: Settings
) -> None:
    champion = registry.load("policy")
    assert champion.version == done.policy_version
    assert champion.metrics["spend_cents"] == pytest.approx(done.figures["spend_cents"])
    policy = Policy.from_spec(champion.artefact.spec)
    uplift = registry.load("uplift", policy.uplift_version)
    users = users_on(settings.features, done.day)
    choices = pd.read_parquet(done.choices).set_index("user_id")
    for i in range(0, len(users), 40):
        chosen = choices.loc[users.user_id[i]]
        if chosen.reason == "withheld":
            continue
        found = effects(uplift.artefact, matrix_of(users.iloc[[i]], FEATURES))
        alone = choose(policy, found.profit, found.cost, [users.user_id[i]], [chosen.key])
        assert policy.arms[alone.offer[0]] == chosen.offer
        assert alone.propensity[0] == chosen.propensity


def test_only_a_flag_that_keeps_coupons_keeps_them(done: Round) -> None:
    choices = pd.read_parquet(done.choices).set_index("user_id")
    assert done.figures["withheld_users"] == 1
    assert choices.reason["u0000001"] == "withheld"
    assert choices.reason["u0000002"] != "withheld"


def test_the_policy_is_judged_on_decisions_after_training_only(
    judged: Evaluation, done: Round, middle: datetime, shop: Path
) -> None:
    decided = pd.read_parquet(shop / "decisions.parquet").decided_at
    closed = (decided >= middle) & (decided < pd.Timestamp(done.day) - pd.Timedelta(days=7))
    assert judged.comparison.n == closed.sum() > 100
    assert judged.after == middle
    assert (judged.policy_version, judged.uplift_version) == (done.policy_version, done.figures and "1")


def test_the_evaluation_reports_every_baseline_with_an_interval(judged: Evaluation) -> None:
    names = {standing.name for standing in judged.comparison.standings}
    assert {POLICY, "no_one", "random", "best_single_arm", "response_ranking"} < names
    assert {f"everyone:{arm}" for arm in ARMS[1:]} < names
    for standing in judged.comparison.standings:
        assert standing.profit.low < standing.profit.value < standing.profit.high
        assert standing.profit.ess > 0
    saved = json.loads(judged.report.with_name("report.json").read_text("utf-8"))
    assert saved == judged.figures
    page = judged.report.read_text("utf-8")
    assert "response ranking" in page
    assert "全员 cut_100_10" in page
    assert "everyone: cut_100_10" in page
    assert "everyone:cut_100_10" not in page
    assert "按用户聚类" in page


def test_the_evaluation_words_a_loss_as_a_loss_and_shows_every_budget_and_segment(judged: Evaluation) -> None:
    page = judged.report.read_text("utf-8")
    lift = judged.comparison.named(POLICY).lift.value
    said = re.search(r"Against no coupons the policy earns ¥[\d.,]+ (more|less) per decision", page)
    assert said is not None
    assert said[1] == ("less" if lift < 0 else "more")
    assert "Every budget" in page
    assert "各种预算" in page
    assert "Segments, side by side" in page
    budgets, curve = judged.figures["curve_budgets"], judged.figures["curve_policy"]
    assert isinstance(budgets, list)
    assert isinstance(curve, list)
    assert len(budgets) == len(curve) > 10
    assert {"curve_ahead_of_response_ranking_low", "segment[gold]_gap_alike"} <= judged.figures.keys()


def test_the_round_compares_the_tiers_of_its_users(done: Round) -> None:
    page = done.report.read_text("utf-8")
    assert "Segments, side by side" in page
    assert {"segment[bronze]_offered_low", "segment[gold]_gap"} <= done.figures.keys()
    choices = pd.read_parquet(done.choices)
    best = choices[choices.reason == "best"]
    assert (best.rule_offer == best.offer).all()
    assert (best.lead_cents >= 0).all()


def test_the_round_leaves_its_budget_curve_and_the_evaluation_its_band(
    done: Round, judged: Evaluation, settings: Settings
) -> None:
    curve = read_curve(path_of(settings.home))
    assert curve is not None and len(curve.points) >= 100
    mine = curve.points[curve.nearest(curve.current_cents)]
    assert (mine.spend_cents, mine.profit_cents) == (done.figures["spend_cents"], done.figures["profit_cents"])
    measured = read_measured(settings.reports / "evaluate_policy" / "report.json")
    assert measured is not None
    assert all(
        low <= value <= high for low, value, high in zip(measured.low, measured.value, measured.high, strict=True)
    )


def test_too_few_held_out_decisions_are_an_error(done: Round, settings: Settings, shop: Path) -> None:
    with pytest.raises(InputError, match="held-out decisions: got 0"):
        judge_policy(settings, shop, after=datetime.combine(done.day, time()))


def test_an_empty_registry_names_what_to_run_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "champion", lambda self, name: None)
    with pytest.raises(InputError, match="run train_uplift first"):
        run_round(Settings(home=tmp_path))
    with pytest.raises(InputError, match="run choose_coupons first"):
        judge_policy(Settings(home=tmp_path))


def test_a_day_without_a_snapshot_is_named(done: Round, settings: Settings, tmp_path: Path) -> None:
    assert newest_day(settings.features) == done.day
    with pytest.raises(InputError, match="day: got '2020-01-01'"):
        users_on(settings.features, date(2020, 1, 1))
    with pytest.raises(InputError, match="run build_features first"):
        newest_day(tmp_path)
