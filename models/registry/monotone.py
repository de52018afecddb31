"""Curves that never fall: the nearest rising steps to noisy ones, and a smooth rising curve through steps.

Everything is row by row and in a fixed order of operations, so one row alone gives the bits it gives among a million.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = tuple[tuple[float, ...], ...]

_MOST_CELLS = 4_000_000  # 32 MB of averages at a time, whatever the number of rows
_TINY = 1e-300  # added to what may be zero below a zero: changes no other number


def nearest_rising(steps: Array, weight: Weights) -> Array:
    """The nearest curves that never fall, in weighted squares: (q, n, m) for ``steps`` (q, n, m), n curves of q kinds.

    ``weight``: q rows of m numbers > 0. Isotonic regression by its min-max formula: theta_j = max over a <= j of min
    over b >= j of the weighted average of steps a..b (Robertson, Wright & Dykstra, "Order Restricted Statistical
    Inference", 1988, theorem 1.4.4). Curves that never fall come back unchanged to the bit. They form a convex cone,
    so where the true curve is one of them the answer is at least as near to it as ``steps`` were, for these weights.
    """
    falls = (steps[..., 1:] < steps[..., :-1]).any(axis=2)
    if not falls.any():
        return steps
    risen = steps.copy()
    kinds, rows = np.nonzero(falls)
    at_once = max(1, _MOST_CELLS // steps.shape[2] ** 2)
    for start in range(0, len(rows), at_once):
        kind, row = kinds[start : start + at_once], rows[start : start + at_once]
        risen[kind, row] = _min_max(steps[kind, row], weight, kind)
    return risen


def _min_max(steps: Array, weight: Weights, kind: NDArray[np.intp]) -> Array:
    weights, masses, backwards = _averaging(weight)
    total = np.zeros((len(steps), steps.shape[1] + 1))
    np.cumsum(steps * weights[kind], axis=1, out=total[:, 1:])
    average = (total[:, None, 1:] - total[:, :-1, None]) / masses[kind]  # (r, a, b)
    lowest = np.minimum.accumulate(average[:, :, ::-1], axis=2)[:, :, ::-1]
    highest: Array = (lowest - backwards).max(axis=1)
    return highest


@lru_cache(maxsize=64)
def _averaging(weight: Weights) -> tuple[Array, Array, Array]:
    """Weights (q, m), weight of every run a..b (q, m, m), and infinity where a run would go backwards (m, m)."""
    weights = np.array(weight)
    sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    first, last = np.indices((weights.shape[1], weights.shape[1]))
    masses = np.where(first > last, 1.0, sums[:, None, 1:] - sums[:, :-1, None])
    return weights, masses, np.where(first > last, np.inf, 0.0)


def along(steps: Array, at: tuple[float, ...], where: float) -> Array:
    """A smooth curve through rising ``steps`` (..., m) placed at ``at`` (m,), read at ``where`` inside it; (...,).

    Piecewise cubic with the slopes of Fritsch & Butland (1984), under which it rises between rising steps (Fritsch &
    Carlson, "Monotone piecewise cubic interpolation", SIAM J. Numer. Anal. 17, 1980) and keeps one slope at each step.
    """
    j = min(max(bisect_right(at, where) - 1, 0), len(at) - 2)
    gap = at[j + 1] - at[j]
    t = (where - at[j]) / gap
    low, high = steps[..., j], steps[..., j + 1]
    rise = (high - low) / gap
    # The slopes at both ends of the piece, each from the piece on its other side, if there is one.
    first = rise if len(at) == 2 else _slope(steps, at, rise, j, -1)
    last = rise if len(at) == 2 else _slope(steps, at, rise, j, 1)
    share = t * t * (3 - 2 * t)
    curve = low * (1 - share) + high * share + (first * (1 - t) - last * t) * (gap * t * (1 - t))
    clipped: Array = np.minimum(np.maximum(curve, low), high)  # a last bit must not make it fall
    return clipped


def _slope(steps: Array, at: tuple[float, ...], rise: Array, j: int, side: int) -> Array:
    """Slope of the curve at the left (side -1) or right (1) end of piece j, whose straight slope is ``rise``."""
    inside = 0 <= j + side <= len(at) - 2
    k = j + side if inside else j - side
    gap, other_gap = at[j + 1] - at[j], at[k + 1] - at[k]
    other = (steps[..., k + 1] - steps[..., k]) / other_gap
    if not inside:
        end = (rise * (2 * gap + other_gap) - other * gap) / (gap + other_gap)
        return np.minimum(np.maximum(end, 0.0), 3 * rise)
    near, far = 2 * other_gap + gap, other_gap + 2 * gap
    slope: Array = rise * other * (near + far) / (other * near + rise * far + _TINY)
    return slope
