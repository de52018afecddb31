"""Intervals of shares whose cases come in clusters: the members of one ring are right or wrong together.

Wilson's interval with the effective number of cases (Korn and Graubard, "Confidence intervals for proportions with
small expected number of positive counts estimated from survey data", 1998): as many independent accounts as would tell
as much as the clusters do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z = 1.959964
"""Of 95 %."""


def share_of_clusters(hits: NDArray[np.bool_], cluster: NDArray[np.int64]) -> tuple[float, float]:
    """Lowest and highest likely share of ``hits`` (n,) whose members of one ``cluster`` (n,) hang together.

    NaN where there is nothing to count.

    >>> low, high = share_of_clusters(np.array([True] * 8 + [False] * 2), np.arange(10))
    >>> round(low, 2), round(high, 2)
    (0.47, 0.95)
    """
    n = len(hits)
    if not n:
        return math.nan, math.nan
    share = float(hits.mean())
    _, place = np.unique(cluster, return_inverse=True)
    clusters = int(place.max()) + 1
    effective = float(min(n, clusters)) if clusters > 1 else 1.0
    if 0.0 < share < 1.0 and clusters > 1:
        off = np.bincount(place, weights=hits - share, minlength=clusters)
        variance = float((off**2).sum()) * clusters / (clusters - 1) / n**2
        effective = float(np.clip(share * (1 - share) / variance, 1.0, n)) if variance > 0 else float(n)
    return wilson(share, effective)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's interval of a share of ``n`` independent cases."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
