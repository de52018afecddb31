"""Union–find over account numbers, compiled; the one way in which this package puts accounts together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit
def root_of(parent: Any, node: int) -> int:
    """The root of ``node``; halves the path on the way (Tarjan & van Leeuwen 1984)."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit
def join(parent: Any, size: Any, a: int, b: int) -> int:
    """Hang the smaller of two roots under the larger (``a`` where they are as large); the root that stays."""
    if a == b:
        return a
    if size[a] < size[b]:
        a, b = b, a
    parent[b] = a
    size[a] += size[b]
    return a
