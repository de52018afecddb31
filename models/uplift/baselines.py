"""What an uplift model has to beat: two T-learners and the ranking by response that most shops use today."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.uplift.boosting import Bins, Trees
from models.uplift.encoding import Encoding
from models.uplift.learner import as_frame, check, check_outcome

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LIBRARY_DEFAULT = Trees(leaves=31, rounds=100, learning_rate=0.1, share_a_leaf=0.0)


class TLinear:
    """One regularised linear model per arm: logistic for outcomes of 0 and 1, ridge for others.

    Categories become indicator columns, missing numbers the column's mean, and all columns unit variance.
    """

    def fit(self, X: pd.DataFrame | Matrix, treatment: ArrayLike, outcome: ArrayLike, propensity: ArrayLike) -> Self:
        """Learn the outcome of every arm on its own units."""
        inputs = check(X, treatment, propensity)
        y = check_outcome(outcome, len(inputs.X))
        self.encoding_: Encoding = inputs.encoding
        design = self._columns(inputs.X)
        self._mean, self._scale = design.mean(axis=0), design.std(axis=0)
        self._scale[self._scale == 0] = 1.0
        design = (design - self._mean) / self._scale
        binary = bool(np.isin(y, (0.0, 1.0)).all())
        self.models_: list[Any] = [
            _linear(design[inputs.treatment == arm], y[inputs.treatment == arm], binary) for arm in range(inputs.arms)
        ]
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) differences between the arms' predictions and the control's."""
        expected = self.expected(X)
        return expected[:, 1:] - expected[:, :1]

    def expected(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K) predicted outcome under every arm."""
        design = (self._columns(self.encoding_.matrix(as_frame(X))) - self._mean) / self._scale
        return np.column_stack([_predict(model, design) for model in self.models_])

    def _columns(self, X: Matrix) -> Matrix:
        parts = []
        for i, name in enumerate(self.encoding_.features):
            column = X[:, i]
            if name in self.encoding_.levels:
                codes = np.arange(len(self.encoding_.levels[name]))
                parts.append((column[:, None] == codes).astype(float))
            else:
                known = column[np.isfinite(column)]
                parts.append(np.where(np.isfinite(column), column, known.mean() if len(known) else 0.0)[:, None])
        return np.hstack(parts)


class TBoosted:
    """One boosted ensemble per arm, by default at the library's settings: what an afternoon's work gives."""

    def __init__(self, trees: Trees = LIBRARY_DEFAULT, seed: int = 0, threads: int = 1) -> None:
        self.trees = trees
        self.seed = seed
        self.threads = threads

    def fit(self, X: pd.DataFrame | Matrix, treatment: ArrayLike, outcome: ArrayLike, propensity: ArrayLike) -> Self:
        """Learn the outcome of every arm on its own units."""
        inputs = check(X, treatment, propensity)
        y = check_outcome(outcome, len(inputs.X))
        self.encoding_: Encoding = inputs.encoding
        bins = Bins(inputs.X, inputs.encoding.categorical, self.threads)
        self.boosters_: list[Any] = [
            bins.grow(np.flatnonzero(inputs.treatment == arm), y, self.trees, self.seed) for arm in range(inputs.arms)
        ]
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) differences between the arms' predictions and the control's."""
        rows = self.encoding_.matrix(as_frame(X))
        expected = np.column_stack([booster.predict(rows, num_threads=self.threads) for booster in self.boosters_])
        return expected[:, 1:] - expected[:, :1]


class ResponseRanking(TLinear):
    """Ranks by the predicted outcome under the arm itself, E[y | x, T=k]: "send it to those who buy".

    Its ``effect`` is a score in outcome units, not an effect: sure things come first.
    """

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) predicted outcome under every arm."""
        return self.expected(X)[:, 1:]


class AverageEffect:
    """The same effect for everybody: difference of the arms' propensity-weighted means (Hajek 1971)."""

    def fit(self, X: pd.DataFrame | Matrix, treatment: ArrayLike, outcome: ArrayLike, propensity: ArrayLike) -> Self:
        """Learn K-1 numbers."""
        inputs = check(X, treatment, propensity)
        y = check_outcome(outcome, len(inputs.X))
        weight = 1 / inputs.propensity[np.arange(len(y)), inputs.treatment]
        arms = [inputs.treatment == arm for arm in range(inputs.arms)]
        means = np.array([np.average(y[rows], weights=weight[rows]) for rows in arms])
        self.effect_: Vector = means[1:] - means[0]
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) with equal rows."""
        return np.tile(self.effect_, (len(X), 1))


def _linear(design: Matrix, y: Vector, binary: bool) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if (y == y[0]).all():  # nothing to learn, and a logistic fit would refuse a single class
        return float(y[0])
    return LogisticRegression(solver="newton-cholesky").fit(design, y) if binary else Ridge(alpha=1.0).fit(design, y)


def _predict(model: Any, design: Matrix) -> Vector:
    if isinstance(model, float):
        return np.full(len(design), model)
    if hasattr(model, "predict_proba"):
        chances: Vector = model.predict_proba(design)[:, 1]
        return chances
    values: Vector = model.predict(design)
    return values
