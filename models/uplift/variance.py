"""How noisy an outcome is for whom: the variance of its residuals as a function of its expected value.

Margins have tails that grow with their mean: a customer who spends much says little about an effect that is the same
share of everybody's spend. Residuals are squared, cut at their 99.5 % quantile, and averaged in groups of equal
expected value; between the groups' means the variance is interpolated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_GROUPS, _FEWEST = 20, 200
_TAIL = 0.995
_LOWEST = 0.01


def variance(expected: Vector, residual: Vector) -> Vector:
    """(n,) variance of the residual at each row's expected outcome, with mean 1 and at least 1 % of that."""
    groups = np.array_split(np.argsort(expected, kind="stable"), max(1, min(_GROUPS, len(expected) // _FEWEST)))
    at = np.array([expected[rows].mean() for rows in groups])
    found = np.array([_mean_without_tail(residual[rows] ** 2) for rows in groups])
    if not found.any():
        return np.ones(len(expected))
    result: Vector = np.interp(expected, at, np.maximum(found, _LOWEST * found.mean()))
    return result / result.mean()


def _mean_without_tail(squares: Vector) -> float:
    return float(np.minimum(squares, np.quantile(squares, _TAIL)).mean())
