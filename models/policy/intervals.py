"""Standard errors and intervals for averages over decisions that come in clusters (all decisions of one user)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.price import Floats


@dataclass(frozen=True)
class Interval:
    """A figure with its two-sided interval (95 % unless asked otherwise); NaN where the data cannot define it."""

    value: float
    low: float
    high: float
    standard_error: float

    @classmethod
    def around(
        cls, value: float, influence: Floats, cluster: NDArray[np.intp] | None = None, level: float = 0.95
    ) -> Interval:
        """Student's interval around an average whose rows move it by ``influence / n``; clusters count as one."""
        error = standard_error(influence, cluster)
        if not math.isfinite(error):
            return cls(value, -math.inf, math.inf, math.inf)
        independent = len(influence) if cluster is None else int(cluster.max()) + 1
        reach = student_quantile(level, independent - 1) * error
        return cls(value, value - reach, value + reach, error)

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0


NOT_DEFINED = Interval(math.nan, math.nan, math.nan, math.nan)


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


def skewed_interval(
    value: float, influence: Floats, cluster: NDArray[np.intp] | None, missed: float = 0.0, level: float = 0.95
) -> tuple[float, float]:
    """Student's interval, longer on the side of the contributions' long tail (Johnson 1978) and never shorter.

    ``missed``: what one further row would move the value by, times n; its square is added to the variance. Measured on
    500 logs each of nine designs (``tests/models/policy/test_ope_coverage.py``).
    """
    error = standard_error(influence, cluster)
    if not math.isfinite(error):
        return -math.inf, math.inf
    sums = cluster_sums(influence[:, None], cluster)[:, 0]
    parts, spread = len(sums), float(sums.std())
    reach = student_quantile(level, parts - 1)
    third = float(np.mean(((sums - sums.mean()) / spread) ** 3)) if spread > 0 else 0.0
    shift = third * (1 + 2 * reach**2) / (6 * math.sqrt(parts))
    wide = math.hypot(error, missed / len(influence))
    return value - (reach + max(-shift, 0.0)) * wide, value + (reach + max(shift, 0.0)) * wide


def normal_quantile(level: float) -> float:
    """Half width of a two-sided interval in standard errors, e.g. 1.96 for 0.95."""
    if not 0 < level < 1:
        raise InputError("level", level, "a probability between 0 and 1, e.g. 0.95")
    return NormalDist().inv_cdf((1 + level) / 2)


def student_quantile(level: float, freedom: int) -> float:
    """Half width in standard errors when the error itself was estimated from ``freedom + 1`` independent parts."""
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise InputError("level", level, "a probability between 0 and 1, e.g. 0.95")
    return float(stdtrit(freedom, (1 + level) / 2))


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2; 0 when all weights are 0."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0
