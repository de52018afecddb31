"""Cross-fitting as one visible object: which rows a prediction may be trained on.

A nuisance prediction that has seen its own row's outcome biases every doubly robust score built on it, and effects of
rows that were trained on look better than they are. ``CrossFit`` holds the folds; ``out_of_sample`` fits once per fold
and predicts only the rows that fit left out, ``in_sample`` does not exist on purpose. ``out_of_fold_effect`` gives
the effects of the training rows for any learner by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

if TYPE_CHECKING:
    from models.uplift.learner import Learner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]
Predict = Callable[[Rows], Vector]


@dataclass(frozen=True)
class CrossFit:
    """``fold``: (n,) number of the fold that holds each row out; ``folds``: how many there are."""

    fold: NDArray[np.int64]
    folds: int

    @classmethod
    def split(
        cls, treatment: NDArray[np.int64], folds: int, seed: int, cluster: NDArray[np.object_] | None = None
    ) -> CrossFit:
        """Random folds with equal shares of every arm; units of one cluster stay together.

        With clusters the folds are balanced in clusters, not in arms: a cluster cannot be torn apart.
        """
        rng = np.random.default_rng(seed)
        if folds < 2:
            raise InputError("folds", folds, "at least 2")
        if cluster is not None:
            names, member = np.unique(cluster.astype(str), return_inverse=True)
            if len(names) < folds:
                raise InputError("cluster", len(names), f"at least {folds} clusters for {folds} folds")
            fold_of_cluster = rng.permutation(np.arange(len(names)) % folds)
            return cls(fold_of_cluster[member].astype(np.int64), folds)
        fold = np.empty(len(treatment), dtype=np.int64)
        for arm in np.unique(treatment):
            rows = np.flatnonzero(treatment == arm)
            fold[rng.permutation(rows)] = np.arange(len(rows)) % folds
        return cls(fold, folds)

    def rounds(self) -> Iterator[tuple[Rows, Rows]]:
        """Per fold: rows to train on, rows held out."""
        for fold in range(self.folds):
            yield np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)

    def out_of_sample(self, fit: Callable[[Rows], Predict]) -> Vector:
        """(n,) predictions, each by a fit that never saw its row: ``fit(train rows)`` gives ``predict(rows)``."""
        result = np.empty(len(self.fold))
        for train, held_out in self.rounds():
            result[held_out] = fit(train)(held_out)
        return result


def out_of_fold_effect(
    make: Callable[[], Learner],
    X: pd.DataFrame | Matrix,
    treatment: ArrayLike,
    outcome: ArrayLike,
    propensity: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    folds: int = 4,
    seed: int = 0,
) -> tuple[Matrix, CrossFit]:
    """(n, K-1) effects of the rows given, each by a fresh learner that never saw its row or cluster, and the folds.

    Rows of weight 0 get NaN and no fold: ``fold`` is over the others.
    """
    from models.uplift.learner import check

    given = check(X, treatment, propensity, weight, cluster)
    outcomes = given.outcome(outcome)
    crossfit = CrossFit.split(given.treatment, folds, seed, given.cluster)
    effect = np.full((given.given, given.arms - 1), np.nan)
    for train, held_out in crossfit.rounds():
        learner = make().fit(
            _rows(X, given.kept[train]),
            given.treatment[train],
            outcomes[train],
            None if given.propensity is None else given.propensity[train],
            given.weight[train],
            None if given.cluster is None else given.cluster[train],
        )
        effect[given.kept[held_out]] = learner.effect(_rows(X, given.kept[held_out]))
    return effect, crossfit


def _rows(X: pd.DataFrame | Matrix, rows: Rows) -> pd.DataFrame | Matrix:
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else np.asarray(X)[rows]
