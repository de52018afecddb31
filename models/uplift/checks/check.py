"""The result of one check of a trial, and the tests that several checks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import cluster_sums
from models.report import Words

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SURE = 0.001  # checks run on every trial, so one in a thousand may fail by chance


@dataclass(frozen=True)
class Check:
    """One check: ``name`` is flat and permanent, ``figure`` what was measured, ``words`` what it means.

    Words of a failed check stand alone: a report opens with them.
    """

    name: str
    passed: bool
    figure: float
    words: Words


def chi_squared(counts: Matrix, expected: Matrix, freedom: int) -> float:
    """Pearson's p-value; cells where nothing is expected and nothing was found say nothing."""
    from scipy.stats import chi2

    possible = expected > 0
    if (counts[~possible] > 0).any():
        return 0.0
    return float(chi2.sf(((counts - expected)[possible] ** 2 / expected[possible]).sum(), max(freedom, 1)))


def mean_is_zero(moments: Matrix, cluster: NDArray[np.intp] | None) -> float:
    """p-value that all columns of ``moments`` (n, m) have mean zero, clusters counting as one (Hotelling 1931).

    Columns that repeat others are left out; NaN when there are too few independent parts to tell.
    """
    from scipy.stats import f

    sums = cluster_sums(moments, cluster)
    parts = len(sums)
    if parts < 3:
        return float("nan")
    mean = sums.mean(axis=0)
    scale = sums.std(axis=0)
    varies = scale > 0
    if not varies.any():
        return 0.0 if mean.any() else 1.0
    standard = sums[:, varies] / scale[varies]
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(standard, rowvar=False)))
    kept = values > 1e-9 * values[-1]
    rank = int(kept.sum())
    if parts <= 2 * rank:
        return float("nan")
    along = vectors[:, kept].T @ (mean[varies] / scale[varies])
    squared = parts * float(np.sum(along**2 / values[kept]))
    return float(f.sf(squared * (parts - rank) / (rank * (parts - 1)), rank, parts - rank))
