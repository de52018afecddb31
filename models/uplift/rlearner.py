"""R-learner: the part of the outcome that its mean does not explain against the part of the arm that chance decided.

For arm k among units of k or control, with m(x) = E[y | x, k or 0] cross-fitted and e = P(k | k or 0, x), the effect
minimises sum (y - m - (T - e) tau(x))^2 (Robinson 1988; Nie & Wager 2021): a regression of (y - m) / (T - e) with
weights (T - e)^2. Where only the taken arm's chance was logged, e is estimated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.uplift.boosting import Together, Trees
from models.uplift.nuisance import NUISANCE, out_of_fold
from models.uplift.prepared import Prepared, PreparedLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TREES = Trees(leaves=4, rounds=60)


class RLearner(PreparedLearner):
    """Effects of K-1 arms; ``trees`` is the size of the models of the effect, ``nuisance`` that of E[y | x]."""

    def __init__(
        self,
        trees: Trees = TREES,
        nuisance: Trees = NUISANCE,
        folds: int | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.trees = trees
        self.nuisance = nuisance
        self.folds = folds
        self.seed = seed
        self.threads = threads

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        self.crossfit_ = prepared.crossfit
        expected = out_of_fold(prepared, y, self.nuisance)
        chances = prepared.all_chances
        if prepared.source == "taken":
            self.propensity_source_ = "estimated"
        self.boosters_: list[Any] = [
            self._one_arm(prepared, y, expected, chances, arm) for arm in range(1, prepared.arms)
        ]
        self._together = Together(self.boosters_, self.threads)

    def _one_arm(self, prepared: Prepared, y: Vector, expected: Matrix, chances: Matrix, arm: int) -> Any:
        treatment = prepared.treatment
        e = chances[:, arm] / np.maximum(chances[:, arm] + chances[:, 0], np.finfo(float).tiny)
        rows = np.flatnonzero(((treatment == arm) | (treatment == 0)) & (e > 0) & (e < 1))
        if len(np.unique(treatment[rows])) < 2:
            raise InputError("propensity", f"arm {arm}", "units that could have got both this arm and the control")
        surprise = (treatment[rows] == arm) - e[rows]
        mean = (1 - e[rows]) * expected[rows, 0] + e[rows] * expected[rows, arm]
        label = (y[rows] - mean) / surprise
        weight = surprise**2 * prepared.weight[rows]
        taken = prepared.bins.take(rows)
        return prepared.bins.grow_on(taken, label, self.trees, self.seed, weight / weight.mean())

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) for rows that are encoded already, (n, d)."""
        return self._together.predict(X)
