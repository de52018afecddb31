"""Folds are balanced, keep clusters whole, and never let a prediction see its own row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.uplift.crossfit import CrossFit


@given(st.lists(st.integers(0, 3), min_size=10, max_size=80), st.integers(2, 5), st.integers(0, 99))
def test_folds_hold_equal_shares_of_every_arm(arms: list[int], folds: int, seed: int) -> None:
    treatment = np.array(arms)
    split = CrossFit.split(treatment, folds, seed)
    for arm in set(arms):
        counts = np.bincount(split.fold[treatment == arm], minlength=folds)
        assert counts.max() - counts.min() <= 1


@given(st.lists(st.integers(0, 9), min_size=30, max_size=60), st.integers(0, 99))
def test_a_cluster_is_never_torn_apart(cluster: list[int], seed: int) -> None:
    names = np.array([*cluster, *range(10)], dtype=object)
    split = CrossFit.split(np.zeros(len(names), dtype=np.int64), 3, seed, names)
    for name in range(10):
        assert len(set(split.fold[names == name])) == 1


def test_a_prediction_never_saw_its_own_row() -> None:
    split = CrossFit.split(np.zeros(40, dtype=np.int64), 4, 0)
    seen: dict[int, set[int]] = {}

    def fit(train: np.ndarray) -> object:
        def predict(rows: np.ndarray) -> np.ndarray:
            for row in rows:
                seen[int(row)] = set(train.tolist())
            return rows.astype(float)

        return predict

    np.testing.assert_array_equal(split.out_of_sample(fit), np.arange(40.0))
    for row, train in seen.items():
        assert row not in train
        assert len(train) == 30


def test_the_seed_decides_the_folds() -> None:
    arms = np.arange(100) % 3
    first, again, other = (CrossFit.split(arms, 4, seed).fold for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_folds_or_clusters_are_refused() -> None:
    with pytest.raises(InputError, match="folds: got 1"):
        CrossFit.split(np.zeros(4, dtype=np.int64), 1, 0)
    with pytest.raises(InputError, match="cluster: got 2"):
        CrossFit.split(np.zeros(4, dtype=np.int64), 3, 0, np.array(["a", "a", "b", "b"], dtype=object))
