"""Has a feature moved? Population stability, Kolmogorov–Smirnov, and bins to look at; numbers in, numbers out.

PSI is the sum over bins of (now - before) * ln(now / before), over the reference's tenths and a bin for missing values
(Siddiqi, "Credit Risk Scorecards", 2006, with the usual thresholds .1 and .2); empty bins count as half a row. KS is
the largest distance of the two distributions, with its asymptotic p-value (Smirnov 1948).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

WARN, FAIL = 0.1, 0.2
BINS = 10
FEWEST = 50
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """One feature: ``before`` and ``now`` are shares by bin (the last bin: missing), ``state`` pass, warn, fail or
    few (too few rows on a side to say)."""

    name: str
    psi: float
    ks: float
    p_value: float
    missing_before: float
    missing_now: float
    rows_before: int
    rows_now: int
    before: tuple[float, ...]
    now: tuple[float, ...]
    state: str


def drift(name: str, before: ArrayLike, now: ArrayLike) -> Drift:
    """Compare (n,) values of a reference with (m,) values of now; NaN is missing, infinite values are refused."""
    first, second = _column(name, before), _column(name, now)
    edges = edges_of(first)
    old, new = _counts(first, edges), _counts(second, edges)
    score = psi(old, new)
    distance, chance = ks(first[~np.isnan(first)], second[~np.isnan(second)])
    few = min(len(first), len(second)) < FEWEST
    state = "few" if few else "fail" if score >= FAIL else "warn" if score >= WARN else "pass"
    return Drift(
        name, score, distance, chance, _share(np.isnan(first)), _share(np.isnan(second)), len(first), len(second),
        _shares(old), _shares(new), state,
    )  # fmt: skip


def edges_of(reference: Floats, bins: int = BINS) -> Floats:
    """Inner edges of bins at the reference's quantiles; fewer where values repeat, none where nothing is known."""
    known = reference[~np.isnan(reference)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))


def psi(before: Floats, now: Floats) -> float:
    """Population stability index of counts by bin; 0 where a side has no rows."""
    if not before.sum() or not now.sum():
        return 0.0
    old, new = (np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum() for counts in (before, now))
    return float(((new - old) * np.log(new / old))[(before > 0) | (now > 0)].sum())


def ks(before: Floats, now: Floats) -> tuple[float, float]:
    """Distance and asymptotic p-value; (0, 1) where a side has no known value."""
    n, m = len(before), len(now)
    if not n or not m:
        return 0.0, 1.0
    values = np.concatenate([before, now])
    below = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (before, now)]
    distance = float(np.abs(below[0] - below[1]).max())
    root = math.sqrt(n * m / (n + m)) * distance
    if root < 0.3:  # the series does not converge there, and the chance is 1 to five digits
        return distance, 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * root) ** 2) for k in range(1, 101))
    return distance, min(1.0, max(0.0, sum(terms)))


def _counts(values: Floats, edges: Floats) -> Floats:
    """Rows per bin, (.., edge] each, and the missing ones at the end."""
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(known)).astype(np.float64)


def _shares(counts: Floats) -> tuple[float, ...]:
    return tuple((counts / counts.sum()).tolist()) if counts.sum() else tuple(counts.tolist())


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _column(name: str, values: ArrayLike) -> Floats:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or np.isinf(column).any():
        raise InputError(name, column.shape, "a row of finite numbers, NaN for missing ones")
    return column
