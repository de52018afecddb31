"""Learners beside each other on the same held-out units, and the choice among them made without peeking.

The squared distance of predicted effects to the doubly robust scores is the mean squared error against the true
effects plus a noise that no learner can change, so differences of it are differences of that error (the DR loss of
Saito & Yasui 2020, "Counterfactual cross-validation"). ``saved`` is how much of it a learner saves against the
constant effect, which must be able to win.

The choice: for every fold the learner with the least loss on the other folds predicts it, so the units that judge the
chosen learner had no part in choosing it. Arms count alike, each by the variance of its scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import Interval, codes
from models.uplift.report.held_out import CONSTANT, RESPONSE, HeldOut
from models.uplift.report.segments import mean_of

Vector = NDArray[np.float64]

CHOSEN = "chosen"


@dataclass(frozen=True)
class Standing:
    """One learner for one arm: squared error ``saved`` against the constant effect, and against the default learner."""

    saved: Interval
    ahead: Interval


@dataclass(frozen=True)
class Contest:
    """``standings`` by arm number and learner (the response ranking predicts no effects and is left out); ``picks``:
    the learner chosen for each fold."""

    standings: Mapping[tuple[int, str], Standing]
    picks: tuple[str, ...]


def contest(held: HeldOut, default: str) -> Contest:
    """Judge all learners on held-out units, and the chosen one beside them."""
    learners = [name for name in held.effect if name != RESPONSE]
    arms, groups = range(1, len(held.trial.arms)), codes(held.trial.cluster, len(held.trial))
    losses = {(arm, name): _loss(held, arm, name) for arm in arms for name in learners}
    picks = _picks(held, losses, learners)
    everybody = np.ones(len(held.trial), dtype=bool)
    standings = {}
    for arm in arms:
        by_fold = np.stack([losses[arm, name] for name in picks])
        losses[arm, CHOSEN] = by_fold[held.fold, np.arange(len(held.fold))]
        for name in (*learners, CHOSEN):
            saved = mean_of(losses[arm, CONSTANT] - losses[arm, name], everybody, groups)
            ahead = mean_of(losses[arm, default] - losses[arm, name], everybody, groups)
            standings[arm, name] = Standing(saved, ahead)
    return Contest(standings, tuple(picks))


def _loss(held: HeldOut, arm: int, name: str) -> Vector:
    loss: Vector = (held.effect[name][:, arm - 1] - held.contrast(arm)) ** 2
    return loss


def _picks(held: HeldOut, losses: Mapping[tuple[int, str], Vector], learners: list[str]) -> list[str]:
    arms = range(1, len(held.trial.arms))
    scale = {arm: float(held.contrast(arm).var()) or 1.0 for arm in arms}
    total = {name: np.sum([losses[arm, name] / scale[arm] for arm in arms], axis=0) for name in learners}
    folds = range(int(held.fold.max()) + 1)
    return [min(learners, key=lambda name: float(np.mean(total[name][held.fold != fold]))) for fold in folds]
