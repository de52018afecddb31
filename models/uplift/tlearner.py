"""T-learner: one model of the outcome per arm; effects are differences of their predictions (Künzel et al. 2019).

The arms' models err apart from each other, so their difference carries the noise of both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Together, Trees
from models.uplift.prepared import Prepared, PreparedLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TREES = Trees(leaves=8, rounds=60)


class TLearner(PreparedLearner):
    """Effects of K-1 arms from K ensembles on one binned copy; nothing is cross-fitted.

    ``boosters_`` (K): the outcome under every arm, the control first.
    """

    def __init__(self, trees: Trees = TREES, seed: int = 0, threads: int = 1) -> None:
        self.trees = trees
        self.seed = seed
        self.threads = threads

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        bins, treatment = prepared.bins, prepared.treatment
        self.boosters_: list[Any] = [
            bins.grow(np.flatnonzero(treatment == arm), y, self.trees, self.seed, prepared.weight)
            for arm in range(prepared.arms)
        ]
        self._together = Together(self.boosters_, self.threads)

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) for rows that are encoded already, (n, d)."""
        expected = self._together.predict(X)
        return expected[:, 1:] - expected[:, :1]
