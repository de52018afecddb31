"""One pass over a trial in which every unit is predicted exactly once, by models that never saw its outcome.

The sections about the whole trial (calibration, segments, spending) rest on it: with repeated splits a unit would be
judged several times, and intervals over units would be too short. Folds hold every arm in equal shares, and clusters
stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.uplift.baselines import AverageEffect, TBoosted, TLinear
from models.uplift.crossfit import CrossFit
from models.uplift.dr import DRLearner
from models.uplift.nuisance import expected_outcomes
from models.uplift.prepared import Prepared
from models.uplift.rlearner import RLearner
from models.uplift.scores import dr_scores
from models.uplift.slearner import SLearner
from models.uplift.tlearner import TLearner
from models.uplift.trial import Trial
from models.uplift.xlearner import XLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

DR, LINEAR, BOOSTED, RESPONSE, CONSTANT = "dr_learner", "t_linear", "t_boosted", "response_ranking", "constant_effect"
OURS = {DR: DRLearner, "s_learner": SLearner, "t_learner": TLearner, "x_learner": XLearner, "r_learner": RLearner}
FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """Predictions and scores of n units.

    ``fold`` (n,); ``effect``: by learner the effects on value, (n, K-1) (the response ranking's is the predicted
    outcome under the arm); ``cost`` (n, K-1): predicted extra cost of each arm; ``value_scores``, ``cost_scores``
    (n, K): doubly robust scores whose means estimate what everybody would bring and cost under each arm; ``models``:
    the DR-learner of each fold, which has not seen that fold.
    """

    trial: Trial
    fold: NDArray[np.int64]
    effect: Mapping[str, Matrix]
    cost: Matrix
    value_scores: Matrix
    cost_scores: Matrix
    models: tuple[DRLearner, ...]

    def ranked(self, learner: str) -> Matrix:
        """Effects by which units of all folds are ranked together, (n, K-1), levelled."""
        return levelled(self.effect[learner], self.fold)

    def contrast(self, arm: int, of_cost: bool = False) -> Vector:
        """Scores of the effect of an arm, psi_k - psi_0, (n,)."""
        scores = self.cost_scores if of_cost else self.value_scores
        result: Vector = scores[:, arm] - scores[:, 0]
        return result


def hold_out(trial: Trial, seed: int, progress: Callable[[float], None] | None = None) -> HeldOut:
    """Fit every learner once per fold; the same seed gives the same predictions."""
    n, K = len(trial), len(trial.arms)
    fold = stratified_folds(trial, FOLDS, seed)
    effect = {name: np.empty((n, K - 1)) for name in (*OURS, LINEAR, BOOSTED, RESPONSE, CONSTANT)}
    cost = np.zeros((n, K - 1))
    models = []
    for number in range(FOLDS):
        test = fold == number
        train, rows = trial.rows(~test), trial.X[test]
        prepared = Prepared(train.X, train.treatment, train.propensity, seed=seed, cluster=train.cluster)
        encoded = prepared.inputs.encoding.matrix(rows)
        for name, make in OURS.items():
            model = make(seed=seed).fit_prepared(prepared, train.value)
            effect[name][test] = model.effect_of_matrix(encoded)
            if name == DR:
                models.append(model)
        given = (train.X, train.treatment, train.value, train.propensity)
        expected = TLinear().fit(*given).expected(rows)
        effect[LINEAR][test], effect[RESPONSE][test] = expected[:, 1:] - expected[:, :1], expected[:, 1:]
        effect[BOOSTED][test] = TBoosted(seed=seed).fit(*given).effect(rows)
        effect[CONSTANT][test] = AverageEffect().fit(*given).effect(rows)
        if trial.cost.any():
            cost[test] = DRLearner(seed=seed).fit_prepared(prepared, train.cost).effect_of_matrix(encoded)
        if progress is not None:
            progress((number + 1) / FOLDS)
    value_scores = _scores(trial, trial.value, seed)
    cost_scores = _scores(trial, trial.cost, seed) if trial.cost.any() else np.zeros((n, K))
    return HeldOut(trial, fold, effect, cost, value_scores, cost_scores, tuple(models))


def levelled(predicted: Matrix, fold: NDArray[np.int64]) -> Matrix:
    """Predictions (n, m) moved fold by fold to the mean over all.

    A fold whose units happen to gain much is missing from the rows of its own model, which therefore predicts less
    there: folds are at random, so the means of their predictions differ by noise alone, noise that runs against the
    outcomes. Ranked together as they are, units of an effect that is the same for everybody would come out worse than
    in a random order.
    """
    result: Matrix = np.empty_like(predicted)
    for number in np.unique(fold):
        mine = fold == number
        above = predicted[mine] - predicted[mine][0]  # from a unit of the fold: equal predictions stay equal bit by bit
        result[mine] = above - above.mean(axis=0) + predicted.mean(axis=0)
    return result


def stratified_folds(trial: Trial, folds: int, seed: int) -> NDArray[np.int64]:
    """Folds (n,) with equal shares of every arm; clusters stay whole and are dealt out by the arm most of theirs got.

    Raises ``InputError`` when an arm has too few clusters to be in the training rows of every fold.
    """
    if trial.cluster is None:
        return CrossFit.split(trial.treatment, folds, seed).fold
    rng = np.random.default_rng(seed)
    names, member = np.unique(trial.cluster.astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(trial.arms)))
    np.add.at(counts, (member, trial.treatment), 1)
    fewest = int((counts > 0).sum(axis=0).min())
    if fewest < folds:
        raise InputError("cluster", f"an arm in {fewest} clusters", f"every arm in at least {folds} clusters")
    fold = np.empty(len(names), dtype=np.int64)
    usual = counts.argmax(axis=1)
    start = 0
    for arm in np.unique(usual):
        mine = rng.permutation(np.flatnonzero(usual == arm))
        fold[mine] = (np.arange(len(mine)) + start) % folds
        start += len(mine)
    return fold[member]


def _scores(trial: Trial, y: Vector, seed: int) -> Matrix:
    expected = expected_outcomes(trial.X, trial.treatment, y, trial.propensity, cluster=trial.cluster, seed=seed)
    return dr_scores(y, trial.treatment, trial.propensity, expected)
