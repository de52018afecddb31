"""Repeated splits are stratified and reproducible, and their intervals are as wide as overlapping splits deserve."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import InputError
from models.uplift.simulated import simulated_trial
from models.uplift.splits import repeated, splits


def test_splits_are_disjoint_complete_and_stratified() -> None:
    trial = simulated_trial(2000, seed=1).trial
    for train, test in splits(trial, 3, seed=0):
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(2000))
        for rows, share in ((train, 0.7), (test, 0.3)):
            counts = np.bincount(trial.treatment[rows]) / np.bincount(trial.treatment)
            np.testing.assert_allclose(counts, share, atol=0.01)


def test_the_seed_decides_the_splits() -> None:
    trial = simulated_trial(300, seed=1).trial
    first, again, other = (next(splits(trial, 1, seed))[1] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert len(np.setdiff1d(first, other))


def test_clusters_stay_on_one_side() -> None:
    from dataclasses import replace

    trial = simulated_trial(400, seed=1).trial
    trial = replace(trial, cluster=(np.arange(400) // 4).astype(object))
    for train, test in splits(trial, 3, seed=0):
        assert not set(trial.cluster[train]) & set(trial.cluster[test])
        assert len(test) == 120


def test_the_interval_is_nadeau_and_bengios() -> None:
    found = repeated([1.0, 2.0, 3.0, 6.0], test_share=0.3)
    variance = np.var([1, 2, 3, 6], ddof=1) * (1 / 4 + 0.3 / 0.7)
    assert found.mean == 3.0
    assert found.high - found.mean == pytest.approx(3.182446305 * np.sqrt(variance))  # t, 3 degrees of freedom
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert found.deviation == pytest.approx(np.std([1, 2, 3, 6], ddof=1))


def test_intervals_of_repeated_splits_cover_where_naive_ones_do_not() -> None:
    """Mean outcome of the test part, over 200 data sets: the truth is 0."""
    rng = np.random.default_rng(0)
    covered = naive = 0
    for _ in range(200):
        data = rng.normal(size=200)
        means = [data[rng.permutation(200)[:60]].mean() for _ in range(15)]
        found = repeated(means)
        covered += found.low <= 0 <= found.high
        naive += abs(np.mean(means)) <= 2.145 * np.std(means, ddof=1) / np.sqrt(15)
    assert covered > 0.9 * 200
    assert naive < 0.75 * 200


def test_one_split_has_no_interval_and_none_is_refused() -> None:
    assert np.isnan(repeated([0.5]).low)
    with pytest.raises(InputError, match="splits: got 0"):
        list(splits(simulated_trial(100, seed=0).trial, 0, 0))
