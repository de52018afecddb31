"""Effects of all arms learnt together: one function of the features that every arm scales, then what is left per arm.

Each arm is a regression of its pseudo-outcome around its average effect (``Task``). Arms of a coupon trial move the
same people, more or less, so first one model g is grown on all arms at once, tau_k = average_k + c_k g(x): with the
scales c given, the sum of the arms' squared errors is one regression with one row per unit. What an arm does on its
own is grown on the residuals. Nothing of this is taken on trust: out-of-fold scores of g, and of the arm's own model,
are regressed on the pseudo-outcome, and the slope shrunk by 1 - 4 / t^2, a positive-part rule after James and Stein,
scales them (with 1 in the place of 4, effects of nothing were found in trials of 8,000 units: the largest of several
gains is looked at, and all arms share the luck of one control). At t <= 2 nothing is left; where nothing is left at all
the average effect wins. Size and rounds are those
whose shrunk out-of-fold scores take most off the squared error; larger trees are only tried while the size before
still gained from its last rounds.

Every model that is grown serves: an effect is the mean of the folds' models, and a row's out-of-fold effect is that of
the model that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import CONSTANT, Trees
from models.uplift.contrast import Contrast
from models.uplift.ensemble import combined
from models.uplift.prepared import Prepared

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_STEPS = 4
_LUCK = 2.0  # t values up to here are what chance gives after a choice


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
    ``shrinkage``: the arm's factor on it. ``own``: factor on the arm's own model of what the shared one leaves.
    ``evidence``: t values of both slopes; at 2 or below the average effect is the safer guess.
    """

    trees: Trees
    shrinkage: float
    evidence: tuple[float, ...]
    own: float = 0.0


@dataclass(frozen=True)
class Grown:
    """A model per fold after some rounds; ``score`` (n,) out of fold and around 0; ``means``: of each, before that."""

    boosters: tuple[Any, ...]
    trees: Trees
    score: Vector
    means: tuple[float, ...]

    def parts(self, factor: float) -> tuple[list[tuple[Any, int, float]], float]:
        """The folds' mean, scaled, for ``combined``, and the constant that centres it."""
        share = factor / len(self.boosters)
        return [(booster, self.trees.rounds, share) for booster in self.boosters], -share * sum(self.means)


def learn_together(
    prepared: Prepared, tasks: Sequence[Task], candidates: Sequence[Trees], own: Trees
) -> tuple[list[Any], list[Choice], Matrix]:
    """Per arm a booster and its choice, and (n, K-1) out-of-fold effects.

    ``candidates``: sizes of the shared model, smallest first; of each, any quarter of its rounds may be chosen.
    ``own``: size of an arm's own model, likewise.
    """
    scales = np.ones(len(tasks))
    if len(tasks) > 1:
        quick = replace(candidates[0], rounds=max(1, candidates[0].rounds // _STEPS))
        scales = _scales(tasks, _shared(prepared, tasks, scales, quick)[-1])
    best = _climb(prepared, tasks, scales, candidates)
    fitted = [_one_arm(prepared, task, best, own if len(tasks) > 1 else None) for task in tasks]
    return [arm[0] for arm in fitted], [arm[1] for arm in fitted], np.column_stack([arm[2] for arm in fitted])


def _climb(prepared: Prepared, tasks: Sequence[Task], scales: Vector, candidates: Sequence[Trees]) -> Grown:
    """The shared model with the largest gain over all arms."""
    best, largest = None, -1.0
    for trees in candidates:
        stages = _shared(prepared, tasks, scales, trees)
        gains = [sum(task.gain(stage.score) for task in tasks) for stage in stages]
        place = int(np.argmax(gains))
        if best is None or gains[place] > largest:
            best, largest = stages[place], gains[place]
        if place < len(stages) - 1:
            break
    assert best is not None
    return best


def _one_arm(prepared: Prepared, task: Task, shared: Grown, own: Trees | None) -> tuple[Any, Choice, Vector]:
    slope, t = task.slope(shared.score)
    factor = _shrunk(slope, t)
    parts, constant = shared.parts(factor) if factor else ([], 0.0)
    score = task.average + factor * shared.score
    evidence, extra = [t], 0.0
    if own is not None:
        rest = replace(task, target=task.target - factor * shared.score[task.contrast.rows])
        alone = max(_alone(prepared, rest, own), key=lambda stage: rest.gain(stage.score))
        slope, t = rest.slope(alone.score)
        extra = _shrunk(slope, t)
        evidence.append(t)
        if extra:
            more, shift = alone.parts(extra)
            parts, constant = parts + more, constant + shift
            score = score + extra * alone.score
    booster = combined(shared.boosters[0], parts, task.average + constant)
    trees = shared.trees if factor else (own if own is not None and extra else CONSTANT)
    return booster, Choice(trees, factor, tuple(evidence), extra), score


def _shrunk(slope: float, t: float) -> float:
    return slope * (1 - (_LUCK / t) ** 2) if t > _LUCK else 0.0


def _scales(tasks: Sequence[Task], first: Grown) -> Vector:
    """How strongly each arm follows the shared model, root mean square 1; none may vanish before the real fit."""
    slopes = np.array([max(task.slope(first.score)[0], 0.0) for task in tasks])
    if not slopes.any():
        return np.ones(len(tasks))
    scales: Vector = np.maximum(slopes, 0.1 * slopes.max())
    return scales / np.sqrt((scales**2).mean())


def _shared(prepared: Prepared, tasks: Sequence[Task], scales: Vector, trees: Trees) -> list[Grown]:
    """One regression of all arms: the target and weight of a unit come from all the tasks that it is part of."""
    n = len(prepared.treatment)
    moment, weight = np.zeros(n), np.zeros(n)
    for scale, task in zip(scales, tasks, strict=True):
        moment[task.contrast.rows] += scale * task.weight * task.target
        weight[task.contrast.rows] += scale**2 * task.weight
    target = np.divide(moment, weight, out=np.zeros(n), where=weight > 0)
    parts = [(taken, train) for (train, _), (taken, _) in zip(prepared.crossfit.rounds(), prepared.sets, strict=True)]
    return _stages(prepared, trees, target, weight, parts)


def _alone(prepared: Prepared, task: Task, trees: Trees) -> list[Grown]:
    """One arm's own regression."""
    return _stages(prepared, trees, task.target, task.weight, task.contrast.parts)


def _stages(
    prepared: Prepared, trees: Trees, target: Vector, weight: Vector, parts: Sequence[tuple[Any, NDArray[Any]]]
) -> list[Grown]:
    """A model per fold, after every quarter of the rounds; ``parts``: per fold the binned rows and which they are."""
    rounds = sorted({max(1, trees.rounds * step // _STEPS) for step in range(1, _STEPS + 1)})
    scores = np.empty((len(rounds), len(prepared.treatment)))
    means = np.empty((len(rounds), prepared.crossfit.folds))
    boosters = []
    for fold, ((_, held_out), (_, watched), (taken, train)) in enumerate(
        zip(prepared.crossfit.rounds(), prepared.sets, parts, strict=True)
    ):
        booster, found = prepared.bins.watch(
            taken, target[train], trees, watched, prepared.seed, weight[train], after=rounds
        )
        boosters.append(booster)
        means[:, fold] = np.average(found, axis=1, weights=prepared.weight[held_out])
        scores[:, held_out] = found - means[:, fold, None]
    return [
        Grown(tuple(boosters), replace(trees, rounds=count), score, tuple(mean.tolist()))
        for count, score, mean in zip(rounds, scores, means, strict=True)
    ]
