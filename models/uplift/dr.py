"""The cross-fitted DR-learner with logged propensities.

The pseudo-outcome of ``models.uplift.contrast`` has the effect as its mean at every x, whatever the nuisance
predictions are, because the propensities are known (Robins, Rotnitzky & Zhao 1994; Kennedy 2023, "Towards optimal
doubly robust estimation of heterogeneous causal effects"). The predictions only remove noise, so one model of E[y | x]
over all arms plus a constant per arm serves every arm.

Its regression on x gives rows the weight e (1 - e) / sigma(x): between that of least squares and the inverse of the
noise's variance, which would look at small spenders only. How flexible the regression may be is chosen inside the
training data; see ``models.uplift.together``. The mean effect of each arm is that of the doubly robust scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Together, Trees
from models.uplift.contrast import Contrast
from models.uplift.nuisance import NUISANCE, out_of_fold
from models.uplift.prepared import Prepared, PreparedLearner
from models.uplift.together import Choice, Task, learn_together
from models.uplift.variance import variance

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CANDIDATES = tuple(Trees(leaves, rounds, learning_rate=0.1) for leaves, rounds in ((4, 40), (8, 60), (16, 80)))
OWN = Trees(leaves=4, rounds=20, learning_rate=0.2)


class DRLearner(PreparedLearner):
    """Doubly robust effects of K-1 arms, as flexible as the data can bear.

    Args:
        trees: fixes the size of every arm's final model, without choice or shrinkage; None lets the data choose.
        nuisance: size of the model of E[y | x].
        candidates: sizes of the model that the arms share, of which one is chosen, beside the average effect.
        own: size of an arm's own model, which is mixed with the shared one.
        folds: folds of the cross-fitting, which the choice shares; None takes 4, or 2 where rows are many.
        seed: the same seed and data give the same model, bit for bit.
        threads: LightGBM's; more than one only pays on free physical cores.

    After ``fit``: ``encoding_``, ``boosters_`` and ``choices_`` (one per arm), ``crossfit_`` and
    ``effect_out_of_fold_``, (n, K-1) effects of the training rows by models that never saw them (NaN for rows of
    weight 0; None with fixed ``trees``, whose single model saw every row).
    """

    def __init__(
        self,
        trees: Trees | None = None,
        nuisance: Trees = NUISANCE,
        candidates: tuple[Trees, ...] = CANDIDATES,
        own: Trees = OWN,
        folds: int | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.trees = trees
        self.nuisance = nuisance
        self.candidates = candidates
        self.own = own
        self.folds = folds
        self.seed = seed
        self.threads = threads

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        self.crossfit_ = prepared.crossfit
        tasks = _tasks(prepared, y, self.nuisance)
        self.effect_out_of_fold_: Matrix | None = None
        if self.trees is not None:
            self.boosters_: list[Any] = _grown(prepared, tasks, self.trees)
            self.choices_ = [Choice(self.trees, 1.0, ())] * len(tasks)
        else:
            self.boosters_, self.choices_, scores = learn_together(prepared, tasks, self.candidates, self.own)
            self.effect_out_of_fold_ = np.full((prepared.inputs.given, len(tasks)), np.nan)
            self.effect_out_of_fold_[prepared.inputs.kept] = scores
        self._together = Together(self.boosters_, self.threads)

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) for rows that are encoded already, (n, d)."""
        return self._together.predict(X)


def _tasks(prepared: Prepared, y: Vector, nuisance: Trees) -> list[Task]:
    """Every arm's regression of its pseudo-outcome."""
    control = y[prepared.treatment == 0]
    if (control == control[0]).all():
        # Control units cannot spend or redeem what they never got: no contrast, so no noise of one.
        return [_task(part, y[part.rows] - control[0], part.weight, None) for part in prepared.alone]
    expected = out_of_fold(prepared, y, nuisance)
    taken = expected[np.arange(len(y)), prepared.treatment]
    score = expected.copy()
    score[np.arange(len(y)), prepared.treatment] += (y - taken) / prepared.taken
    averages = np.average(score[:, 1:] - score[:, :1], axis=0, weights=prepared.weight)
    noise = np.sqrt(variance(expected.mean(axis=1), y - taken))
    return [
        _task(part, part.pseudo_outcome(y, expected), part.weight / noise[part.rows], float(average))
        for part, average in zip(prepared.pairs, averages, strict=True)
    ]


def _task(part: Contrast, psi: Vector, weight: Vector, average: float | None) -> Task:
    mean = float(np.average(psi, weights=weight)) if average is None else average
    return Task(part, psi - mean, weight, mean)


def _grown(prepared: Prepared, tasks: list[Task], trees: Trees) -> list[Any]:
    """The final models of all arms at one size: the only place that grows them, each on its own rows."""
    return [
        prepared.bins.grow_on(
            task.contrast.whole, task.target + task.average, trees, prepared.seed, task.weight / task.weight.mean()
        )
        for task in tasks
    ]
