"""A trial without differences keeps the average effect, a strong one gets a model, and the judge never peeks."""

from __future__ import annotations

from typing import Self

import numpy as np
import pytest

from features.errors import InputError
from models.uplift import AverageEffect, TLinear
from models.uplift.boosting import Trees
from models.uplift.dr import DRLearner
from models.uplift.selection import CONSTANT, SelectedLearner, compare, default_candidates

Trial = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def trial(seed: int, n: int = 1500, strength: float = 0.0) -> Trial:
    """Features, arm of three, outcome, propensities, true effects (n, 2)."""
    rng = np.random.default_rng([4, seed])
    X = rng.normal(size=(n, 6))
    chances = np.tile([0.5, 0.3, 0.2], (n, 1))
    arm = (chances.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    effect = 0.3 + strength * np.column_stack([X[:, 0], np.where(X[:, 1] > 0, 1.0, -1.0)])
    y = X[:, 2] + np.column_stack([np.zeros(n), effect])[np.arange(n), arm] + rng.normal(size=n)
    return X, arm, y, chances, effect


FAST = {"t_linear": TLinear, "dr_learner": lambda: DRLearner(candidates=(Trees(leaves=4, rounds=20),))}


@pytest.mark.slow
@pytest.mark.parametrize("clustered", [False, True])
def test_where_effects_do_not_differ_the_average_effect_wins_nearly_always(clustered: bool) -> None:
    wins = 0
    for seed in range(10):
        X, arm, y, chances, _ = trial(seed, 600)
        names = np.arange(len(y)) // 3 if clustered else None
        wins += compare(FAST, X, arm, y, chances, names, seed=seed).chosen == CONSTANT
    assert wins >= 8, wins


@pytest.mark.slow
def test_where_effects_differ_much_a_model_wins_and_predicts_better() -> None:
    for seed in range(3):
        X, arm, y, chances, effect = trial(seed, strength=0.6)
        learner = SelectedLearner(FAST, seed=seed).fit(X, arm, y, chances)
        assert learner.chosen_ != CONSTANT
        constant = AverageEffect().fit(X, arm, y, chances).effect(X)
        assert np.mean((learner.effect(X) - effect) ** 2) < 0.6 * np.mean((constant - effect) ** 2)
        one = learner.selection_[learner.chosen_]
        assert one.better.above_zero
        assert one.value.above_zero
        assert one.behind.value <= one.behind.standard_error


def test_losses_differ_by_as_much_as_true_squared_errors_do() -> None:
    X, arm, y, chances, effect = trial(1, 40_000, strength=0.4)

    class Half(Known):
        share = 0.5

    found = compare({"half": Half, "known": Known}, X, arm, y, chances)
    for name, share in (("half", 0.5), ("known", 1.0)):
        error = np.mean((0.4 * (1 - share)) ** 2 * np.column_stack([X[:, 0] ** 2, np.ones(len(X))]))
        constant = np.mean((effect - 0.3) ** 2)
        better = found[name].better
        assert abs(better.value - (constant - error)) < 4 * better.standard_error + 0.01
    assert found.chosen == "known"
    assert found["known"].behind.value == 0


class Known:
    """Effects spread by a share of the true ones around their average."""

    share = 1.0

    def fit(self, *_: object) -> Self:
        return self

    def effect(self, X: np.ndarray) -> np.ndarray:
        return 0.3 + 0.4 * self.share * np.column_stack([X[:, 0], np.where(X[:, 1] > 0, 1.0, -1.0)])


class Remembers:
    """Predicts what it has seen, and says which rows it was given."""

    def fit(self, X: np.ndarray, *_: object) -> Self:
        self.rows = set(X[:, 0].tolist())
        return self

    def effect(self, X: np.ndarray) -> np.ndarray:
        assert not self.rows & set(X[:, 0].tolist()), "a row was predicted by a model that has seen it"
        return np.zeros((len(X), 2))


def test_no_candidate_predicts_a_row_that_it_has_seen() -> None:
    X, arm, y, chances, _ = trial(2, 400)
    assert "remembers" in compare({"remembers": Remembers}, X, arm, y, chances).names


def test_clusters_are_never_torn_apart() -> None:
    X, arm, y, chances, _ = trial(3, 400)
    X[:, 0] = np.arange(400) // 4  # the cluster's name as a feature
    compare({"remembers": Remembers}, X, arm, y, chances, cluster=np.arange(400) // 4)


def test_the_average_effect_is_a_candidate_even_when_it_is_not_named() -> None:
    X, arm, y, chances, _ = trial(4, 300)
    found = compare({"t_linear": TLinear}, X, arm, y, chances)
    assert found.names == (CONSTANT, "t_linear")
    assert found[CONSTANT].better.value == 0
    assert SelectedLearner({}).fit(X, arm, y, chances).chosen_ == CONSTANT
    assert next(iter(default_candidates())) == CONSTANT
    with pytest.raises(InputError, match="candidate: got 'other'"):
        found["other"]


def test_the_same_seed_selects_and_predicts_the_same() -> None:
    X, arm, y, chances, _ = trial(5, 600, 0.6)
    one, two = (SelectedLearner(FAST, seed=3).fit(X, arm, y, chances) for _ in range(2))
    assert one.selection_ == two.selection_
    assert np.array_equal(one.effect(X), two.effect(X))


def test_chances_of_other_arms_and_all_chances_may_be_unknown() -> None:
    X, arm, y, chances, _ = trial(6, 600, 1.0)
    hidden = np.full_like(chances, np.nan)
    hidden[np.arange(600), arm] = chances[np.arange(600), arm]
    assert compare(FAST, X, arm, y, hidden).chosen != CONSTANT
    assert compare(FAST, X, arm, y).chosen != CONSTANT


def test_rows_of_weight_zero_are_as_good_as_absent() -> None:
    X, arm, y, chances, _ = trial(7, 800)
    y = y.copy()
    weight = np.ones(800)
    weight[600:] = 0
    y[600:] += 1000
    whole = compare(FAST, X, arm, y, chances, weight=weight)
    part = compare(FAST, X[:600], arm[:600], y[:600], chances[:600])
    assert whole["t_linear"].loss.value == pytest.approx(part["t_linear"].loss.value)
    assert whole.chosen == part.chosen


def test_a_constant_outcome_and_an_arm_of_five_rows_are_defined() -> None:
    X, arm, y, chances, _ = trial(8, 400)
    assert compare(FAST, X, arm, np.full(400, 2.5), chances).chosen == CONSTANT
    kept = np.flatnonzero((arm != 2) | (np.cumsum(arm == 2) <= 5))
    assert compare(FAST, X[kept], arm[kept], y[kept], chances[kept]).chosen in (CONSTANT, *FAST)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": np.inf}, "outcome: got inf"),
        ({"treatment": 0}, "arm: got"),
        ({"propensity": 0.0}, "propensity: got 0.0"),
    ],
)
def test_bad_input_is_named(change: dict[str, float], message: str) -> None:
    X, arm, y, chances, _ = trial(9, 200)
    given = {"treatment": arm, "outcome": y.copy(), "propensity": chances.copy()}
    for name, value in change.items():
        given[name] = np.zeros_like(arm) if name == "treatment" else given[name]
        if name == "outcome":
            given[name][3] = value
        if name == "propensity":
            given[name][np.arange(200), arm] = value
    with pytest.raises(InputError, match=message):
        compare(FAST, X, given["treatment"], given["outcome"], given["propensity"])
