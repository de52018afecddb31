"""The cross-fitted DR-learner with logged propensities, one final model per arm.

The pseudo-outcome of ``models.uplift.contrast`` has the effect as its mean at every x, whatever the nuisance
predictions are, because the propensities are known (Robins, Rotnitzky & Zhao 1994; Kennedy 2023, "Towards optimal
doubly robust estimation of heterogeneous causal effects"). The predictions only remove noise, so one model of E[y | x]
over all arms plus a constant per arm serves every arm.

How flexible the regression on x may be is chosen inside the training data: each candidate's out-of-fold predictions
are regressed on psi, the one with the clearest slope (largest t) wins, and its spread around the average effect is
shrunk by slope * (1 - 1 / t^2), the positive-part rule of James and Stein. At t <= 1 nothing is left of it: the
average effect wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.uplift.boosting import CONSTANT, Trees
from models.uplift.contrast import Contrast, Prepared
from models.uplift.encoding import Encoding
from models.uplift.learner import as_frame, check_outcome

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NUISANCE = Trees(leaves=8, rounds=60, share_a_leaf=0.005)
CANDIDATES = (Trees(leaves=2, rounds=60), Trees(leaves=8, rounds=60))


@dataclass(frozen=True)
class Choice:
    """Which final model an arm got.

    ``trees``: its size (one leaf: the average effect). ``shrinkage``: its calibration slope in [0, 1]. ``evidence``:
    per candidate the t value of that slope; below 1 the average effect is the better guess.
    """

    trees: Trees
    shrinkage: float
    evidence: tuple[float, ...]


class DRLearner:
    """Doubly robust effects of K-1 arms, as flexible as the data can bear.

    Args:
        candidates: sizes of the final model beside the average effect, simplest first.
        nuisance: size of the model of E[y | x].
        folds: folds of the cross-fitting, which the choice of the final model shares.
        seed: the same seed and data give the same model, bit for bit.
        threads: LightGBM's; more than one only pays on free physical cores.

    After ``fit``: ``encoding_``, ``boosters_`` and ``choices_`` (one per arm), ``crossfit_``.
    """

    def __init__(
        self,
        candidates: tuple[Trees, ...] = CANDIDATES,
        nuisance: Trees = NUISANCE,
        folds: int = 4,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.candidates = candidates
        self.nuisance = nuisance
        self.folds = folds
        self.seed = seed
        self.threads = threads

    def fit(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        outcome: ArrayLike,
        propensity: ArrayLike,
        cluster: NDArray[np.object_] | None = None,
    ) -> Self:
        """Learn from n units; see ``models.uplift.learner.Learner`` for shapes. Clusters are never split over folds."""
        prepared = Prepared(X, treatment, propensity, self.folds, self.seed, self.threads, cluster)
        return self.fit_prepared(prepared, outcome)

    def fit_prepared(self, prepared: Prepared, outcome: ArrayLike) -> Self:
        """Learn one outcome of a trial that is prepared for several; folds and bins are those of the preparation."""
        y = check_outcome(outcome, len(prepared.inputs.X))
        self.encoding_: Encoding = prepared.inputs.encoding
        self.crossfit_ = prepared.crossfit
        control = y[prepared.inputs.treatment == 0]
        if (control == control[0]).all():
            # Control units cannot spend or redeem what they never got: no contrast, so no noise of one.
            fitted = [self._final(part, y[part.rows] - control[0]) for part in prepared.alone]
        else:
            expected = self._expected(prepared, y)
            fitted = [self._final(part, part.pseudo_outcome(y, expected)) for part in prepared.pairs]
        self.boosters_: list[Any] = [booster for booster, _ in fitted]
        self.choices_: list[Choice] = [choice for _, choice in fitted]
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) expected change of the outcome by each arm."""
        return self.effect_of_matrix(self.encoding_.matrix(as_frame(X)))

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """The same for rows that are encoded already, (n, d)."""
        return np.column_stack([booster.predict(X, num_threads=self.threads) for booster in self.boosters_])

    def _expected(self, prepared: Prepared, y: Vector) -> Matrix:
        """Out-of-fold E[y | x, arm], (n, K): a shared model plus the arm's mean residual outside the row's fold."""
        bins, inputs = prepared.bins, prepared.inputs
        sets = iter(prepared.train_sets)

        def fit(train: NDArray[np.int64]) -> Any:
            booster = bins.grow_on(next(sets), y[train], self.nuisance, self.seed)
            return lambda rows: bins.predict(booster, rows)

        shared = prepared.crossfit.out_of_sample(fit)
        weight = 1 / inputs.propensity[np.arange(len(y)), inputs.treatment]
        offsets = np.zeros((prepared.crossfit.folds, inputs.arms))
        for fold, arm in np.ndindex(*offsets.shape):
            rows = (inputs.treatment == arm) & (prepared.crossfit.fold != fold)
            if rows.any():
                offsets[fold, arm] = np.average((y - shared)[rows], weights=weight[rows])
        expected: Matrix = shared[:, None] + offsets[prepared.crossfit.fold]
        return expected

    def _final(self, part: Contrast, psi: Vector) -> tuple[Any, Choice]:
        choice = self._choose(part, psi)
        mean = float(np.average(psi, weights=part.weight))
        label = mean + choice.shrinkage * (psi - mean)
        return part.bins.grow_on(part.whole, label, choice.trees, self.seed, part.weight), choice

    def _choose(self, part: Contrast, psi: Vector) -> Choice:
        average = np.empty(len(psi))
        scores = [np.empty(len(psi)) for _ in self.candidates]
        for taken, train in part.parts:
            held_out = ~train
            average[held_out] = np.average(psi[train], weights=part.weight[train])
            for trees, score in zip(self.candidates, scores, strict=True):
                booster = part.bins.grow_on(taken, psi[train], trees, self.seed, part.weight[train])
                score[held_out] = part.bins.predict(booster, part.rows[held_out])
        found = [_calibrate(psi - average, score - average, part.weight) for score in scores]
        evidence = tuple(t for _, t in found)
        best = int(np.argmax(evidence)) if evidence else -1
        if best < 0 or evidence[best] <= 1:
            return Choice(CONSTANT, 0.0, evidence)
        slope = found[best][0] * (1 - 1 / evidence[best] ** 2)
        return Choice(self.candidates[best], float(np.clip(slope, 0, 1)), evidence)


def _calibrate(psi: Vector, spread: Vector, weight: Vector) -> tuple[float, float]:
    """Slope of psi on a candidate's out-of-fold spread around the average effect, and its t value."""
    squares = float((weight * spread) @ spread)
    if squares <= 0:
        return 0.0, 0.0
    slope = float((weight * spread) @ psi) / squares
    error = float(np.sqrt(np.sum((weight * spread * (psi - slope * spread)) ** 2))) / squares
    return slope, slope / error if error > 0 else 0.0
