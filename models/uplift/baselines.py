"""What an uplift model has to beat: two T-learners and the ranking by response that most shops use today."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.uplift.boosting import Trees
from models.uplift.encoding import MAX_LEVELS
from models.uplift.prepared import Prepared, PreparedLearner
from models.uplift.tlearner import TLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LIBRARY_DEFAULT = Trees(leaves=31, rounds=100, learning_rate=0.1, share_a_leaf=0.0)


class TLinear(PreparedLearner):
    """One regularised linear model per arm: logistic for outcomes of 0 and 1, ridge for others.

    Categories become indicator columns, missing numbers the column's mean, and all columns unit variance.
    """

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        self._parts = [self._learn_column(column, i) for i, column in enumerate(prepared.inputs.X.T)]
        design = self._columns(prepared.inputs.X)
        weight, treatment = prepared.weight, prepared.treatment
        self._mean = np.average(design, axis=0, weights=weight)
        self._scale = np.sqrt(np.average((design - self._mean) ** 2, axis=0, weights=weight))
        self._scale[self._scale == 0] = 1.0
        design = (design - self._mean) / self._scale
        binary = bool(np.isin(y, (0.0, 1.0)).all())
        arms = [treatment == arm for arm in range(prepared.arms)]
        self.models_: list[Any] = [_linear(design[rows], y[rows], weight[rows], binary) for rows in arms]

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) differences between the arms' predictions and the control's."""
        expected = self._expected(X)
        return expected[:, 1:] - expected[:, :1]

    def expected(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K) predicted outcome under every arm."""
        return self._expected(self.encoding_.matrix(X))

    def _expected(self, X: Matrix) -> Matrix:
        design = (self._columns(X) - self._mean) / self._scale
        return np.column_stack([_predict(model, design) for model in self.models_])

    def _learn_column(self, column: Vector, place: int) -> Vector | float:
        """The codes of a category, the most frequent ones, or the mean that stands for a missing number."""
        known = column[np.isfinite(column)]
        if place not in self.encoding_.categorical:
            return float(known.mean()) if len(known) else 0.0
        codes, counts = np.unique(known, return_counts=True)
        return np.sort(codes[np.argsort(-counts, kind="stable")[:MAX_LEVELS]])

    def _columns(self, X: Matrix) -> Matrix:
        parts = [
            np.where(np.isfinite(column), column, part)[:, None]
            if isinstance(part, float)
            else (column[:, None] == part).astype(float)
            for column, part in zip(X.T, self._parts, strict=True)
        ]
        return np.hstack(parts)


class TBoosted(TLearner):
    """The T-learner on trees, by default at the library's settings: what an afternoon's work gives."""

    def __init__(self, trees: Trees = LIBRARY_DEFAULT, seed: int = 0, threads: int = 1) -> None:
        super().__init__(trees, seed, threads)


class ResponseRanking(TLinear):
    """Ranks by the predicted outcome under the arm itself, E[y | x, T=k]: "send it to those who buy".

    Its ``effect`` is a score in outcome units, not an effect: sure things come first.
    """

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) predicted outcome under every arm."""
        return self._expected(X)[:, 1:]


class AverageEffect(PreparedLearner):
    """The same effect for everybody: difference of the arms' propensity-weighted means (Hajek 1971)."""

    def _learn(self, prepared: Prepared, y: Vector) -> None:
        inverse = prepared.weight / prepared.taken
        arms = [prepared.treatment == arm for arm in range(prepared.arms)]
        means = np.array([np.average(y[rows], weights=inverse[rows]) for rows in arms])
        self.effect_: Vector = means[1:] - means[0]

    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """(n, K-1) with equal rows."""
        return np.tile(self.effect_, (len(X), 1))


def _linear(design: Matrix, y: Vector, weight: Vector, binary: bool) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if (y == y[0]).all():  # nothing to learn, and a logistic fit would refuse a single class
        return float(y[0])
    model = LogisticRegression(solver="newton-cholesky") if binary else Ridge(alpha=1.0)
    return model.fit(design, y, sample_weight=weight)


def _predict(model: Any, design: Matrix) -> Vector:
    if isinstance(model, float):
        return np.full(len(design), model)
    # Summed row by row: a matrix product gives other last bits for other numbers of rows.
    values: Vector = (design * np.ravel(model.coef_)).sum(axis=1) + float(np.ravel(model.intercept_)[0])
    return 0.5 * (1 + np.tanh(values / 2)) if hasattr(model, "predict_proba") else values
