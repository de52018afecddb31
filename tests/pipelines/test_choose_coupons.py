"""A round of coupons over users with features: within budget, flagged users left out, every row explained."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.policy.assign import REASONS, Policy, choose
from models.registry import Artefact, Loaded, effects
from pipelines.choose_coupons import CHOICES, choices_of, decide, report_of, round_key, withheld_users
from pipelines.read_features import matrix_of
from serving.settings import Settings

FEATURES = ("recency", "frequency", "money")
ARMS = ("none", "small", "large")
KEY = round_key(date(2026, 5, 31))


def booster(X: np.ndarray, y: np.ndarray) -> str:
    shape = {"verbosity": -1, "num_threads": 1, "num_leaves": 6, "min_data_in_leaf": 20, "seed": 0}
    return str(lightgbm.train(shape, lightgbm.Dataset(X, y), num_boost_round=8).model_to_string())


@pytest.fixture(scope="module")
def uplift() -> Loaded:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3))
    noise = rng.normal(0, 20, (800, 4))
    boosters = {
        "value:small": booster(X, 150 + 200 * X[:, 0] + noise[:, 0]),
        "value:large": booster(X, 250 + 300 * X[:, 1] + noise[:, 1]),
        "cost:small": booster(X, 80 + 20 * X[:, 2] + noise[:, 2]),
        "cost:large": booster(X, 200 + 50 * X[:, 2] + noise[:, 3]),
    }
    artefact = Artefact("uplift", {"features": list(FEATURES), "arms": list(ARMS)}, boosters)
    return Loaded(artefact, "uplift", "3", "run", {}, {})


@pytest.fixture(scope="module")
def users() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(1_500, 3)), columns=list(FEATURES))
    frame.loc[::17, "money"] = np.nan  # a feature can be missing
    return frame.assign(user_id=[f"u{number:05d}" for number in range(1_500)])


def test_the_round_stays_within_its_budget_and_uses_it(uplift: Loaded, users: pd.DataFrame) -> None:
    done = decide(users, uplift, Settings(), frozenset(), KEY, budget_cents=40_000)
    figures = done.figures()
    assert 0.97 * 40_000 < figures["spend_cents"] <= 40_000
    assert done.policy.budget_cents == 40_000
    assert done.policy.uplift_version == "3"
    assert decide(users, uplift, Settings(), frozenset(), KEY).policy.budget_cents == Settings().policy.budget_cents


def test_every_choice_is_repeated_by_the_promoted_policy_for_one_user_alone(
    uplift: Loaded, users: pd.DataFrame
) -> None:
    done = decide(users, uplift, Settings(), frozenset(), KEY, budget_cents=40_000)
    rows = choices_of(done, users, KEY)
    policy = Policy.from_spec(json.loads(json.dumps(done.policy.to_spec())))
    for i in range(0, 1_500, 7):
        found = effects(uplift.artefact, matrix_of(users.iloc[[i]], FEATURES))
        alone = choose(policy, found.profit, found.cost, [rows.user_id[i]], [rows.key[i]])
        assert policy.arms[alone.offer[0]] == rows.offer[i]
        assert alone.propensity[0] == rows.propensity[i]


def test_choices_keep_their_schema_and_explain_every_row(uplift: Loaded, users: pd.DataFrame) -> None:
    done = decide(users, uplift, Settings(), frozenset({"u00003"}), KEY, budget_cents=40_000)
    rows = choices_of(done, users, KEY)
    assert list(rows.columns) == CHOICES.names
    assert set(rows.reason) <= set(REASONS)
    assert rows.loc[rows.user_id == "u00003", ["offer", "reason"]].to_numpy().tolist() == [["none", "withheld"]]
    none = rows.offer == "none"
    assert (rows.loc[none, ["value_cents", "cost_cents", "score"]] == 0).all(axis=None)
    assert (rows.propensity > 0).all()
    assert (rows.loc[rows.reason == "best", "score"] > 0).all()


def test_flags_that_keep_coupons_are_told_from_those_that_wait_for_review(tmp_path: Path) -> None:
    flags = tmp_path / "flags.parquet"
    actions = ["allow", "hold", "withhold", "block"]
    pd.DataFrame({"user_id": ["a", "b", "c", "d"], "action": actions}).to_parquet(flags)
    assert withheld_users(flags) == {"c", "d"}
    assert withheld_users(None) == frozenset()


def test_a_flags_file_that_is_missing_or_lacks_a_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="flags: got"):
        withheld_users(tmp_path / "none.parquet")
    pd.DataFrame({"user": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="flags: got"):
        withheld_users(tmp_path / "other.parquet")


def test_a_feature_that_no_longer_exists_is_named(uplift: Loaded, users: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="features: got 'money'"):
        decide(users.drop(columns="money"), uplift, Settings(), frozenset(), KEY)


def test_the_report_holds_all_figures(uplift: Loaded, users: pd.DataFrame, tmp_path: Path) -> None:
    done = decide(users, uplift, Settings(), frozenset(), KEY, budget_cents=40_000)
    page = report_of(done, date(2026, 5, 31)).write(tmp_path)
    saved = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert saved == pytest.approx(done.figures())
    text = page.read_text("utf-8")
    assert "预期花费" in text
    assert "<dd>¥400</dd>" in text  # the budget
    assert "<svg" in text
