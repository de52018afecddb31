"""How much better are the units that a score ranks first? TOC curve and RATE with intervals.

With q the share of units ranked first by the score, TOC(q) is their average effect minus everybody's. RATE weighs the
curve: AUTOC is its plain mean over q (looks at the few on top), Qini the mean of q TOC(q) (looks at everybody). Units
with equal scores count as their mean over all orders, so shuffling tied rows changes nothing, and a score that ranks
nobody has TOC 0.

Source: Yadlowsky, Fleming, Shah, Brunskill & Wager, "Evaluating treatment prioritization rules via rank-weighted
average treatment effects", JASA 120 (2025). Intervals come from the influence function of a rank-weighted mean: the
part of the units' own scores and the part of everybody's rank, as their half-sample bootstrap finds by drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import Interval, codes
from models.uplift.scores import check_ranked

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Weighting = Literal["autoc", "qini"]

GRID = np.linspace(0.01, 1, 100)
_SMOOTH = 0.1  # half window, as a share of units, over which the marginal unit's effect is averaged


@dataclass(frozen=True)
class Toc:
    """``share`` (m,) of units treated first, their average effect less everybody's ``value`` (m,), and its bounds."""

    share: Vector
    value: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True)
class _Ranked:
    """Scores ``psi`` in descending ``order`` of prediction; ``first``, ``last``: ranks 1..n where a row's tie ends."""

    psi: Vector
    order: Rows
    first: Rows
    last: Rows

    @classmethod
    def of(cls, effect: ArrayLike, scores: ArrayLike) -> _Ranked:
        predicted, psi = check_ranked(effect, scores)
        order = np.lexsort((psi, -predicted))  # ties by score, so that even rounding ignores the order of rows
        _, tie = np.unique(-predicted[order], return_inverse=True)
        sizes = np.bincount(tie)
        last = np.cumsum(sizes)[tie]
        return cls(psi[order], order, last - sizes[tie] + 1, last)

    @property
    def tells_nobody_apart(self) -> bool:
        """Whether all rows are one tie: zero then, without the rounding of sums that an interval would take at face."""
        return bool(self.last[0] == len(self.psi))

    def by_row(self, values: Vector) -> Vector:
        """Values by rank in the order of the caller's rows."""
        rows = np.empty_like(values)
        rows[self.order] = values
        return rows

    def tied_mean(self, values: Vector) -> Vector:
        """Values (n,) by rank, averaged over each tie."""
        sums = np.concatenate(([0.0], np.cumsum(values)))
        alone = self.first == self.last
        mean: Vector = np.where(alone, values, (sums[self.last] - sums[self.first - 1]) / (self.last - self.first + 1))
        return mean


def toc(
    effect: ArrayLike,
    scores: ArrayLike,
    cluster: ArrayLike | None = None,
    share: ArrayLike = GRID,
    level: float = 0.95,
) -> Toc:
    """The curve at the given shares in (0, 1], with pointwise intervals.

    Args:
        effect: (n,) scores that rank the units, highest first; usually predicted effects from other units.
        scores: (n,) doubly robust scores of the effect, psi_k - psi_0.
        cluster: (n,) names of units that belong together.
    """
    ranked, shares = _Ranked.of(effect, scores), np.asarray(share, dtype=float)
    names = codes(cluster, len(ranked.psi))
    if shares.ndim != 1 or not ((shares > 0) & (shares <= 1)).all():
        raise InputError("share", shares.tolist(), "shares in (0, 1]")
    points = [Interval.around(*_point(ranked, float(u)), names, level) for u in shares]
    return Toc(
        shares,
        np.array([point.value for point in points]),
        np.array([point.low for point in points]),
        np.array([point.high for point in points]),
    )


def rate(
    effect: ArrayLike,
    scores: ArrayLike,
    weighting: Weighting = "autoc",
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Rank-weighted average effect; zero for a score that tells nothing. Arguments as for :func:`toc`."""
    value, influence = _rate(_Ranked.of(effect, scores), weighting)
    return Interval.around(value, influence, codes(cluster, len(influence)), level)


def rate_difference(
    effect: ArrayLike,
    other: ArrayLike,
    scores: ArrayLike,
    weighting: Weighting = "autoc",
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """RATE of one ranking minus that of another on the same units, with the interval of the pair."""
    one, influence_of_one = _rate(_Ranked.of(effect, scores), weighting)
    two, influence_of_two = _rate(_Ranked.of(other, scores), weighting)
    names = codes(cluster, len(influence_of_one))
    return Interval.around(one - two, influence_of_one - influence_of_two, names, level)


def _point(ranked: _Ranked, u: float) -> tuple[float, Vector]:
    """TOC(u) and its influence (n,): rows above the border count whole, those of a tie across it in proportion."""
    n = len(ranked.psi)
    if ranked.tells_nobody_apart:
        return 0.0, np.zeros(n)
    border = u * n
    inside = np.clip((border - ranked.first + 1) / (ranked.last - ranked.first + 1), 0.0, 1.0)
    top, everybody = float(inside @ ranked.psi) / border, float(ranked.psi.mean())
    marginal = _marginal(ranked, border)
    influence = inside / u * (ranked.psi - marginal) + marginal - top - (ranked.psi - everybody)
    return top - everybody, ranked.by_row(influence)


def _marginal(ranked: _Ranked, border: float) -> float:
    """Average effect of the units at the border: those tied there, or those within a window around it."""
    n = len(ranked.psi)
    at = min(int(border), n - 1)
    first, last = int(ranked.first[at]) - 1, int(ranked.last[at])
    half = int(min(border, n - border, _SMOOTH * n))
    if last - first < 2 * half + 1:
        first, last = max(0, at - half), min(n, at + half + 1)
    return float(ranked.psi[first:last].mean())


def _rate(ranked: _Ranked, weighting: Weighting) -> tuple[float, Vector]:
    """Value and influence (n,).

    The value is a mean over ranks j of omega_j TOC(j / n), so the influence is the same mean of the influences of the
    points, with the marginal unit of rank j being row j itself (its noise averages out over the ranks).
    """
    if weighting not in ("autoc", "qini"):
        raise InputError("weighting", weighting, "autoc or qini")
    psi, n = ranked.psi, len(ranked.psi)
    if ranked.tells_nobody_apart:
        return 0.0, np.zeros(n)
    j = np.arange(1, n + 1)
    omega = np.ones(n) if weighting == "autoc" else j / n
    marginal, everybody = ranked.tied_mean(psi), float(psi.mean())
    top = np.cumsum(marginal) / j
    value = float(np.mean(omega * (top - everybody)))
    reach = ranked.tied_mean(_from_here(omega / j))
    shift = ranked.tied_mean(_from_here(omega / j * marginal))
    constant = float(np.mean(omega * (marginal - top)))
    influence = reach * psi - shift + constant - float(omega.mean()) * (psi - everybody)
    return value, ranked.by_row(influence)


def _from_here(values: Vector) -> Vector:
    """Sums from each rank to the last."""
    return np.cumsum(values[::-1])[::-1]
