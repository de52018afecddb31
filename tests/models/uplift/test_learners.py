"""What every uplift learner must do: one list of claims that all of them pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.uplift import XLearner
from models.uplift.crossfit import out_of_fold_effect
from models.uplift.simulated import SimulatedTrial, simulated_trial
from tests.fakes.learners import CROSS_FITTED, EFFECTS, LEARNERS, SMALL

N = 1500


@pytest.fixture(scope="module")
def small() -> SimulatedTrial:
    return simulated_trial(N, seed=11)


@pytest.fixture(params=LEARNERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=EFFECTS)
def effect_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fitted(kind: str, X: object, trial: object, **changes: object) -> np.ndarray:
    """Effects on the training rows of a fresh learner."""
    given = {"treatment": trial.treatment, "outcome": trial.value, "propensity": trial.propensity, **changes}
    return LEARNERS[kind]().fit(X, **given).effect(X)


def test_effects_have_a_column_per_treated_arm(kind: str, small: SimulatedTrial) -> None:
    effect = fitted(kind, small.trial.X, small.trial)
    assert effect.shape == (N, 4)
    assert np.isfinite(effect).all()


def test_fit_returns_the_learner_itself(kind: str, small: SimulatedTrial) -> None:
    learner, trial = LEARNERS[kind](), small.trial
    assert learner.fit(trial.X, trial.treatment, trial.value, trial.propensity) is learner


def test_the_same_data_gives_the_same_effects_bit_for_bit(kind: str, small: SimulatedTrial) -> None:
    first, second = (fitted(kind, small.trial.X, small.trial) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_rows_get_the_same_effect_alone_in_pieces_and_in_any_order(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    learner = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value, trial.propensity)
    whole, order = learner.effect(trial.X), np.random.default_rng(0).permutation(N)
    same = np.testing.assert_array_equal
    same(np.vstack([learner.effect(trial.X.iloc[:400]), learner.effect(trial.X.iloc[400:])]), whole)
    same(learner.effect(trial.X.iloc[order]), whole[order])
    same(learner.effect(trial.X.iloc[[7]]), whole[[7]])


def test_effects_scale_with_the_outcome(kind: str, small: SimulatedTrial) -> None:
    plain = fitted(kind, small.trial.X, small.trial)
    scaled = fitted(kind, small.trial.X, small.trial, outcome=small.trial.value * 64)
    np.testing.assert_allclose(scaled, plain * 64, rtol=1e-4, atol=1e-3)


def test_adding_a_constant_to_the_outcome_leaves_effects_alone(effect_kind: str, small: SimulatedTrial) -> None:
    plain = fitted(effect_kind, small.trial.X, small.trial)
    moved = fitted(effect_kind, small.trial.X, small.trial, outcome=small.trial.value + 4096)
    # float32 labels inside LightGBM: a split may fall the other way for a few rows
    assert np.mean(~np.isclose(moved, plain, rtol=2e-2, atol=8.0)) < 0.02
    assert np.abs(moved.mean(axis=0) - plain.mean(axis=0)).max() < 8.0


def test_arrays_and_tables_give_the_same_effects(kind: str, small: SimulatedTrial) -> None:
    numbers = small.trial.X.select_dtypes("number")
    np.testing.assert_array_equal(fitted(kind, numbers, small.trial), fitted(kind, numbers.to_numpy(), small.trial))


def test_the_order_of_the_columns_at_scoring_does_not_matter(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    learner = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value, trial.propensity)
    turned = trial.X[list(reversed(trial.X.columns))].assign(not_learnt_from=1.0)
    np.testing.assert_array_equal(learner.effect(turned), learner.effect(trial.X))


def test_missing_and_unseen_values_are_answered(kind: str, small: SimulatedTrial) -> None:
    trial, learner = small.trial, LEARNERS[kind]()
    learner.fit(trial.X.assign(empty=np.nan), trial.treatment, trial.value, trial.propensity)
    row = pd.DataFrame({name: [np.nan] for name in trial.X}).assign(empty=1.0, tier="platinum", channel=None)
    assert np.isfinite(learner.effect(row)).all()


def test_booleans_times_and_categories_are_features(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(N) % 90, unit="D")
    X = trial.X.assign(member=np.arange(N) % 3 == 0, since=days, tier=trial.X.tier.astype("category"))
    assert np.isfinite(fitted(kind, X, trial)).all()


@pytest.mark.parametrize("name", ["s", "t", "x", "r", "dr_fixed", "t_linear"])
def test_codes_of_a_category_have_no_order(name: str) -> None:
    """Renaming the levels of a text column changes nothing but their alphabetical order."""
    rng = np.random.default_rng(2)
    city = rng.integers(0, 6, 4000)
    treatment = rng.integers(0, 2, 4000)
    y = treatment * np.where(np.isin(city, (0, 3, 5)), 4.0, -4.0) + rng.normal(size=4000)
    half = np.full((4000, 2), 0.5)
    first, second = (
        LEARNERS[name]().fit(X, treatment, y, half).effect(X)[:, 0]
        for X in (
            pd.DataFrame({"city": np.array(list(names))[city], "x": rng.normal(size=4000)})
            for names in ("abcdef", "fbadce")
        )
    )
    assert np.corrcoef(first, np.isin(city, (0, 3, 5)))[0, 1] > 0.95
    assert np.corrcoef(first, second)[0, 1] > 0.95


def test_a_constant_outcome_has_no_effect(effect_kind: str, small: SimulatedTrial) -> None:
    np.testing.assert_allclose(fitted(effect_kind, small.trial.X, small.trial, outcome=np.full(N, 7.0)), 0, atol=1e-5)


def test_a_constant_effect_is_recovered(effect_kind: str) -> None:
    rng = np.random.default_rng(5)
    X, treatment = rng.normal(size=(6000, 4)), rng.integers(0, 3, 6000)
    y = X[:, 0] + np.array([0.0, 1.0, -2.0])[treatment] + 0.5 * rng.normal(size=6000)
    effect = LEARNERS[effect_kind]().fit(X, treatment, y, np.full((6000, 3), 1 / 3)).effect(X)
    np.testing.assert_allclose(effect.mean(axis=0), [1.0, -2.0], atol=0.15)


def test_unknown_chances_of_arms_not_taken_are_accepted(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    known = np.full_like(trial.propensity, np.nan)
    known[np.arange(N), trial.treatment] = trial.taken
    assert np.isfinite(fitted(kind, trial.X, trial, propensity=known)).all()


def test_chances_that_nobody_logged_are_estimated_and_said_to_be(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    learner = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value)
    assert learner.propensity_source_ == "estimated"
    assert np.isfinite(learner.effect(trial.X)).all()
    again = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value, trial.propensity)
    assert again.propensity_source_ == "known"


def test_a_row_of_weight_zero_is_as_good_as_absent(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    weight = (np.random.default_rng(3).random(N) < 0.7).astype(float)
    outcome = np.where(weight > 0, trial.value, np.nan)  # not even looked at
    left = trial.rows(weight > 0)
    with_zeros = LEARNERS[kind]().fit(trial.X, trial.treatment, outcome, trial.propensity, weight)
    without = LEARNERS[kind]().fit(left.X, left.treatment, left.value, left.propensity)
    np.testing.assert_array_equal(with_zeros.effect(trial.X), without.effect(trial.X))


def test_only_ratios_of_weights_count(kind: str, small: SimulatedTrial) -> None:
    weight = np.random.default_rng(4).uniform(0.5, 2, N)
    one, four = (fitted(kind, small.trial.X, small.trial, weight=weight * factor) for factor in (1.0, 4.0))
    np.testing.assert_array_equal(one, four)


def test_heavy_rows_pull_the_effect_their_way(effect_kind: str) -> None:
    rng = np.random.default_rng(9)
    X, treatment = rng.normal(size=(4000, 3)), rng.integers(0, 2, 4000)
    group = rng.random(4000) < 0.5  # no feature shows it: the effect is a weighted mean of +1 and -1
    y = treatment * np.where(group, 1.0, -1.0) + 0.1 * rng.normal(size=4000)
    learner = LEARNERS[effect_kind]().fit(X, treatment, y, np.full((4000, 2), 0.5), np.where(group, 3.0, 1.0))
    assert abs(learner.effect(X).mean() - 0.5) < 0.12


def test_whole_number_weights_are_copies_of_rows() -> None:
    small = simulated_trial(600, seed=3).trial
    times = np.random.default_rng(1).integers(1, 4, 600)
    copied = small.rows(np.repeat(np.arange(600), times))
    for kind in ("average", "t_linear"):
        weighted = LEARNERS[kind]().fit(small.X, small.treatment, small.value, small.propensity, times)
        copies = LEARNERS[kind]().fit(copied.X, copied.treatment, copied.value, copied.propensity)
        found, wanted = weighted.effect(small.X), copies.effect(small.X)
        tolerance = 1e-9 if kind == "average" else 0.05  # the ridge penalty weighs less beside more rows
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("kind", CROSS_FITTED)
def test_clusters_are_never_split_over_folds(kind: str, small: SimulatedTrial) -> None:
    trial, cluster = small.trial, np.arange(N) // 5
    learner = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value, trial.propensity, cluster=cluster)
    for name in np.unique(cluster):
        assert len(set(learner.crossfit_.fold[cluster == name])) == 1


def test_the_x_learner_imputes_with_models_that_never_saw_the_cluster() -> None:
    """The noise is shared within a cluster, and a feature names the cluster: seeing it would explain the noise."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(60), 40)
    X = np.column_stack([cluster, rng.normal(size=2400)]).astype(float)
    treatment, y = rng.integers(0, 2, 2400), rng.normal(size=60)[cluster] * 3
    learner = XLearner(trees=SMALL, nuisance=SMALL, folds=3)
    effect = learner.fit(X, treatment, y, np.full((2400, 2), 0.5), cluster=cluster).effect(X)
    assert np.isfinite(effect).all()
    assert abs(effect.mean()) < 1.0


