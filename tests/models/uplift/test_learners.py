"""What every uplift learner must do, and what the DR-learner does beyond it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.uplift import AverageEffect, DRLearner, ResponseRanking, TBoosted, TLinear
from models.uplift.boosting import Trees
from models.uplift.contrast import Prepared
from models.uplift.simulated import SimulatedTrial, simulated_trial

SMALL = Trees(leaves=4, rounds=15)
LEARNERS: dict[str, Callable[[], object]] = {
    "dr": lambda: DRLearner(candidates=(Trees(leaves=2, rounds=20),), nuisance=SMALL, folds=2),
    "t_linear": TLinear,
    "t_boosted": lambda: TBoosted(trees=SMALL),
    "response": ResponseRanking,
    "average": AverageEffect,
}
TREES = ("dr", "t_boosted")


@pytest.fixture(scope="module")
def small() -> SimulatedTrial:
    return simulated_trial(1500, seed=11)


@pytest.fixture(params=LEARNERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fitted(kind: str, X: object, trial: object, **changes: object) -> np.ndarray:
    """Effects on the training rows of a fresh learner."""
    given = {"treatment": trial.treatment, "outcome": trial.value, "propensity": trial.propensity, **changes}
    return LEARNERS[kind]().fit(X, **given).effect(X)


def test_effects_have_a_column_per_treated_arm(kind: str, small: SimulatedTrial) -> None:
    effect = fitted(kind, small.trial.X, small.trial)
    assert effect.shape == (1500, 4)
    assert np.isfinite(effect).all()


def test_fit_returns_the_learner_itself(kind: str, small: SimulatedTrial) -> None:
    learner, trial = LEARNERS[kind](), small.trial
    assert learner.fit(trial.X, trial.treatment, trial.value, trial.propensity) is learner


def test_the_same_data_gives_the_same_effects_bit_for_bit(kind: str, small: SimulatedTrial) -> None:
    first, second = (fitted(kind, small.trial.X, small.trial) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_effects_scale_with_the_outcome(kind: str, small: SimulatedTrial) -> None:
    plain = fitted(kind, small.trial.X, small.trial)
    scaled = fitted(kind, small.trial.X, small.trial, outcome=small.trial.value * 64)
    np.testing.assert_allclose(scaled, plain * 64, rtol=1e-4, atol=1e-3)


def test_adding_a_constant_to_the_outcome_leaves_effects_alone(kind: str, small: SimulatedTrial) -> None:
    if kind == "response":
        pytest.skip("the ranking by response is no effect: it moves with the outcome")
    plain = fitted(kind, small.trial.X, small.trial)
    moved = fitted(kind, small.trial.X, small.trial, outcome=small.trial.value + 4096)
    np.testing.assert_allclose(moved, plain, rtol=2e-2, atol=8.0)  # float32 labels inside LightGBM


def test_arrays_and_tables_give_the_same_effects(kind: str, small: SimulatedTrial) -> None:
    numbers = small.trial.X.select_dtypes("number")
    np.testing.assert_array_equal(fitted(kind, numbers, small.trial), fitted(kind, numbers.to_numpy(), small.trial))


def test_missing_and_unseen_values_are_answered(kind: str, small: SimulatedTrial) -> None:
    trial, learner = small.trial, LEARNERS[kind]()
    learner.fit(trial.X.assign(empty=np.nan), trial.treatment, trial.value, trial.propensity)
    row = pd.DataFrame({name: [np.nan] for name in trial.X}).assign(empty=1.0, tier="platinum", channel=None)
    assert np.isfinite(learner.effect(row)).all()


def test_a_constant_outcome_has_no_effect(kind: str, small: SimulatedTrial) -> None:
    if kind == "response":
        pytest.skip("a ranking by response predicts the outcome itself")
    np.testing.assert_allclose(fitted(kind, small.trial.X, small.trial, outcome=np.full(1500, 7.0)), 0, atol=1e-5)


def test_unknown_chances_of_arms_not_taken_are_accepted(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    known = np.full_like(trial.propensity, np.nan)
    known[np.arange(len(trial)), trial.treatment] = trial.taken
    assert np.isfinite(fitted(kind, trial.X, trial, propensity=known)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outcome": np.append(np.zeros(1499), np.inf)}, "outcome: got inf"),
        ({"outcome": np.zeros(3)}, "outcome: got"),
        ({"treatment": np.zeros(1500, dtype=int)}, "arm: got '1', expected an arm with at least 2 units"),
        ({"treatment": np.full(1500, 9)}, "treatment: got"),
        ({"propensity": np.full((1500, 5), 0.3)}, "that sum to 1"),
        ({"propensity": np.tile([1.0, 0, 0, 0, 0], (1500, 1))}, "propensity: got 0.0"),
        ({"propensity": np.full((1500, 1), 1.0), "treatment": np.zeros(1500, dtype=int)}, "at least two arms"),
    ],
)
def test_trials_that_make_no_sense_are_refused(
    kind: str, small: SimulatedTrial, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fitted(kind, small.trial.X, small.trial, **changes)


def test_infinite_features_and_empty_tables_are_refused(kind: str, small: SimulatedTrial) -> None:
    trial = small.trial
    with pytest.raises(InputError, match="feature browsing_without_buying: got 'an infinity'"):
        fitted(kind, trial.X.assign(browsing_without_buying=np.inf), trial)
    none = trial.rows(np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="X: got"):
        fitted(kind, none.X, none)


@pytest.fixture(scope="module")
def large() -> SimulatedTrial:
    return simulated_trial(24_000, seed=5, features=8)


@pytest.fixture(scope="module")
def learnt(large: SimulatedTrial) -> DRLearner:
    trial = large.trial
    return DRLearner().fit(trial.X, trial.treatment, trial.value, trial.propensity)


def error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean squared error of every arm's effect."""
    return np.sqrt(((found - truth) ** 2).mean(axis=0))


