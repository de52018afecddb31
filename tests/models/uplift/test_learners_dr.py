"""What the DR-learner does beyond the contract: close to known effects, honest where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.registry import Artefact
from models.uplift import AverageEffect, DRLearner, TBoosted
from models.uplift.boosting import Bins, Together, Trees
from models.uplift.bundle import fit_bundle
from models.uplift.ensemble import combined
from models.uplift.nuisance import expected_outcomes, out_of_fold
from models.uplift.prepared import Prepared
from models.uplift.propensity import LOWEST
from models.uplift.simulated import SimulatedTrial, simulated_trial
from models.uplift.variance import variance


@pytest.fixture(scope="module")
def large() -> SimulatedTrial:
    return simulated_trial(24_000, seed=5, features=8)


@pytest.fixture(scope="module")
def fresh() -> SimulatedTrial:
    return simulated_trial(8000, seed=6, features=8)


@pytest.fixture(scope="module")
def learnt(large: SimulatedTrial) -> DRLearner:
    trial = large.trial
    return DRLearner().fit(trial.X, trial.treatment, trial.value, trial.propensity)


def error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean squared error of every arm's effect."""
    return np.sqrt(((found - truth) ** 2).mean(axis=0))


def test_it_comes_closer_to_known_effects_than_the_average_effect(
    large: SimulatedTrial, fresh: SimulatedTrial, learnt: DRLearner
) -> None:
    trial = large.trial
    average = AverageEffect().fit(trial.X, trial.treatment, trial.value, trial.propensity).effect(fresh.trial.X)
    found = learnt.effect(fresh.trial.X)
    assert error(found, fresh.effect).mean() < 0.85 * error(average, fresh.effect).mean()
    for arm in range(1, 4):  # the first coupon is too small to be told from noise with so few units
        assert error(found, fresh.effect)[arm] < error(average, fresh.effect)[arm]
        assert np.corrcoef(found[:, arm], fresh.effect[:, arm])[0, 1] > 0.5


def test_it_comes_closer_than_a_t_learner_at_library_defaults(
    large: SimulatedTrial, fresh: SimulatedTrial, learnt: DRLearner
) -> None:
    trial = large.trial
    boosted = TBoosted().fit(trial.X, trial.treatment, trial.value, trial.propensity).effect(fresh.trial.X)
    assert error(learnt.effect(fresh.trial.X), fresh.effect).mean() < 0.5 * error(boosted, fresh.effect).mean()


def test_only_the_chance_of_the_arm_taken_still_beats_the_average_effect(
    large: SimulatedTrial, fresh: SimulatedTrial
) -> None:
    trial = large.trial
    taken = np.full_like(trial.propensity, np.nan)
    taken[np.arange(len(trial)), trial.treatment] = trial.taken
    found = DRLearner().fit(trial.X, trial.treatment, trial.value, taken).effect(fresh.trial.X)
    average = AverageEffect().fit(trial.X, trial.treatment, trial.value, taken).effect(fresh.trial.X)
    assert error(found, fresh.effect).mean() < 0.9 * error(average, fresh.effect).mean()


def test_with_permuted_arms_it_finds_no_effect() -> None:
    drawn = simulated_trial(6000, seed=8, features=8)
    trial, rng = drawn.trial, np.random.default_rng(0)
    permuted = trial.treatment.copy()
    for tier in trial.X.tier.unique():  # within a stratum the propensities stay right
        rows = np.flatnonzero(trial.X.tier == tier)
        permuted[rows] = rng.permutation(permuted[rows])
    learner = DRLearner().fit(trial.X, permuted, trial.value, trial.propensity)
    noise = trial.value.std() * np.sqrt(1 / np.bincount(permuted)[1:] + 1 / np.bincount(permuted)[0])
    found = learner.effect(trial.X)
    assert (np.abs(found.mean(axis=0)) < 4 * noise).all()
    assert (found.std(axis=0) < 0.5 * drawn.effect.std(axis=0)).all()


def test_where_nothing_works_on_anybody_effects_hardly_differ() -> None:
    true_spread = simulated_trial(6000, seed=21, features=8).effect.std(axis=0).mean()
    spreads = []
    for seed in range(21, 25):
        nothing = simulated_trial(6000, seed=seed, features=8, strength=0.0).trial
        learner = DRLearner().fit(nothing.X, nothing.treatment, nothing.value, nothing.propensity)
        spreads.append(learner.effect(nothing.X).std(axis=0))
    assert np.mean(spreads) < 0.25 * true_spread
    assert np.mean(np.array(spreads) < 1e-6) > 0.4  # the average effect itself


