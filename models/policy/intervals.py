"""Standard errors and intervals for averages over decisions that come in clusters (all decisions of one user)."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.price import Floats


def codes(cluster: ArrayLike | None, rows: int) -> NDArray[np.intp] | None:
    """Clusters of any type as numbers 0..G-1; None means every row for itself."""
    if cluster is None:
        return None
    names = np.asarray(cluster)
    if names.shape != (rows,):
        raise InputError("cluster", names.shape, f"one name per row, shape ({rows},)")
    return np.unique(names, return_inverse=True)[1]


def cluster_sums(columns: Floats, cluster: NDArray[np.intp] | None) -> Floats:
    """Sums (G, m) of columns (n, m) per cluster; without clusters the columns themselves."""
    if cluster is None:
        return columns
    groups = int(cluster.max()) + 1
    return np.stack([np.bincount(cluster, column, groups) for column in columns.T], axis=1)


def standard_error(influence: Floats, cluster: NDArray[np.intp] | None) -> float:
    """Cluster-robust standard error of an average whose rows move it by ``influence / n``.

    Liang & Zeger, Biometrika 73 (1986), with the usual G / (G - 1). Infinite with fewer than two clusters, where
    nothing is known about the spread.
    """
    sums = cluster_sums(influence[:, None], cluster)[:, 0]
    if len(sums) < 2:
        return math.inf
    return math.sqrt(len(sums) / (len(sums) - 1) * float(np.sum(sums**2))) / len(influence)


def normal_quantile(level: float) -> float:
    """Half width of a two-sided interval in standard errors, e.g. 1.96 for 0.95."""
    if not 0 < level < 1:
        raise InputError("level", level, "a probability between 0 and 1, e.g. 0.95")
    return NormalDist().inv_cdf((1 + level) / 2)


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2; 0 when all weights are 0."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0
