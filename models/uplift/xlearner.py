"""X-learner: effects imputed with the other arm's model, then regressed on the features (Künzel et al. 2019).

With y0, yk the models of the outcome under the control and arm k, units of the arm get y - y0(x) and controls
yk(x) - y. Each model predicts only units of the other arm, which it never saw; where units come in clusters it could
know a row's cluster, so the models are then cross-fitted. Both regressions are blended by the arm's share of the pair:
few treated units lean on the effects imputed for the many controls' model, and the other way round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Together, Trees
from models.uplift.nuisance import NUISANCE
from models.uplift.prepared import Prepared, PreparedLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

TREES = Trees(leaves=4, rounds=40)


class XLearner(PreparedLearner):
    """Effects of K-1 arms.

    Args:
        trees: size of the models of the effect. nuisance: size of the models of the outcome.
        folds: folds of the outcome models where units come in clusters.
    """

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
        expected = _expected_elsewhere(prepared, y, self.nuisance)
        control = np.flatnonzero(prepared.treatment == 0)
        grown: list[Any] = []
        for arm in range(1, prepared.arms):
            treated = np.flatnonzero(prepared.treatment == arm)
            share = float(prepared.weight[treated].sum() / prepared.weight[np.append(treated, control)].sum())
            imputed = np.zeros(len(y))
            # Squared error is linear in the label: the blend's factors go into the labels, and the models add up.
            imputed[treated] = (1 - share) * (y - expected[:, 0])[treated]
            imputed[control] = share * (expected[:, arm] - y)[control]
            grown += [
                prepared.bins.grow(rows, imputed, self.trees, self.seed, prepared.weight) for rows in (treated, control)
            ]
        self.boosters_ = grown
        self._together = Together(grown, self.threads)

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) for rows that are encoded already, (n, d)."""
        parts = self._together.predict(X)
        return parts[:, 0::2] + parts[:, 1::2]


def _expected_elsewhere(prepared: Prepared, y: Vector, trees: Trees) -> Matrix:
    """(n, K) outcomes under arms that a row did not get, where the X-learner needs them; NaN elsewhere.

    Controls need every arm, treated units the control.
    """
    bins, treatment, weight = prepared.bins, prepared.treatment, prepared.weight
    expected = np.full((len(y), prepared.arms), np.nan)
    clustered = prepared.inputs.cluster is not None
    fold = prepared.crossfit.fold if clustered else np.zeros(len(y), dtype=np.int64)
    for part in range(prepared.crossfit.folds if clustered else 1):
        for arm in range(prepared.arms):
            wanted = np.flatnonzero(((treatment == 0) == (arm > 0)) & (fold == part))
            known = np.flatnonzero((treatment == arm) & ((fold != part) | (not clustered)))
            if len(wanted) and len(known):
                _, scores = bins.watch(
                    bins.take(known), y[known], trees, bins.take(wanted), prepared.seed, weight[known]
                )
                expected[wanted, arm] = scores[-1]
    return expected
