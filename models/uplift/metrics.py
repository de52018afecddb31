"""How well scores rank customers by effect: Qini, uplift and gain curves, under names that say whose convention it is.

All functions take ``score`` (n,), ``treatment`` (n,) with 0 for control and 1 for treated, and ``outcome`` (n,); a
higher score means "treat earlier". Curves have points only at the last row of each distinct score, so the order of tied
rows never matters. Outcomes may be continuous unless a docstring says otherwise.

At a prefix of n rows let nT, nC be the counts and YT, YC the outcome sums of treated and control rows:
Qini curve q = YT - YC nT / nC, uplift curve u = (YT / nT - YC / nC) n. scikit-uplift and causalml normalise them in
different ways, and the four numbers that both call "Qini" or "AUUC" are different numbers.

Sources: Radcliffe (2007), "Using control groups to target on predicted lift"; Devriendt et al. (2020), "Learning to
rank for uplift modelling"; conventions checked against scikit-uplift 0.5.1 and causalml 0.18.0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Prefixes:
    """Counts and outcome sums of the best-scored rows: at 0 rows and at the end of each distinct score, (m + 1,)."""

    n: Vector
    n_treated: Vector
    n_control: Vector
    y_treated: Vector
    y_control: Vector

    def at(self, rows: ArrayLike) -> Prefixes:
        """The same sums after ``rows`` rows; inside a tie, their mean over all orders of the tied rows."""
        points = np.asarray(rows, dtype=float)
        parts = (self.n_treated, self.n_control, self.y_treated, self.y_control)
        return Prefixes(points, *(np.interp(points, self.n, part) for part in parts))


@dataclass(frozen=True)
class Curve:
    """Points of a curve: ``x`` rows treated, ``y`` what they gain in outcome units; both start at 0."""

    x: Vector
    y: Vector

    def area_over_chord(self) -> float:
        """Trapezoid area between the curve and the straight line of a random order."""
        return float(np.trapezoid(self.y, self.x) - self.x[-1] * self.y[-1] / 2)


def prefixes(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike) -> Prefixes:
    """Check the inputs and sum them up by descending score."""
    s, t, y = (np.asarray(values, dtype=float) for values in (score, treatment, outcome))
    if s.ndim != 1 or s.shape != t.shape or s.shape != y.shape:
        raise InputError("score, treatment, outcome", (s.shape, t.shape, y.shape), "three columns of equal length")
    for name, values in (("score", s), ("outcome", y)):
        if not np.isfinite(values).all():
            raise InputError(name, values[~np.isfinite(values)][0].item(), "finite numbers")
    if not np.isin(t, (0.0, 1.0)).all():
        raise InputError("treatment", t[~np.isin(t, (0.0, 1.0))][0].item(), "0 for control or 1 for treated")
    if not len(t) or t.min() == t.max():
        raise InputError("treatment", f"{len(t)} rows of one group", "treated and control rows")
    # Sorting ties by their other values makes even the rounding of the sums independent of the row order.
    order = np.lexsort((y, t, -s))
    s, t, y = s[order], t[order], y[order]
    ends = np.append(np.flatnonzero(np.diff(s)), len(s) - 1)

    def sums(values: Vector) -> Vector:
        return np.concatenate(([0.0], np.cumsum(values)[ends]))

    return Prefixes(np.concatenate(([0.0], ends + 1.0)), sums(t), sums(1 - t), sums(y * t), sums(y * (1 - t)))


def qini_curve(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike) -> Curve:
    """Additional outcome among the treated, q = YT - YC nT / nC (YT while there is no control)."""
    p = prefixes(score, treatment, outcome)
    return Curve(p.n, p.y_treated - p.y_control * _ratio(p.n_treated, p.n_control))


def uplift_curve(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike) -> Curve:
    """Difference of means scaled to the prefix, u = (YT / nT - YC / nC) n (an empty group counts as mean 0)."""
    p = prefixes(score, treatment, outcome)
    return Curve(p.n, (_ratio(p.y_treated, p.n_treated) - _ratio(p.y_control, p.n_control)) * p.n)


def sklift_qini(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, negative_effect: bool = True) -> float:
    """scikit-uplift's ``qini_auc_score``: area of the Qini curve over its chord, as a share of the perfect curve's.

    ``negative_effect=False`` takes the perfect curve of a treatment that harms nobody.
    """
    curve = qini_curve(score, treatment, outcome)
    t, y = np.asarray(treatment, dtype=float), np.asarray(outcome, dtype=float)
    if negative_effect:
        perfect = qini_curve(y * t - y * (1 - t), t, y)
    else:
        gained = float(curve.y[-1])
        perfect = Curve(np.array([0.0, gained, len(y)]), np.array([0.0, gained, gained]))
    return _share(curve.area_over_chord(), perfect.area_over_chord())


def sklift_uplift_auc(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike) -> float:
    """scikit-uplift's ``uplift_auc_score``: as ``sklift_qini`` on the uplift curve; outcomes must be 0 or 1."""
    curve = uplift_curve(score, treatment, outcome)
    t, y = np.asarray(treatment, dtype=float), np.asarray(outcome, dtype=float)
    if not np.isin(y, (0.0, 1.0)).all():
        raise InputError("outcome", y[~np.isin(y, (0.0, 1.0))][0].item(), "0 or 1 (the perfect uplift curve needs it)")
    converted_control = int(((y == 1) & (t == 0)).sum())
    lost_treated = int(((y == 0) & (t == 1)).sum())
    best = 2.0 * (y == t) + (y if converted_control > lost_treated else t)
    return _share(curve.area_over_chord(), uplift_curve(best, t, y).area_over_chord())