def test_the_dr_learner_comes_closer_to_known_effects_than_the_average_effect(
    large: SimulatedTrial, learnt: DRLearner
) -> None:
    trial, fresh = large.trial, simulated_trial(8000, seed=6, features=8)
    average = AverageEffect().fit(trial.X, trial.treatment, trial.value, trial.propensity).effect(fresh.trial.X)
    found = learnt.effect(fresh.trial.X)
    assert error(found, fresh.effect).mean() < 0.92 * error(average, fresh.effect).mean()
    for arm in range(1, 4):  # the first coupon is too small to be told from noise with so few units
        assert error(found, fresh.effect)[arm] < error(average, fresh.effect)[arm]
        assert np.corrcoef(found[:, arm], fresh.effect[:, arm])[0, 1] > 0.3


def test_it_comes_closer_than_a_t_learner_at_library_defaults(large: SimulatedTrial, learnt: DRLearner) -> None:
    trial = large.trial
    fresh = simulated_trial(8000, seed=6, features=8)
    boosted = TBoosted().fit(trial.X, trial.treatment, trial.value, trial.propensity).effect(fresh.trial.X)
    assert error(learnt.effect(fresh.trial.X), fresh.effect).mean() < error(boosted, fresh.effect).mean()


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


def test_where_nothing_works_on_anybody_the_average_effect_is_kept_or_nearly() -> None:
    nothing = simulated_trial(6000, seed=21, features=8, strength=0.0).trial
    learner = DRLearner().fit(nothing.X, nothing.treatment, nothing.value, nothing.propensity)
    assert sum(choice.trees.leaves == 1 for choice in learner.choices_) >= 2
    assert all(choice.shrinkage < 0.6 for choice in learner.choices_)


def test_an_outcome_that_the_control_cannot_have_is_learnt_without_a_contrast(large: SimulatedTrial) -> None:
    trial = large.trial
    learner = DRLearner().fit(trial.X, trial.treatment, trial.cost, trial.propensity)
    fresh = simulated_trial(8000, seed=6, features=8)
    found = learner.effect(fresh.trial.X)
    assert np.abs(found.mean(axis=0) / fresh.cost.mean(axis=0) - 1).max() < 0.15
    assert (error(found, fresh.cost) < error(np.tile(fresh.cost.mean(axis=0), (8000, 1)), fresh.cost)).all()


def test_a_preparation_shared_by_outcomes_gives_what_separate_fits_give(small: SimulatedTrial) -> None:
    trial = small.trial
    prepared = Prepared(trial.X, trial.treatment, trial.propensity)
    for outcome in (trial.value, trial.cost):
        shared = DRLearner().fit_prepared(prepared, outcome).effect(trial.X)
        alone = DRLearner().fit(trial.X, trial.treatment, outcome, trial.propensity).effect(trial.X)
        np.testing.assert_array_equal(shared, alone)


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
