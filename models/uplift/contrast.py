"""An arm against the control as a regression problem: rows, weights and the pseudo-outcome whose mean is the effect.

Let y0, yk be out-of-fold predictions of the outcome under control and arm k. Where the chances of both are known,
only units that got one of the two take part, with e = P(k | k or 0, x):

    psi = yk - y0 + 1[T=k] (y - yk) / e - 1[T=0] (y - y0) / (1 - e),      weight e (1 - e)

(the weight is the inverse of psi's variance up to a factor). Where only the chance p of the arm taken was logged, all
units take part with psi = yk - y0 + 1[T=k] (y - yk) / p - 1[T=0] (y - y0) / p and weight 1.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.uplift.boosting import Bins
from models.uplift.crossfit import CrossFit
from models.uplift.learner import Checked, check

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]


class Prepared:
    """A trial ready to learn from: checked, binned and split into folds once, for any number of outcomes."""

    def __init__(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        propensity: ArrayLike,
        folds: int = 4,
        seed: int = 0,
        threads: int = 1,
        cluster: NDArray[np.object_] | None = None,
    ) -> None:
        self.inputs: Checked = check(X, treatment, propensity)
        self.bins = Bins(self.inputs.X, self.inputs.encoding.categorical, threads)
        self.crossfit = CrossFit.split(self.inputs.treatment, folds, seed, cluster)

    @cached_property
    def train_sets(self) -> list[Any]:
        """Binned training rows of every fold."""
        return [self.bins.take(train) for train, _ in self.crossfit.rounds()]

    @cached_property
    def pairs(self) -> list[Contrast]:
        """Every arm beside the control."""
        return [Contrast.pair(self, arm) for arm in range(1, self.inputs.arms)]

    @cached_property
    def alone(self) -> list[Contrast]:
        """Every arm by itself, for outcomes that the control cannot have."""
        return [Contrast.single(self, arm) for arm in range(1, self.inputs.arms)]


class Contrast:
    """Some units (``rows``, (m,) positions), their regression weights (m,), and their binned copies."""

    def __init__(self, prepared: Prepared, arm: int, rows: Rows, signed_inverse: Vector, weight: Vector) -> None:
        self.arm, self.rows, self.weight = arm, rows, weight
        self.bins, self.crossfit = prepared.bins, prepared.crossfit
        self._treatment = prepared.inputs.treatment[rows]
        self._signed_inverse = signed_inverse

    @classmethod
    def pair(cls, prepared: Prepared, arm: int) -> Contrast:
        """The arm and the control."""
        treatment, propensity = prepared.inputs.treatment, prepared.inputs.propensity
        sign = (treatment == arm).astype(float) - (treatment == 0)
        if not np.isfinite(propensity[:, [0, arm]]).all():
            taken = propensity[np.arange(len(treatment)), treatment]
            return cls(prepared, arm, np.arange(len(treatment)), sign / taken, np.ones(len(treatment)))
        rows = np.flatnonzero(sign)
        e = propensity[rows, arm] / (propensity[rows, arm] + propensity[rows, 0])
        precision = e * (1 - e)
        inverse = 1 / np.where(sign[rows] > 0, e, 1 - e)
        return cls(prepared, arm, rows, sign[rows] * inverse, precision / precision.mean())

    @classmethod
    def single(cls, prepared: Prepared, arm: int) -> Contrast:
        """The arm alone, weighted back to everybody."""
        rows = np.flatnonzero(prepared.inputs.treatment == arm)
        inverse = 1 / prepared.inputs.propensity[rows, arm]
        return cls(prepared, arm, rows, inverse, inverse / inverse.mean())

    def pseudo_outcome(self, y: Vector, expected: Matrix) -> Vector:
        """psi, (m,); ``y`` (n,) and ``expected`` (n, K) are over all units."""
        predicted = expected[self.rows]
        residual = y[self.rows] - predicted[np.arange(len(self.rows)), self._treatment]
        psi: Vector = predicted[:, self.arm] - predicted[:, 0] + self._signed_inverse * residual
        return psi

    @cached_property
    def whole(self) -> Any:
        """All rows, binned."""
        return self.bins.take(self.rows)

    @cached_property
    def parts(self) -> list[tuple[Any, NDArray[np.bool_]]]:
        """Per fold: the binned rows outside it, and which of the m rows they are."""
        masks = [self.crossfit.fold[self.rows] != fold for fold in range(self.crossfit.folds)]
        return [(self.bins.take(self.rows[mask]), mask) for mask in masks if not mask.all()]