def test_swapping_two_arms_swaps_their_effects(effect_kind: str) -> None:
    rng = np.random.default_rng(12)
    X, treatment = rng.normal(size=(5000, 4)), rng.integers(0, 3, 5000)
    y = X[:, 1] + np.array([0.0, 2.0, -1.0])[treatment] * (1 + 0.5 * (X[:, 0] > 0)) + 0.3 * rng.normal(size=5000)
    third, swap = np.full((5000, 3), 1 / 3), np.array([0, 2, 1])
    plain = LEARNERS[effect_kind]().fit(X, treatment, y, third).effect(X)
    swapped = LEARNERS[effect_kind]().fit(X, swap[treatment], y, third).effect(X)
    assert np.abs(swapped[:, ::-1] - plain).mean() < 0.25
    assert effect_kind == "average" or np.corrcoef(swapped[:, 1], plain[:, 0])[0, 1] > 0.8


def test_an_arm_that_does_nothing_leaves_the_others_alone(effect_kind: str) -> None:
    rng = np.random.default_rng(13)
    X, treatment = rng.normal(size=(5000, 4)), rng.integers(0, 3, 5000)
    y = X[:, 1] + np.array([0.0, 2.0, 0.0])[treatment] * (X[:, 0] > 0) + 0.3 * rng.normal(size=5000)
    both = LEARNERS[effect_kind]().fit(X, treatment, y, np.full((5000, 3), 1 / 3)).effect(X)
    rows = treatment < 2
    alone = LEARNERS[effect_kind]().fit(X[rows], treatment[rows], y[rows], np.full((rows.sum(), 2), 0.5)).effect(X)
    assert np.abs(both[:, 0] - alone[:, 0]).mean() < 0.3
    assert np.abs(both[:, 1]).mean() < 0.3


def test_out_of_fold_effects_come_from_learners_that_never_saw_the_row(kind: str) -> None:
    trial = simulated_trial(400, seed=1).trial
    cluster = np.arange(400) // 4
    effect, crossfit = out_of_fold_effect(
        LEARNERS[kind], trial.X, trial.treatment, trial.value, trial.propensity, cluster=cluster, folds=2
    )
    mine = np.flatnonzero(crossfit.fold == 0)
    others = trial.rows(crossfit.fold == 1)
    learner = LEARNERS[kind]().fit(
        others.X, others.treatment, others.value, others.propensity, cluster=cluster[crossfit.fold == 1]
    )
    np.testing.assert_allclose(effect[mine], learner.effect(trial.X.iloc[mine]), rtol=1e-9, atol=1e-6)
    assert not set(cluster[mine]) & set(cluster[crossfit.fold == 1])
