"""S-learner: one model of the outcome with the arm as one more category (Künzel et al. 2019).

An effect is the difference of two predictions of that model. It sees all rows at once, but nothing makes it split
on the arm, so small effects are drawn towards zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Bins, Trees
from models.uplift.prepared import Prepared, PreparedLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TREES = Trees(leaves=8, rounds=100)


class SLearner(PreparedLearner):
    """Effects of K-1 arms from one ensemble; nothing is predicted for training rows, so nothing is cross-fitted."""

    def __init__(self, trees: Trees = TREES, seed: int = 0, threads: int = 1) -> None:
        self.trees = trees
        self.seed = seed
        self.threads = threads

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        inputs = prepared.inputs
        columns = np.column_stack([inputs.X, prepared.treatment])
        bins = Bins(columns, (*inputs.encoding.categorical, inputs.X.shape[1]), self.threads)
        rows = np.arange(len(y))
        self.arms_ = prepared.arms
        self.booster_: Any = bins.grow(rows, y, self.trees, self.seed, prepared.weight)

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) for rows that are encoded already, (n, d)."""
        columns = np.column_stack([X, np.zeros(len(X))])
        expected = np.empty((len(X), self.arms_))
        for arm in range(self.arms_):
            columns[:, -1] = arm
            expected[:, arm] = self.booster_.predict(columns, num_threads=self.threads)
        return expected[:, 1:] - expected[:, :1]
