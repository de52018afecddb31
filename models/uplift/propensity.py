"""Chances of the arms where nobody logged them.

Boosted trees predict the arm from the features, one small ensemble per arm, each row by models that never saw it.
How much of their spread around the arms' shares is real is judged on the same out-of-fold predictions: the mixture of
the prediction and the shares with the best likelihood is taken (in a trial with equal chances for everybody that is
the shares themselves). Chances are then kept away from 0, since a score divides by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Bins, Trees
from models.uplift.crossfit import CrossFit

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TREES = Trees(leaves=4, rounds=50)
LOWEST = 0.01
_MIXTURES = np.linspace(0, 1, 21)


def estimate(
    bins: Bins,
    treatment: NDArray[np.int64],
    arms: int,
    crossfit: CrossFit,
    sets: Sequence[tuple[Any, Any]],
    weight: Vector,
    seed: int,
) -> Matrix:
    """(n, K) out-of-fold chances in [LOWEST, 1], rows sum to 1.

    ``sets``: per fold the binned rows to train on and those held out; ``weight`` (n,).
    """
    predicted, shares = np.empty((len(treatment), arms)), np.empty((len(treatment), arms))
    for (train, held_out), (taken, watched) in zip(crossfit.rounds(), sets, strict=True):
        for arm in range(arms):
            got = (treatment == arm).astype(float)
            shares[held_out, arm] = np.average(got[train], weights=weight[train])
            predicted[held_out, arm] = bins.watch(taken, got[train], TREES, watched, seed, weight[train])[1][-1]
    predicted = _clipped(predicted)
    mixed = [_clipped((1 - part) * shares + part * predicted) for part in _MIXTURES]
    rows = np.arange(len(treatment))
    return mixed[int(np.argmax([weight @ np.log(chances[rows, treatment]) for chances in mixed]))]


def _clipped(chances: Matrix) -> Matrix:
    kept = np.clip(chances, LOWEST, 1.0)
    result: Matrix = kept / kept.sum(axis=1, keepdims=True)
    return result
