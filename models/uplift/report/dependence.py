"""What the effects depend on: how far each feature moves them, and along which curve, on rows the models have not seen.

Importance is by permutation (Breiman 2001): a feature is shuffled among held-out units and the predicted effects move;
``moved`` is how far, ``worse`` by how much their squared distance to the doubly robust scores grows, which is zero for
a feature that the model uses in vain. The curve is partial dependence (Friedman 2001); beside it stands the observed
effect by range of the feature, so that a curve that only the model believes in shows as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import Interval, codes
from models.report import Words
from models.uplift.report.held_out import HeldOut
from models.uplift.report.segments import SMALLEST_ROWS, Part, mean_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

PREDICTIONS = 400_000  # that importance may ask for (units x features x arms), and as many again all curves
MOST_UNITS, FEWEST_UNITS = 10_000, 300
MOST_CURVES = 6
POINTS = 15


@dataclass(frozen=True)
class Importance:
    """``moved``: root mean square change of the predicted effect; ``worse``: growth of its squared error."""

    feature: str
    moved: float
    worse: Interval


@dataclass(frozen=True)
class Dependence:
    """A curve (m,) over values, or over the ``ticks`` of levels, and the observed effect at (p,), 95 % intervals."""

    part: Part
    ticks: tuple[Words, ...]
    x: Vector
    y: Vector
    at: Vector
    observed: tuple[Interval, ...]


class Shuffled:
    """Held-out units of every fold beside the model that left them out, encoded once for many predictions."""

    def __init__(self, held: HeldOut, seed: int) -> None:
        self._held, self._rng = held, np.random.default_rng(seed)
        self._groups = codes(held.trial.cluster, len(held.trial))
        self.features: tuple[str, ...] = held.models[0].encoding_.features
        self._means: dict[tuple[int, tuple[float, ...]], Vector] = {}
        arms = len(held.trial.arms) - 1
        units = PREDICTIONS // (len(self.features) * arms)
        drawn = np.sort(self._rng.permutation(len(held.trial))[: min(MOST_UNITS, max(FEWEST_UNITS, units))])
        self._for_curves = max(FEWEST_UNITS, PREDICTIONS // (MOST_CURVES * POINTS * arms)) // len(held.models)
        self._parts = []
        for number, model in enumerate(held.models):
            mine = drawn[held.fold[drawn] == number]
            if len(mine):
                self._parts.append((model, mine, model.encoding_.matrix(held.trial.X.iloc[mine])))
        self.rows = np.concatenate([mine for _, mine, _ in self._parts])

    def importances(self) -> list[list[Importance]]:
        """For every arm, all features by how far they move its effect."""
        held, arms = self._held, range(1, len(self._held.trial.arms))
        base = [model.effect_of_matrix(X) for model, _, X in self._parts]
        groups = None if self._groups is None else self._groups[self.rows]
        everybody = np.ones(len(self.rows), dtype=bool)
        scores = np.column_stack([held.contrast(arm)[self.rows] for arm in arms])
        before = np.vstack(base)
        found: list[list[Importance]] = [[] for _ in arms]
        for i, feature in enumerate(self.features):
            after = np.vstack([self._with(model, X, i, self._rng.permutation(X[:, i])) for model, _, X in self._parts])
            for arm in range(len(arms)):
                change = after[:, arm] - before[:, arm]
                loss = change * (after[:, arm] + before[:, arm] - 2 * scores[:, arm])
                moved = float(np.sqrt(np.mean(change**2)))
                found[arm].append(Importance(feature, moved, mean_of(loss, everybody, groups)))
        return [sorted(mine, key=lambda one: -one.moved) for mine in found]

    def curve(self, part: Part, arm: int) -> Dependence:
        """Partial dependence of an arm's effect on one feature, beside the observed effects by part."""
        i, held = self.features.index(part.feature), self._held
        encoded = np.concatenate([X[:, i] for _, _, X in self._parts])
        code, text = part.code[self.rows], part.feature in held.models[0].encoding_.levels or part.few
        known = np.isfinite(encoded)
        kept = [k for k in range(len(part.words)) if (part.code == k).sum() >= SMALLEST_ROWS and (code == k).any()]
        kept = [k for k in kept if text or k != part.missing]
        if text:
            # The codes of a fold's model are its own, so a level is looked up through units that have it.
            values = [self._level(part, k, i) for k in kept]
            x = at = np.arange(len(kept), dtype=float)
            y = np.array([self._mean(i, value)[arm - 1] for value in values])
        else:
            x = np.unique(np.quantile(encoded[known], np.linspace(0.02, 0.98, POINTS))) if known.any() else np.empty(0)
            y = np.array([self._mean(i, (float(value),) * len(self._parts))[arm - 1] for value in x])
            at = np.array([encoded[(code == k) & known].mean() for k in kept])
        scores = held.contrast(arm)
        ticks = tuple(part.words[k] for k in kept) if text else ()
        return Dependence(part, ticks, x, y, at, tuple(mean_of(scores, part.code == k, self._groups) for k in kept))

    def _level(self, part: Part, k: int, i: int) -> tuple[float, ...]:
        values = []
        for _, mine, X in self._parts:
            same = np.flatnonzero(part.code[mine] == k)
            values.append(float(X[same[0], i]) if len(same) else float("nan"))
        return tuple(values)

    def _mean(self, i: int, values: tuple[float, ...]) -> Vector:
        """Mean predicted effects (K-1,) with feature ``i`` at one value per fold; arms share what is predicted once."""
        if (i, values) not in self._means:
            found = [
                self._with(model, X[: self._for_curves], i, np.full(len(X[: self._for_curves]), value))
                for (model, _, X), value in zip(self._parts, values, strict=True)
            ]
            self._means[i, values] = np.vstack(found).mean(axis=0)
        return self._means[i, values]

    @staticmethod
    def _with(model: object, X: Matrix, i: int, column: Vector) -> Matrix:
        changed = X.copy()
        changed[:, i] = column
        result: Matrix = model.effect_of_matrix(changed)  # type: ignore[attr-defined]
        return result
