"""What no trial should look like, and what every learner says to it: a defined answer or an error with the field."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.uplift.nuisance import expected_outcomes
from models.uplift.simulated import simulated_trial
from models.uplift.trial import Trial
from tests.fakes.learners import CROSS_FITTED, EFFECTS, LEARNERS

N = 600


@pytest.fixture(scope="module")
def trial() -> Trial:
    return simulated_trial(N, seed=17).trial


@pytest.fixture(params=LEARNERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fitted(kind: str, trial: Trial, **changes: object) -> np.ndarray:
    """Effects on the training rows of a fresh learner."""
    given = {
        "X": trial.X,
        "treatment": trial.treatment,
        "outcome": trial.value,
        "propensity": trial.propensity,
        **changes,
    }
    return LEARNERS[kind]().fit(**given).effect(given["X"])


REFUSED = [
    ({"outcome": np.append(np.zeros(N - 1), np.inf)}, "outcome: got inf"),
    ({"outcome": np.append(np.zeros(N - 1), -np.inf)}, "outcome: got -inf"),
    ({"outcome": np.append(np.zeros(N - 1), np.nan)}, "outcome: got nan"),
    ({"outcome": np.append(np.zeros(N - 1), -1e31)}, "outcome: got 1e.31"),
    ({"outcome": np.zeros(3)}, "outcome: got"),
    ({"treatment": np.zeros(N, dtype=int)}, "arm: got '1', expected an arm with at least 2 units"),
    ({"treatment": np.full(N, 9)}, "treatment: got"),
    ({"treatment": np.full(N, 9), "propensity": None}, "arm: got '0'"),
    ({"treatment": np.zeros(N, dtype=int), "propensity": None}, "at least two arms"),
    ({"treatment": np.full(N, -1), "propensity": None}, "treatment: got -1"),
    ({"treatment": np.array(["none", "coupon"] * (N // 2)), "propensity": None}, "treatment: got 'none'"),
    ({"treatment": np.zeros(3, dtype=int)}, "treatment: got"),
    ({"propensity": np.full((N, 5), 0.3)}, "that sum to 1"),
    ({"propensity": np.tile([1.0, 0, 0, 0, 0], (N, 1))}, "propensity: got 0.0"),
    ({"propensity": np.full((N, 5), np.nan)}, "propensity: got nan"),
    ({"propensity": np.full((N, 5), -0.2)}, "propensity: got -0.2"),
    ({"propensity": np.full((N, 5), np.inf)}, "propensity: got inf"),
    ({"propensity": np.full((3, 5), 0.2)}, "propensity: got"),
    ({"propensity": np.full(N, 0.2)}, "propensity: got"),
    ({"propensity": np.full((N, 1), 1.0), "treatment": np.zeros(N, dtype=int)}, "at least two arms"),
    ({"weight": np.zeros(N)}, "weight: got 0.0"),
    ({"weight": np.full(N, -1.0)}, "weight: got -1.0"),
    ({"weight": np.full(N, np.nan)}, "weight: got nan"),
    ({"weight": np.ones(3)}, "weight: got"),
    ({"cluster": np.zeros(3)}, "cluster: got"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[f"{i}" for i in range(len(REFUSED))])
def test_trials_that_make_no_sense_are_refused(
    kind: str, trial: Trial, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fitted(kind, trial, **changes)


def test_infinite_features_are_refused_when_learning_and_when_scoring(kind: str, trial: Trial) -> None:
    broken = trial.X.assign(browsing_without_buying=np.inf)
    with pytest.raises(InputError, match="feature browsing_without_buying: got 'an infinity'"):
        fitted(kind, trial, X=broken)
    learner = LEARNERS[kind]().fit(trial.X, trial.treatment, trial.value, trial.propensity)
    with pytest.raises(InputError, match="feature browsing_without_buying: got 'an infinity'"):
        learner.effect(broken)


def test_tables_without_rows_columns_or_one_row_are_refused(kind: str, trial: Trial) -> None:
    none = trial.rows(np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="X: got"):
        fitted(kind, none)
    with pytest.raises(InputError, match="features: got 'no column'"):
        fitted(kind, trial, X=trial.X[[]])
    with pytest.raises(InputError, match="arm: got"):
        fitted(kind, trial.rows(np.array([0])))


def test_arrays_that_are_no_tables_of_numbers_are_refused(kind: str, trial: Trial) -> None:
    for X in (np.zeros(N), np.zeros((N, 2, 2)), np.full((N, 2), "text")):
        with pytest.raises(InputError, match="X: got"):
            LEARNERS[kind]().fit(X, trial.treatment, trial.value, trial.propensity)


def test_rows_of_another_shape_than_the_training_rows_are_refused(kind: str, trial: Trial) -> None:
    numbers = trial.X.select_dtypes("number").to_numpy()
    learner = LEARNERS[kind]().fit(numbers, trial.treatment, trial.value, trial.propensity)
    with pytest.raises(InputError, match="X: got"):
        learner.effect(numbers[:, :-1])
    with pytest.raises(InputError, match="features: got 'x0'"):
        learner.effect(trial.X)


def test_two_columns_of_one_name_are_refused(kind: str, trial: Trial) -> None:
    with pytest.raises(InputError, match="features: got 'tier', expected column names that occur once"):
        fitted(kind, trial, X=pd.concat([trial.X, trial.X[["tier"]]], axis=1))


def test_the_same_column_twice_under_two_names_changes_little(kind: str, trial: Trial) -> None:
    numbers = trial.X.select_dtypes("number").to_numpy()
    assert np.isfinite(fitted(kind, trial, X=np.hstack([numbers, numbers]))).all()


def test_columns_of_nothing_and_of_one_value_say_nothing(kind: str, trial: Trial) -> None:
    nothing = trial.X.assign(empty=np.nan, none=None, one=1.0, same="same")
    assert np.isfinite(fitted(kind, trial, X=nothing)).all()
    assert np.isfinite(fitted(kind, trial, X=np.full((N, 2), np.nan))).all()


def test_an_arm_with_five_rows_gets_a_finite_effect(kind: str, trial: Trial) -> None:
    rows = np.concatenate([np.flatnonzero(trial.treatment != 2), np.flatnonzero(trial.treatment == 2)[:5]])
    assert np.isfinite(fitted(kind, trial.rows(np.sort(rows)))).all()


def test_four_rows_are_the_smallest_trial(kind: str) -> None:
    X, treatment, y = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1]), np.array([0.0, 1.0, 2.0, 3.0])
    assert np.isfinite(LEARNERS[kind]().fit(X, treatment, y, np.full((4, 2), 0.5)).effect(X)).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -1e9])
def test_a_constant_outcome_has_no_effect(kind: str, trial: Trial, level: float) -> None:
    effect = fitted(kind, trial, outcome=np.full(N, level))
    expected = level if kind == "response" else 0.0
    np.testing.assert_allclose(effect, expected, atol=1e-5 + 1e-6 * abs(level))


def test_units_that_could_only_get_their_arm_teach_no_contrast_and_break_nothing(kind: str, trial: Trial) -> None:
    sure = trial.propensity.copy()
    rows = np.arange(0, N, 10)
    sure[rows] = np.eye(5)[trial.treatment[rows]]
    assert np.isfinite(fitted(kind, trial, propensity=sure)).all()


@pytest.mark.parametrize("kind", CROSS_FITTED)
def test_a_trial_without_any_chance_is_refused_by_learners_of_contrasts(kind: str, trial: Trial) -> None:
    with pytest.raises(InputError, match="units that could have got both this arm and the control"):
        fitted(kind, trial, propensity=np.eye(5)[trial.treatment])


def test_one_cluster_is_refused_where_folds_are_needed(trial: Trial) -> None:
    one = np.zeros(N, dtype=int)
    for kind in (*CROSS_FITTED, "x"):
        with pytest.raises(InputError, match="cluster: got 1, expected at least 2 clusters"):
            fitted(kind, trial, cluster=one)
    for kind in set(EFFECTS) - {*CROSS_FITTED, "x"}:
        assert np.isfinite(fitted(kind, trial, cluster=one)).all()
    with pytest.raises(InputError, match="cluster: got 1"):
        expected_outcomes(trial.X, trial.treatment, trial.value, trial.propensity, cluster=one)


def test_an_arm_that_lives_in_one_cluster_gets_a_finite_effect(kind: str, trial: Trial) -> None:
    cluster = np.where(trial.treatment == 3, 0, 1 + np.arange(N) % 20)
    assert np.isfinite(fitted(kind, trial, cluster=cluster)).all()


@pytest.mark.parametrize("size", [1e-9, 1e9, 1e15])
def test_outcomes_of_any_unit_are_learnt(kind: str, trial: Trial, size: float) -> None:
    assert np.isfinite(fitted(kind, trial, outcome=trial.value * size)).all()