def uplift_at_k_overall(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, k: float = 0.3) -> float:
    """Difference of mean outcomes among the best-scored share ``k`` of all rows."""
    p = prefixes(score, treatment, outcome)
    top = p.at([_rows(p.n[-1], k)])
    return float(_ratio(top.y_treated, top.n_treated)[0] - _ratio(top.y_control, top.n_control)[0])


def uplift_at_k_by_group(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, k: float = 0.3) -> float:
    """Mean outcome of the best share ``k`` of the treated minus that of the best share ``k`` of the control."""
    p = prefixes(score, treatment, outcome)
    treated, control = _rows(p.n_treated[-1], k), _rows(p.n_control[-1], k)
    if not treated or not control:
        raise InputError("k", k, "a share that holds at least one row of each group")
    return float(
        _sum_at(p.n_treated, p.y_treated, treated) / treated - _sum_at(p.n_control, p.y_control, control) / control
    )


def weighted_average_uplift_overall(
    score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, bins: int = 10
) -> float:
    """scikit-uplift's ``weighted_average_uplift``: uplift in equal bins of the score, weighted by treated rows."""
    p = prefixes(score, treatment, outcome)
    n = int(p.n[-1])
    if not 1 <= bins <= n:
        raise InputError("bins", bins, f"between 1 and {n}")
    sizes = np.full(bins, n // bins) + (np.arange(bins) < n % bins)
    edges = p.at(np.concatenate(([0], np.cumsum(sizes))))
    n_t, n_c = np.diff(edges.n_treated), np.diff(edges.n_control)
    uplift = _ratio(np.diff(edges.y_treated), n_t) - _ratio(np.diff(edges.y_control), n_c)
    return float(n_t @ uplift / n_t.sum())


def causalml_auuc(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, normalize: bool = True) -> float:
    """causalml's ``auuc_score``: mean over rows of the gain (YT / nT - YC / nC) n; normalised by the last gain."""
    p = prefixes(score, treatment, outcome)
    with np.errstate(invalid="ignore"):
        lift = p.y_treated / p.n_treated - p.y_control / p.n_control
    lift[0] = 0.0
    gain = _over_gaps(p.n, lift) * p.n
    return _mean_over_rows(p.n, gain, normalize)


def causalml_qini(score: ArrayLike, treatment: ArrayLike, outcome: ArrayLike, normalize: bool = True) -> float:
    """causalml's ``qini_score``: mean over rows of q = YT - YC nT / nC less the chord; normalised by the last q."""
    p = prefixes(score, treatment, outcome)
    with np.errstate(invalid="ignore"):
        q = p.y_treated - p.y_control * p.n_treated / p.n_control
    q[0] = 0.0
    q = _over_gaps(p.n, q)
    return _mean_over_rows(p.n, q - q[-1] * p.n / p.n[-1], normalize, end=float(q[-1]))


def _ratio(top: Vector, bottom: Vector) -> Vector:
    result: Vector = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)
    return result


def _share(area: float, perfect: float) -> float:
    if perfect == 0:  # constant outcomes: no order is better than another
        return 0.0
    return area / perfect


def _rows(n: float, k: float) -> int:
    if not 0 < k <= 1:
        raise InputError("k", k, "a share in (0, 1]")
    return int(n * k)


def _sum_at(count: Vector, total: Vector, rows: int) -> float:
    """Outcome sum after ``rows`` rows of one group; steps without rows of the group would make ``interp`` ambiguous."""
    grows = np.concatenate(([True], np.diff(count) > 0))
    return float(np.interp(rows, count[grows], total[grows]))


def _over_gaps(n: Vector, values: Vector) -> Vector:
    """Straight lines over the prefixes where one group is still empty, as causalml does."""
    known = np.isfinite(values)
    return np.interp(n, n[known], values[known])


def _mean_over_rows(n: Vector, curve: Vector, normalize: bool, end: float | None = None) -> float:
    """Mean of the curve at 0, 1, ..., n rows, with straight lines inside ties."""
    widths = np.diff(n)
    # Sum of a straight line over the integers (a, b], given its ends.
    total = float(np.sum(widths * (curve[1:] + curve[:-1]) / 2 + (curve[1:] - curve[:-1]) / 2))
    last = curve[-1] if end is None else end
    if normalize and last == 0:
        return 0.0
    return total / (float(n[-1]) + 1) / (abs(float(last)) if normalize else 1.0)
