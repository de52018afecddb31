"""Effects of all arms learnt together: one function of the features that every arm scales, mixed with one of its own.

Each arm is a regression of its pseudo-outcome around its average effect (``Task``). Arms of a coupon trial move the
same people, more or less, so first one model g is grown on all arms at once, tau_k = average_k + c_k g(x): with the
scales c given, the sum of the arms' squared errors is one regression with one row per unit. Beside it every arm gets a
model of its own, grown on its whole pseudo-outcome: grown on what the shared model leaves, it hardly undid what that
one got wrong for the arm. Nothing of this is taken on trust: the pseudo-outcome is regressed on the out-of-fold scores
of both, with weights of 0 or more, and their sum is scaled by its slope shrunk by 1 - 4 / t^2, a positive-part rule
after James and Stein (with 1 in the place of 4, effects of nothing were found in trials of 8,000 units: the largest of
several gains is looked at, and all arms share the luck of one control). At t <= 2 the average effect wins.

Size and rounds are those whose shrunk out-of-fold scores take most off the squared error; larger trees are only tried
while the size before still gained from its last rounds, and an arm's own model only where a first glance shows a sign
of it.

Every model that is grown serves: an effect is the mean of the folds' models, and a row's out-of-fold effect is that of
the model that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import CONSTANT, Trees
from models.uplift.contrast import Contrast
from models.uplift.ensemble import combined
from models.uplift.prepared import Prepared
from models.uplift.staged import Grown, Staged

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_LUCK = 2.0  # t values up to here are what chance gives after a choice
_SIGN = 1.0  # t value, as if of all rows, that a glance must show of an arm's own model for it to be grown


@dataclass(frozen=True)
class Task:
    """One arm's effect: ``target`` (m,), pseudo-outcomes less their ``average``, on the contrast's rows."""

    contrast: Contrast
    target: Vector
    weight: Vector
    average: float

    def slope(self, score: Vector) -> tuple[float, float]:
        """Slope of the target on scores of all n units, and its robust t value."""
        score = score[self.contrast.rows]
        squares = float((self.weight * score) @ score)
        if squares <= 0:
            return 0.0, 0.0
        slope = float((self.weight * score) @ self.target) / squares
        error = float(np.sqrt(np.sum((self.weight * score * (self.target - slope * score)) ** 2))) / squares
        return slope, slope / error if error > 0 else 0.0

    def gain(self, score: Vector) -> float:
        """What the shrunk score takes off the weighted squared error."""
        fitted = _shrunk(*self.slope(score)) * score[self.contrast.rows]
        return float(self.weight @ (2 * self.target * fitted - fitted**2))


@dataclass(frozen=True)
class Choice:
    """Which effect model an arm got.

    ``trees``: size of the model that all arms share, with the rounds that are used (one leaf: the average effect).
    ``shrinkage``: the arm's factor on it. ``own``: factor on the arm's own model, which is added.
    ``evidence``: t values of the shared model, of the own one where it was grown, and of their sum; where the last is 2
    or below, the average effect is the safer guess.
    """

    trees: Trees
    shrinkage: float
    evidence: tuple[float, ...]
    own: float = 0.0


def learn_together(
    prepared: Prepared, tasks: Sequence[Task], candidates: Sequence[Trees], own: Trees
) -> tuple[list[Any], list[Choice], Matrix]:
    """Per arm a booster and its choice, and (n, K-1) out-of-fold effects.

    ``candidates``: sizes of the shared model, smallest first; of each, any quarter of its rounds may be chosen.
    ``own``: size of an arm's own model, likewise.
    """
    scales = np.ones(len(tasks))
    if len(tasks) > 1:
        scales = _scales(tasks, _shared(prepared, tasks, scales, candidates[0]).glance(prepared.crossfit.folds))
    best = _climb(prepared, tasks, scales, candidates)
    fitted = [_one_arm(prepared, task, best, own if len(tasks) > 1 else None) for task in tasks]
    return [arm[0] for arm in fitted], [arm[1] for arm in fitted], np.column_stack([arm[2] for arm in fitted])


def _climb(prepared: Prepared, tasks: Sequence[Task], scales: Vector, candidates: Sequence[Trees]) -> Grown:
    """The shared model with the largest gain over all arms."""

    def gain(score: Vector) -> float:
        return sum(task.gain(score) for task in tasks)

    best, largest = None, -1.0
    for trees in candidates:
        grown, gained, more = _shared(prepared, tasks, scales, trees).best(gain)
        if best is None or gained > largest:
            best, largest = grown, gained
        if not more:
            break
    assert best is not None
    return best


def _one_arm(prepared: Prepared, task: Task, shared: Grown, own: Trees | None) -> tuple[Any, Choice, Vector]:
    """Both models in the mixture that fits best out of fold, shrunk together."""
    grown = [shared]
    if own is not None:
        staged = Staged(prepared, own, task.target, task.weight, task.contrast.part)
        if task.slope(staged.glance(1))[1] * np.sqrt(prepared.crossfit.folds) > _SIGN:
            grown.append(staged.best(task.gain)[0])
    scores = np.stack([model.score for model in grown])
    mixture = _mixture(task, scores)
    evidence = [task.slope(score)[1] for score in scores]
    slope, t = task.slope(mixture @ scores)
    factors = (_shrunk(slope, t) * mixture).tolist()
    parts: list[tuple[Any, int, float]] = []
    constant = 0.0
    for model, factor in zip(grown, factors, strict=True):
        if factor:
            more, shift = model.parts(factor)
            parts, constant = parts + more, constant + shift
    booster = combined(shared.boosters[0], parts, task.average + constant)
    trees = next((model.trees for model, factor in zip(grown, factors, strict=True) if factor), CONSTANT)
    choice = Choice(trees, factors[0], (*evidence, t), sum(factors[1:], 0.0))
    return booster, choice, task.average + np.array(factors) @ scores


def _mixture(task: Task, scores: Matrix) -> Vector:
    """Weights of 0 or more by which the (s, n) scores, one or two, come nearest to the target together."""
    scores = scores[:, task.contrast.rows]
    weighted = scores * task.weight
    squares, moment = weighted @ scores.T, weighted @ task.target
    best, largest = np.zeros(len(scores)), 0.0
    for used in [[0]] if len(scores) == 1 else [[0], [1], [0, 1]]:
        found = np.linalg.lstsq(squares[np.ix_(used, used)], moment[used], rcond=None)[0]
        gain = float(found @ moment[used])
        if (found >= 0).all() and gain > largest:
            best, largest = np.zeros(len(scores)), gain
            best[used] = found
    return best


def _shrunk(slope: float, t: float) -> float:
    return slope * (1 - (_LUCK / t) ** 2) if t > _LUCK else 0.0


def _scales(tasks: Sequence[Task], score: Vector) -> Vector:
    """How strongly each arm follows what is common to all, root mean square 1; none may vanish before the real fit."""
    slopes = np.array([max(task.slope(score)[0], 0.0) for task in tasks])
    if not slopes.any():
        return np.ones(len(tasks))
    scales: Vector = np.maximum(slopes, 0.1 * slopes.max())
    return scales / np.sqrt((scales**2).mean())


def _shared(prepared: Prepared, tasks: Sequence[Task], scales: Vector, trees: Trees) -> Staged:
    """One regression of all arms: the target and weight of a unit come from all the tasks that it is part of."""
    n = len(prepared.treatment)
    moment, weight = np.zeros(n), np.zeros(n)
    for scale, task in zip(scales, tasks, strict=True):
        moment[task.contrast.rows] += scale * task.weight * task.target
        weight[task.contrast.rows] += scale**2 * task.weight
    target = np.divide(moment, weight, out=np.zeros(n), where=weight > 0)
    trained = [train for train, _ in prepared.crossfit.rounds()]
    return Staged(prepared, trees, target, weight, lambda fold: (prepared.sets[fold][0], trained[fold]))