def test_an_outcome_that_the_control_cannot_have_is_learnt_without_a_contrast(
    large: SimulatedTrial, fresh: SimulatedTrial
) -> None:
    trial = large.trial
    found = DRLearner().fit(trial.X, trial.treatment, trial.cost, trial.propensity).effect(fresh.trial.X)
    assert np.abs(found.mean(axis=0) / fresh.cost.mean(axis=0) - 1).max() < 0.15
    assert (error(found, fresh.cost) < error(np.tile(fresh.cost.mean(axis=0), (8000, 1)), fresh.cost)).all()


def test_a_preparation_shared_by_outcomes_gives_what_separate_fits_give() -> None:
    trial = simulated_trial(1500, seed=11).trial
    prepared = Prepared(trial.X, trial.treatment, trial.propensity)
    for outcome in (trial.value, trial.cost):
        shared = DRLearner().fit_prepared(prepared, outcome).effect(trial.X)
        alone = DRLearner().fit(trial.X, trial.treatment, outcome, trial.propensity).effect(trial.X)
        np.testing.assert_array_equal(shared, alone)


def test_fixed_trees_are_grown_as_they_are_said(large: SimulatedTrial) -> None:
    trial, trees = large.trial, Trees(leaves=5, rounds=7, rows_a_leaf=300)
    learner = DRLearner(trees=trees, nuisance=trees).fit(trial.X, trial.treatment, trial.value, trial.propensity)
    assert learner.effect_out_of_fold_ is None
    for booster, choice in zip(learner.boosters_, learner.choices_, strict=True):
        table = booster.trees_to_dataframe()
        leaves = table[table.left_child.isna()]
        assert booster.num_trees() == 7
        assert leaves.groupby("tree_index").size().max() <= 5
        assert leaves["count"].min() >= 270  # LightGBM's dump counts rows by their weights
        assert (choice.trees, choice.shrinkage) == (trees, 1.0)


def test_effects_out_of_fold_are_of_models_that_never_saw_the_row() -> None:
    """Noise that a row's own outcome put into the model would show as correlation with that outcome."""
    rng = np.random.default_rng(3)
    X, treatment = rng.normal(size=(4000, 5)), rng.integers(0, 2, 4000)
    y = rng.normal(size=4000)
    weight = np.ones(4000)
    weight[:10] = 0
    learner = DRLearner(candidates=(Trees(leaves=31, rounds=40, rows_a_leaf=5),), folds=2)
    learner.fit(X, treatment, y, np.full((4000, 2), 0.5), weight)
    effect = learner.effect_out_of_fold_
    assert effect is not None
    assert np.isnan(effect[:10]).all()
    signed = np.where(treatment == 1, y, -y)[10:]
    spread = effect[10:, 0].std()
    assert spread == 0 or abs(np.corrcoef(effect[10:, 0], signed)[0, 1]) < 0.06


def test_the_pseudo_outcome_is_unbiased_whatever_the_predictions() -> None:
    drawn = simulated_trial(60_000, seed=3, features=6)
    trial = drawn.trial
    prepared = Prepared(trial.X, trial.treatment, trial.propensity)
    wrong = np.tile([500.0, -300.0, 900.0, 0.0, 100.0], (len(trial), 1))
    for part in prepared.pairs:
        psi = part.pseudo_outcome(trial.value, wrong)
        # Rows of the pair are a biased sample of customers where propensities differ: compare within a tier.
        for tier in ("bronze", "silver", "gold"):
            rows = (trial.X.tier == tier).to_numpy()
            mine = psi[rows[part.rows]]
            truth = drawn.effect[rows, part.arm - 1].mean()
            assert abs(mine.mean() - truth) < 4.5 * mine.std() / np.sqrt(len(mine))


def test_watched_scores_are_those_of_the_raw_rows_after_every_number_of_rounds() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    X[rng.random((2000, 4)) < 0.1] = np.nan
    X[:, 3] = rng.integers(0, 6, 2000)
    y = np.nan_to_num(X[:, 0]) + (X[:, 3] == 2)
    bins = Bins(X, categorical=(3,))
    train, held_out = np.arange(1500), np.arange(1500, 2000)
    booster, scores = bins.watch(
        bins.take(train), y[train], Trees(leaves=5, rounds=20), bins.take(held_out), after=(3, 20)
    )
    for place, rounds in enumerate((3, 20)):
        np.testing.assert_array_equal(scores[place], booster.predict(X[held_out], num_iteration=rounds))
    again = bins.grow(train, y, Trees(leaves=5, rounds=20))
    np.testing.assert_array_equal(again.predict(X), booster.predict(X))


