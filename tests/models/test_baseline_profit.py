"""The baseline model never sees a user's own outcomes, repeats itself, and removes what is predictable."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import InputError
from models.baseline_profit import baseline_profit


def decisions(rows: int = 2_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    X[rng.random((rows, 4)) < 0.1] = np.nan
    effect = rng.normal(0, 30, rows)
    earned = 100 * np.nan_to_num(X[:, 0]) + effect + rng.normal(0, 30, rows)
    return X, earned, effect, np.arange(rows) // 2


def test_what_is_predictable_is_predicted() -> None:
    X, earned, effect, user = decisions()
    predicted = baseline_profit(X, earned, effect, user)
    left = earned - effect - predicted
    assert left.var() < 0.25 * (earned - effect).var()


def test_an_outcome_does_not_enter_the_prediction_of_its_own_user() -> None:
    X, earned, effect, user = decisions(400)
    before = baseline_profit(X, earned, effect, user)
    changed = earned.copy()
    changed[user == 7] += 1e6
    after = baseline_profit(X, changed, effect, user)
    assert np.array_equal(before[user == 7], after[user == 7])
    assert not np.array_equal(before, after)


def test_the_same_seed_gives_the_same_predictions() -> None:
    X, earned, effect, user = decisions(400)
    assert np.array_equal(baseline_profit(X, earned, effect, user), baseline_profit(X, earned, effect, user))


def test_fewer_users_than_folds_are_refused() -> None:
    X, earned, effect, _ = decisions(10)
    with pytest.raises(InputError, match="user: got '1 users'"):
        baseline_profit(X, earned, effect, np.zeros(10))
