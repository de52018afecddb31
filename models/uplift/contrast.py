"""An arm against the control as a regression problem: rows, weights and the pseudo-outcome whose mean is the effect.

Let y0, yk be out-of-fold predictions of the outcome under control and arm k. Where the chances of both are known,
only units that got one of the two take part, with e = P(k | k or 0, x):

    psi = yk - y0 + 1[T=k] (y - yk) / e - 1[T=0] (y - y0) / (1 - e),      weight e (1 - e)

(the weight is the inverse of psi's variance up to a factor; units that could only have got one of the two tell nothing
and are left out). Where only the chance p of the arm taken was logged, all units take part with
psi = yk - y0 + 1[T=k] (y - yk) / p - 1[T=0] (y - y0) / p and weight 1. Sample weights multiply either.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.uplift.prepared import Prepared

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]


class Contrast:
    """Some units (``rows``, (m,) positions), their regression weights (m,), and their binned copies."""

    def __init__(self, prepared: Prepared, arm: int, rows: Rows, signed_inverse: Vector, weight: Vector) -> None:
        self.arm, self.rows, self.weight = arm, rows, weight
        self.bins, self.crossfit = prepared.bins, prepared.crossfit
        self.treatment = prepared.treatment[rows]
        self._signed_inverse = signed_inverse
        self._parts: dict[int, tuple[Any, NDArray[np.bool_]]] = {}

    @classmethod
    def pair(cls, prepared: Prepared, arm: int) -> Contrast:
        """The arm and the control."""
        treatment, propensity, weight = prepared.treatment, prepared.propensity, prepared.weight
        sign = (treatment == arm).astype(float) - (treatment == 0)
        if not np.isfinite(propensity[:, [0, arm]]).all():
            return cls(prepared, arm, np.arange(len(treatment)), sign / prepared.taken, weight)
        e = propensity[:, arm] / np.maximum(propensity[:, arm] + propensity[:, 0], np.finfo(float).tiny)
        precision = e * (1 - e)
        rows = np.flatnonzero((sign != 0) & (precision > 0))
        if not (sign[rows] > 0).any() or not (sign[rows] < 0).any():
            raise InputError("propensity", f"arm {arm}", "units that could have got both this arm and the control")
        inverse = 1 / np.where(sign[rows] > 0, e[rows], 1 - e[rows])
        return cls(prepared, arm, rows, sign[rows] * inverse, (precision * weight)[rows])

    @classmethod
    def single(cls, prepared: Prepared, arm: int) -> Contrast:
        """The arm alone, weighted back to everybody."""
        rows = np.flatnonzero(prepared.treatment == arm)
        inverse = 1 / prepared.taken[rows]
        return cls(prepared, arm, rows, inverse, inverse * prepared.weight[rows])

    def pseudo_outcome(self, y: Vector, expected: Matrix) -> Vector:
        """psi, (m,); ``y`` (n,) and ``expected`` (n, K) are over all units."""
        predicted = expected[self.rows]
        residual = y[self.rows] - predicted[np.arange(len(self.rows)), self.treatment]
        psi: Vector = predicted[:, self.arm] - predicted[:, 0] + self._signed_inverse * residual
        return psi

    @cached_property
    def whole(self) -> Any:
        """All rows, binned."""
        return self.bins.take(self.rows)

    def part(self, fold: int) -> tuple[Any, NDArray[np.bool_]]:
        """The binned rows outside a fold, and which of the m rows they are; taken once, when first asked for."""
        if fold not in self._parts:
            mask = self.crossfit.fold[self.rows] != fold
            self._parts[fold] = self.bins.take(self.rows[mask]), mask
        return self._parts[fold]
