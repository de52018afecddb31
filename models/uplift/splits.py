"""Repeated random splits of a trial, and intervals that respect how much they overlap.

Figures of repeated 70/30 splits share most of their data, so their standard deviation over the root of their number is
far too small. Nadeau & Bengio, "Inference for the generalization error" (2003): the variance of the mean over J
splits is (1 / J + n_test / n_train) S^2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.uplift.trial import Trial

TEST_SHARE = 0.3


@dataclass(frozen=True)
class Repeated:
    """Mean over splits with its 95 % interval; ``each`` holds the (J,) figures."""

    mean: float
    low: float
    high: float
    each: tuple[float, ...]

    @property
    def deviation(self) -> float:
        """Standard deviation over splits."""
        return float(np.std(self.each, ddof=1)) if len(self.each) > 1 else float("nan")


def repeated(figures: ArrayLike, test_share: float = TEST_SHARE, errors: ArrayLike | None = None) -> Repeated:
    """Summarise one figure per split; with a single split there is no interval (NaN).

    ``errors`` are the standard errors of the figures on their own test rows. Stratified splits differ too little for
    figures that the strata fix (the mean of an arm is the same in each), so the larger spread of the two counts.
    """
    from scipy.stats import t

    each = np.asarray(figures, dtype=float)
    J, mean = len(each), float(each.mean())
    if J < 2:
        return Repeated(mean, float("nan"), float("nan"), tuple(each.tolist()))
    spread = float(each.std(ddof=1))
    if errors is not None:
        spread = max(spread, float(np.sqrt(np.mean(np.square(np.asarray(errors, dtype=float))))))
    error = spread * np.sqrt(1 / J + test_share / (1 - test_share))
    reach = float(t.ppf(0.975, J - 1)) * error
    return Repeated(mean, mean - reach, mean + reach, tuple(each.tolist()))


def splits(
    trial: Trial, times: int, seed: int, test_share: float = TEST_SHARE
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Train and test rows, each split with the same shares of every arm and of units with an outcome.

    Clusters stay together, and are then what is drawn.
    """
    if times < 1:
        raise InputError("splits", times, "at least 1")
    for number in range(times):
        rng = np.random.default_rng([seed, number])
        test = _clusters(trial, rng, test_share) if trial.cluster is not None else _strata(trial, rng, test_share)
        yield np.flatnonzero(~test), np.flatnonzero(test)


def _strata(trial: Trial, rng: np.random.Generator, test_share: float) -> NDArray[np.bool_]:
    test = np.zeros(len(trial), dtype=bool)
    stratum = trial.treatment * 2 + (trial.value != 0)
    for name in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == name))
        test[rows[: round(len(rows) * test_share)]] = True
    return test


def _clusters(trial: Trial, rng: np.random.Generator, test_share: float) -> NDArray[np.bool_]:
    assert trial.cluster is not None
    names, member = np.unique(trial.cluster.astype(str), return_inverse=True)
    chosen = np.zeros(len(names), dtype=bool)
    chosen[rng.permutation(len(names))[: round(len(names) * test_share)]] = True
    test: NDArray[np.bool_] = chosen[member]
    return test
