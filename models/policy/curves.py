"""What budget curves tell: gains, differences, areas and where a curve flattens, all with paired intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.errors import InputError
from models.policy.intervals import Interval, student_quantile
from models.policy.price import Floats

_ROUNDING = 1e-12  # policies that choose alike differ by the order of their sums, which is no difference


@dataclass(frozen=True)
class Line:
    """A curve over budgets: ``value``, ``low``, ``high`` (m,) per unit; NaN where a policy cannot spend so little."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class BudgetCurves:
    """Curves of all policies on the same units; figures per unit, against giving offer 0 to everybody.

    ``budgets``: (m,) spend per unit. ``value``: (P, m). ``covariance``: (P, m, P, m) of ``value``. ``spends``: (P,)
    what each policy spends when the budget is no limit. ``independent``: units or clusters.
    """

    names: tuple[str, ...]
    budgets: Floats
    value: Floats
    covariance: Floats
    spends: Floats
    independent: int
    level: float

    def curve(self, name: str) -> Line:
        """One policy's gain at each budget."""
        weights = self._at(name)
        return self._line(self.value[self._place(name)], weights)

    def difference(self, name: str, baseline: str) -> Line:
        """Gain of one policy above another's at each budget, with the interval of the pair."""
        weights = self._at(name) - self._at(baseline)
        return self._line(self.value[self._place(name)] - self.value[self._place(baseline)], weights)

    def area(self, name: str) -> Interval:
        """Mean gain over the range of budgets: the area under the curve over the range's width."""
        return self._combined(self._mean(name))

    def area_between(self, name: str, baseline: str) -> Interval:
        """Mean over the budgets of the difference of two policies."""
        return self._combined(self._mean(name) - self._mean(baseline))

    def flattens_at(self, name: str) -> float:
        """The least budget of the grid beyond which no larger one is shown to earn more (NaN without any)."""
        place, last = self._place(name), len(self.budgets)
        for at in range(last):
            if math.isnan(self.value[place, at]):
                continue
            here = self._one(place, at)
            if not any(self._combined(np.subtract(self._one(place, j), here)).low > 0 for j in range(at + 1, last)):
                return float(self.budgets[at])
        return math.nan

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise InputError("policy", name, f"one of {', '.join(self.names)}")
        return self.names.index(name)

    def _one(self, place: int, at: int) -> Floats:
        weights = np.zeros(self.value.shape)
        weights[place, at] = 1.0
        return weights

    def _at(self, name: str) -> Floats:
        """Weights (m, P, m), one set per budget, that pick the policy's points."""
        place = self._place(name)
        return np.stack([self._one(place, at) for at in range(len(self.budgets))])

    def _mean(self, name: str) -> Floats:
        """Weights (P, m) of the trapezoid mean over the budgets that the policy can keep."""
        place = self._place(name)
        known = np.flatnonzero(np.isfinite(self.value[place]))
        weights = np.zeros(self.value.shape)
        if not len(known):
            return np.full(self.value.shape, math.nan)
        if len(known) == 1:
            weights[place, known] = 1.0
            return weights
        width = np.diff(self.budgets[known])
        weights[place, known[:-1]] += width / 2
        weights[place, known[1:]] += width / 2
        return weights / width.sum()

    def _line(self, value: Floats, weights: Floats) -> Line:
        reach = student_quantile(self.level, self.independent - 1) * np.array([self._error(w) for w in weights])
        return Line(value, value - reach, value + reach)

    def _combined(self, weights: Floats) -> Interval:
        parts = weights * np.where(weights == 0, 0.0, self.value)
        value, error = float(parts.sum()), self._error(weights)
        if abs(value) <= _ROUNDING * float(np.abs(parts).sum()):
            value = 0.0
        reach = student_quantile(self.level, self.independent - 1) * error
        return Interval(value, value - reach, value + reach, error)

    def _error(self, weights: Floats) -> float:
        flat = weights.ravel()
        used = np.flatnonzero(flat)
        covariance = self.covariance.reshape(len(flat), len(flat))[np.ix_(used, used)]
        variance = float(flat[used] @ covariance @ flat[used])
        apart = float(np.abs(flat[used]) @ np.sqrt(np.maximum(np.diagonal(covariance), 0.0))) ** 2
        return math.sqrt(variance) if variance > _ROUNDING * apart else 0.0