def test_a_sum_of_models_predicts_and_explains_itself_like_its_parts() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(800, 3))
    X[:, 2] = rng.integers(0, 5, 800)
    bins, rows = Bins(X, categorical=(2,)), np.arange(800)
    first = bins.grow(rows, X[:, 0] + (X[:, 2] == 1), Trees(leaves=4, rounds=9))
    second = bins.grow(rows, X[:, 1] ** 2, Trees(leaves=3, rounds=5))
    whole = combined(first, [(first, 4, 0.5), (second, 5, -2.0)], 7.0)
    wanted = 7.0 + 0.5 * first.predict(X, num_iteration=4) - 2.0 * second.predict(X)
    np.testing.assert_allclose(whole.predict(X), wanted, rtol=1e-12)
    np.testing.assert_allclose(whole.predict(X, pred_contrib=True).sum(axis=1), wanted, rtol=1e-9)
    nothing = combined(first, [], -3.0)
    np.testing.assert_array_equal(nothing.predict(X), np.full(800, -3.0))
    both = Together([whole, nothing, first])
    np.testing.assert_array_equal(both.predict(X)[:, 0], whole.predict(X))
    np.testing.assert_array_equal(both.predict(X)[:, 2], first.predict(X))


def test_expected_outcomes_are_close_and_never_saw_their_row(large: SimulatedTrial) -> None:
    trial = large.trial
    expected = expected_outcomes(trial.X, trial.treatment, trial.value, trial.propensity, seed=4)
    assert expected.shape == (len(trial), 5)
    taken = expected[np.arange(len(trial)), trial.treatment]
    assert np.mean((trial.value - taken) ** 2) < 0.99 * trial.value.var()
    noise = np.random.default_rng(0).normal(size=len(trial))
    blind = expected_outcomes(trial.X, trial.treatment, noise, trial.propensity)
    assert abs(np.corrcoef(blind[np.arange(len(trial)), trial.treatment], noise)[0, 1]) < 0.03
    prepared = Prepared(trial.X, trial.treatment, trial.propensity, seed=4)
    np.testing.assert_array_equal(out_of_fold(prepared, trial.value), expected)


def test_estimated_chances_follow_the_features_where_these_decide_and_are_shares_where_chance_does() -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(8000, 4))
    even = rng.integers(0, 3, 8000)
    chances = Prepared(X, even).propensity
    np.testing.assert_allclose(chances, 1 / 3, atol=0.03)
    push = np.column_stack([np.zeros(8000), 2 * (X[:, 0] > 0), -1 * (X[:, 1] > 0)])
    truth = np.exp(push) / np.exp(push).sum(axis=1, keepdims=True)
    uneven = (rng.random((8000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    found = Prepared(X, uneven).propensity
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() >= LOWEST / 2
    assert np.abs(found - truth).mean() < 0.04


def test_noise_that_grows_with_the_mean_is_seen() -> None:
    rng = np.random.default_rng(2)
    mean = rng.uniform(1, 5, 20_000)
    found = variance(mean, mean * rng.normal(size=20_000))
    np.testing.assert_allclose(found / found.mean(), mean**2 / np.mean(mean**2), rtol=0.3)
    np.testing.assert_array_equal(variance(mean, np.zeros(20_000)), 1)


def test_codes_of_categories_are_split_as_sets_in_the_artefact_too() -> None:
    drawn = simulated_trial(6000, seed=2, features=8)
    trial = drawn.trial
    codes = trial.X.assign(
        tier=trial.X.tier.map({"gold": 0, "bronze": 1, "silver": 2}),
        channel=trial.X.channel.astype("category").cat.codes,
    )
    coded = trial.rows(np.arange(6000))
    object.__setattr__(coded, "X", codes.astype(float))
    bundle = fit_bundle(coded, categorical=("tier", "channel"))
    artefact: Artefact = bundle.artefact(codes.to_numpy(float)[:16], {})
    assert artefact.spec["categorical"] == ["tier", "channel"]
    scores = artefact.predict(codes.to_numpy(float))
    for outcome, learner in bundle.learners.items():
        for arm, effect in zip(trial.arms[1:], learner.effect(coded.X).T, strict=True):
            np.testing.assert_array_equal(scores[f"{outcome}:{arm}"], effect)
    assert any("num_cat=1" in text for text in artefact.boosters.values())
    with pytest.raises(InputError, match="categorical: got 'nothing'"):
        fit_bundle(coded, categorical=("nothing",))
    with pytest.raises(InputError, match="feature average_basket: got"):
        fit_bundle(coded, categorical=("average_basket",))
    with pytest.raises(InputError, match="features: got"):
        fit_bundle(trial)


def test_a_learner_that_was_fitted_on_a_table_reads_other_tables_of_its_kind(learnt: DRLearner) -> None:
    X = simulated_trial(200, seed=1, features=8).trial.X
    nullable = X.convert_dtypes()
    np.testing.assert_array_equal(learnt.effect(nullable), learnt.effect(X))
    strings = X.assign(tier=pd.Categorical(X.tier))
    np.testing.assert_array_equal(learnt.effect(strings), learnt.effect(X))
