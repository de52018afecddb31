"""Intervals of any ranking metric by drawing clusters again with replacement, alone and in pairs.

Metrics are ratios of areas over sorted rows, with no short formula for their error. Rows (or clusters) are drawn as
often as there are, both groups kept, and the metric is computed on each draw; paired differences use the same draws.
The interval is the bootstrap's standard error around the metric's own value: percentiles would be off by the
duplicates' bias, since two copies of a row tie and a curve cannot bend inside a tie (Efron & Tibshirani 1993, ch. 13).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import Interval, codes, normal_quantile
from models.uplift.metrics import prefixes

Vector = NDArray[np.float64]
Metric = Callable[[Vector, Vector, Vector], float]


def bootstrap(
    metric: Metric,
    score: ArrayLike,
    treatment: ArrayLike,
    outcome: ArrayLike,
    cluster: ArrayLike | None = None,
    times: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A metric of :mod:`models.uplift.metrics` with its interval.

    Args:
        metric: ``metric(score, treatment, outcome)``; use ``functools.partial`` for its other arguments.
        score, treatment, outcome: (n,); treatment 0 or 1, outcome of any kind the metric takes.
        cluster: (n,) names of units that are drawn together.
        times: draws; 200 fix the standard error to 5 %.
    """
    return _interval(lambda s, t, y: metric(s[0], t, y), [score], treatment, outcome, cluster, times, seed, level)


def bootstrap_difference(
    metric: Metric,
    score: ArrayLike,
    other: ArrayLike,
    treatment: ArrayLike,
    outcome: ArrayLike,
    cluster: ArrayLike | None = None,
    times: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The metric of one score minus that of another on the same draws."""

    def gap(scores: Vector, t: Vector, y: Vector) -> float:
        return metric(scores[0], t, y) - metric(scores[1], t, y)

    return _interval(gap, [score, other], treatment, outcome, cluster, times, seed, level)


def _interval(
    metric: Metric,
    scores: list[ArrayLike],
    treatment: ArrayLike,
    outcome: ArrayLike,
    cluster: ArrayLike | None,
    times: int,
    seed: int,
    level: float,
) -> Interval:
    if times < 2:
        raise InputError("times", times, "at least 2 draws")
    for score in scores:
        prefixes(score, treatment, outcome)  # its checks name what is wrong
    s, t, y = (np.asarray(values, dtype=float) for values in (scores, treatment, outcome))
    value, names = metric(s, t, y), codes(cluster, len(t))
    if names is not None and min(len(np.unique(names[t == arm])) for arm in (0, 1)) < 2:
        return Interval(value, -math.inf, math.inf, math.inf)  # one cluster says nothing about the spread
    drawn = [metric(s[:, rows], t[rows], y[rows]) for rows in _draws(t, names, times, seed)]
    error = float(np.std(drawn, ddof=1))
    reach = normal_quantile(level) * error
    return Interval(value, value - reach, value + reach, error)


def _draws(t: Vector, names: NDArray[np.intp] | None, times: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Row numbers of each draw: within each group by rows, or over whole clusters until both groups occur."""
    rng = np.random.default_rng(seed)
    if names is None:
        groups = [np.flatnonzero(t == arm) for arm in (0, 1)]
        for _ in range(times):
            yield np.concatenate([rows[rng.integers(len(rows), size=len(rows))] for rows in groups])
        return
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(np.diff(names[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(t)))
    made = 0
    while made < times:
        chosen = rng.integers(len(starts), size=len(starts))
        offset = np.repeat(starts[chosen] - np.concatenate(([0], np.cumsum(sizes[chosen])[:-1])), sizes[chosen])
        rows = order[np.arange(len(offset)) + offset]
        if 0 < t[rows].sum() < len(rows):
            made += 1
            yield rows
