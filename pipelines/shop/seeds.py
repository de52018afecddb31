"""Random streams and opaque ids, both functions of the seed and a name only: the order of work changes nothing."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """An independent generator for a named purpose.

    >>> float(stream(7, "visits", 3).random()) == float(stream(7, "visits", 3).random())
    True
    """
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def opaque(seed: int, purpose: str, numbers: Ints) -> NDArray[np.uint64]:
    """Distinct numbers that tell nothing about the order of ``numbers`` (splitmix64's finaliser, a bijection)."""
    x = numbers.astype(np.uint64) ^ np.uint64(zlib.crc32(f"{purpose}/{seed}".encode()) << 20)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def pick(cumulative: Floats, rows: Ints, rng: np.random.Generator) -> Ints:
    """Draw one column per entry of ``rows`` from the cumulative weights (n, k) of that row."""
    chosen = cumulative[rows]
    level = rng.random(len(rows)) * chosen[:, -1]
    return np.minimum((chosen <= level[:, None]).sum(axis=1), cumulative.shape[1] - 1)


def ranges(counts: Ints) -> Ints:
    """0..c-1 for every c, laid end to end.

    >>> ranges(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if len(ends) else 0, dtype=np.int64) - np.repeat(ends - counts, counts)
