"""A regression grown once per fold, all folds a quarter of the rounds at a time, until more rounds help no more.

Stopping early costs nothing in honesty: a stage is judged by scores of rows that its models never saw, and the choice
among stages is what the shrinkage of ``models.uplift.together`` pays for. The first quarter of the rounds alone is
a cheap look at whether there is anything to find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.uplift.boosting import Growing, Trees
from models.uplift.prepared import Prepared

Vector = NDArray[np.float64]
Part = Callable[[int], tuple[Any, NDArray[Any]]]

_STEPS = 4


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


class Staged:
    """One regression of ``target`` (m,) with ``weight`` (m,), cross-fitted.

    ``part``: of a fold, the binned rows outside it, and which of the m rows they are. Nothing else may be grown on
    these binned rows before this is done.
    """

    def __init__(self, prepared: Prepared, trees: Trees, target: Vector, weight: Vector, part: Part) -> None:
        self._prepared, self._trees, self._part = prepared, trees, part
        self._target, self._weight = target, weight
        self._held_out = [held_out for _, held_out in prepared.crossfit.rounds()]
        self._growing: dict[int, Growing] = {}
        self._rounds = sorted({max(1, trees.rounds * step // _STEPS) for step in range(1, _STEPS + 1)})

    def glance(self, folds: int) -> Vector:
        """(n,) scores after the first quarter by the models of the first folds; 0 for the rows of the others."""
        score = np.zeros(len(self._prepared.treatment))
        for fold in range(folds):
            score[self._held_out[fold]] = self._scores(fold, self._rounds[0])[0]
        return score

    def best(self, gain: Callable[[Vector], float]) -> tuple[Grown, float, bool]:
        """The stage after which the gain of its score falls first, the gain, and whether more rounds may help."""
        largest, chosen = -np.inf, None
        for rounds in self._rounds:
            score = np.empty(len(self._prepared.treatment))
            means = []
            for fold, held_out in enumerate(self._held_out):
                score[held_out], mean = self._scores(fold, rounds)
                means.append(mean)
            gained = gain(score)
            if gained < largest:
                break
            if gained > largest or chosen is None:
                largest, chosen = gained, (rounds, score, tuple(means))
        assert chosen is not None
        boosters = tuple(self._growing[fold].booster() for fold in range(len(self._held_out)))
        grown = Grown(boosters, replace(self._trees, rounds=chosen[0]), *chosen[1:])
        return grown, largest, chosen[0] == self._rounds[-1]

    def _scores(self, fold: int, rounds: int) -> tuple[Vector, float]:
        """Of the fold's rows, around 0, and the mean before that."""
        prepared = self._prepared
        if fold not in self._growing:
            taken, train = self._part(fold)
            watched = prepared.sets[fold][1]
            self._growing[fold] = Growing(
                prepared.bins, taken, self._target[train], self._trees, watched, prepared.seed, self._weight[train]
            )
        found = self._growing[fold].scores(rounds)
        mean = float(np.average(found, weights=prepared.weight[self._held_out[fold]]))
        return found - mean, mean
