"""Expected outcomes under every arm, each row's by models that never saw the row.

One model of E[y | x] over all arms and, per arm, the mean of its residuals outside the row's fold: effects are faint
beside the outcome's own spread, and a model per arm would see a fraction of the rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.uplift.boosting import Trees
from models.uplift.prepared import Prepared

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NUISANCE = Trees(leaves=8, rounds=24, learning_rate=0.25, share_a_leaf=0.005)

_ENOUGH = (
    100_000  # rows to learn expected outcomes from: they only remove noise, and most of it is not theirs to remove
)


def expected_outcomes(
    X: pd.DataFrame | Matrix,
    treatment: ArrayLike,
    outcome: ArrayLike,
    propensity: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    seed: int = 0,
    folds: int | None = None,
    weight: ArrayLike | None = None,
) -> Matrix:
    """(n, K) out-of-fold E[y | x, arm], for doubly robust scores; rows of weight 0 get NaN.

    Raises ``InputError`` as every learner's ``fit`` does.
    """
    prepared = Prepared(X, treatment, propensity, folds, seed, cluster=cluster, weight=weight)
    result = np.full((prepared.inputs.given, prepared.arms), np.nan)
    result[prepared.inputs.kept] = out_of_fold(prepared, prepared.inputs.outcome(outcome))
    return result


def out_of_fold(prepared: Prepared, y: Vector, trees: Trees = NUISANCE) -> Matrix:
    """(n, K) for the outcomes (n,) of the prepared rows."""
    crossfit, weight = prepared.crossfit, prepared.weight
    shared = np.empty(len(y))
    for fold, (train, held_out) in enumerate(crossfit.rounds()):
        taken, watched = prepared.sets[fold]
        if len(train) > _ENOUGH:
            train = np.sort(np.random.default_rng((prepared.seed, fold)).choice(train, _ENOUGH, replace=False))
            taken = prepared.bins.take(train)
        shared[held_out] = prepared.bins.watch(taken, y[train], trees, watched, prepared.seed, weight[train])[1][-1]
    residual, inverse = y - shared, weight / prepared.taken
    offsets = np.zeros((crossfit.folds, prepared.arms))
    for fold, arm in np.ndindex(*offsets.shape):
        rows = (prepared.treatment == arm) & (crossfit.fold != fold)
        if rows.any():
            offsets[fold, arm] = np.average(residual[rows], weights=inverse[rows])
    expected: Matrix = shared[:, None] + offsets[crossfit.fold]
    return expected
