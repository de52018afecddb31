"""Do predicted effects mean what they say? The best linear predictor of the true effect, and effects by group.

Both regress doubly robust scores, whose mean given features is the true effect, on predictions from other units.
Chernozhukov, Demirer, Duflo & Fernandez-Val, "Generic machine learning inference on heterogeneous treatment effects"
(2018, Econometrica 2025): BLP and GATES. Standard errors treat the predictions as given and clusters as one draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import NOT_DEFINED, Interval, codes
from models.uplift.scores import check_ranked

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Blp:
    """Best linear predictor ``effect(x) ~ mean + slope (predicted(x) - mean predicted)``.

    ``mean``: average effect, in outcome units. ``slope``: 1 when predictions are calibrated, below 1 when they spread
    too far, above 0 when they find differences at all; not defined (NaN) when all predictions are equal.
    """

    mean: Interval
    slope: Interval


@dataclass(frozen=True)
class Gates:
    """Average effects of groups of equal size, from the lowest predicted effects (first) to the highest (last).

    ``groups``: (g,) intervals; ``predicted``: (g,) mean predictions; ``steps``: (g - 1,) differences of neighbours;
    ``monotone``: whether no step is below zero beyond chance (95 % over all steps together).
    """

    groups: tuple[Interval, ...]
    predicted: tuple[float, ...]
    top_minus_bottom: Interval
    steps: tuple[Interval, ...]
    monotone: bool


def blp(effect: ArrayLike, scores: ArrayLike, cluster: ArrayLike | None = None, level: float = 0.95) -> Blp:
    """Least squares of scores on centred predictions, with cluster-robust (Liang & Zeger 1986) intervals.

    Args:
        effect: (n,) predicted effects of one arm against the control, from models that saw other units.
        scores: (n,) doubly robust scores of the same effect, psi_k - psi_0.
        cluster: (n,) names of units that belong together.
    """
    predicted, psi = check_ranked(effect, scores)
    groups = codes(cluster, len(psi))
    mean = float(psi.mean())
    average = Interval.around(mean, psi - mean, groups, level)
    x = predicted - predicted.mean()
    variance = float(np.mean(x**2))
    if not variance > (1e-9 * float(np.abs(predicted).max())) ** 2:  # equal up to rounding
        return Blp(average, NOT_DEFINED)
    slope = float(np.mean(x * psi)) / variance
    residual = psi - mean - slope * x
    return Blp(average, Interval.around(slope, x * residual / variance, groups, level))


def gates(
    effect: ArrayLike, scores: ArrayLike, groups: int = 5, cluster: ArrayLike | None = None, level: float = 0.95
) -> Gates:
    """Mean score per group of predicted effect; arguments as for :func:`blp`.

    Units with equal predictions that lie across a border belong to both sides in the same proportions, so the order
    of rows never matters, and equal predictions for everybody give equal groups.
    """
    predicted, psi = check_ranked(effect, scores)
    if not 2 <= groups <= len(psi):
        raise InputError("groups", groups, f"between 2 and the {len(psi)} units")
    names = codes(cluster, len(psi))
    member = memberships(predicted, groups)
    size = member.mean(axis=0)
    means = (member * psi[:, None]).mean(axis=0) / size
    equal = bool(predicted.min() == predicted.max())  # groups alike, and differences of their sums are rounding
    influence = member * (psi[:, None] - means) / size

    def contrast(one: int, other: int, at: float) -> Interval:
        if equal:
            return Interval(0.0, 0.0, 0.0, 0.0)
        return Interval.around(float(means[one] - means[other]), influence[:, one] - influence[:, other], names, at)

    strict = 1 - 2 * (1 - level) / (groups - 1)  # Bonferroni, one-sided
    drops = [contrast(g + 1, g, strict).high < 0 for g in range(groups - 1)]
    return Gates(
        groups=tuple(Interval.around(float(means[g]), influence[:, g], names, level) for g in range(groups)),
        predicted=tuple(((member * predicted[:, None]).mean(axis=0) / size).tolist()),
        top_minus_bottom=contrast(groups - 1, 0, level),
        steps=tuple(contrast(g + 1, g, level) for g in range(groups - 1)),
        monotone=not any(drops),
    )


def memberships(predicted: Vector, groups: int) -> Matrix:
    """(n, g) share of each unit in each group of equal size by ascending prediction; tied units share alike."""
    n = len(predicted)
    _, level, sizes = np.unique(predicted, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes).astype(float)
    edges = np.linspace(0, n, groups + 1)
    # Overlap of each level's stretch of ranks with each group's stretch, per unit of the level.
    low = np.maximum((ends - sizes)[:, None], edges[:-1])
    high = np.minimum(ends[:, None], edges[1:])
    share: Matrix = np.maximum(high - low, 0.0) / sizes[:, None]
    return share[level]


def calibrated(found: Blp) -> bool:
    """Whether a slope of one lies in the interval: predictions may be read as they are."""
    return bool(math.isfinite(found.slope.value) and found.slope.low <= 1 <= found.slope.high)
