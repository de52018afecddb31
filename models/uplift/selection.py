"""Which learner suits this trial? Candidates compared on rows they have not seen, with the average effect among them.

Every candidate predicts each fold from the others. Its loss is the doubly robust one: the mean over arms of
weight * (psi - predicted effect)^2 with the pseudo-outcomes psi and the weights of :mod:`models.uplift.contrast`,
which differs from the true squared error of the effect by a number that is the same for all candidates. Losses are
compared in pairs, row by row, so that psi's own noise drops out. The simplest candidate within one standard error of
the best is chosen (Breiman et al., "Classification and regression trees", 1984), the average effect first of all.
Standard errors are those of rows times the factor of Nadeau & Bengio (2003) for folds that share training rows:
models fitted to other data would differ from these.

:class:`SelectedLearner` does this inside its ``fit``, so judging it on other rows is nested cross-validation: nothing
that judges has helped to choose (Varma & Simon 2006).

Source of the loss: Kennedy, "Towards optimal doubly robust estimation of heterogeneous causal effects" (2023);
compared with others in Schuler et al. (2018) and Mahajan et al. (2024), where it is among the safest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import Interval, codes
from models.uplift.baselines import AverageEffect, TLinear
from models.uplift.crossfit import out_of_fold_effect
from models.uplift.dr import DRLearner
from models.uplift.learner import Learner
from models.uplift.nuisance import out_of_fold
from models.uplift.prepared import Prepared
from models.uplift.rlearner import RLearner
from models.uplift.scores import dr_scores
from models.uplift.slearner import SLearner
from models.uplift.tlearner import TLearner
from models.uplift.xlearner import XLearner

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Candidates = Mapping[str, Callable[[], Learner]]

CONSTANT = "average_effect"


@dataclass(frozen=True)
class Compared:
    """One candidate. ``loss``: its doubly robust loss. ``better``: how far below the average effect's loss it is.

    ``behind``: how far above the best candidate's. ``value``: what giving every unit its best arm by this candidate
    adds per unit to doing so by average effects.
    """

    name: str
    loss: Interval
    better: Interval
    behind: Interval
    value: Interval


@dataclass(frozen=True)
class Selection:
    """All candidates in order of simplicity, and the name of the one chosen."""

    compared: tuple[Compared, ...]
    chosen: str

    @property
    def names(self) -> tuple[str, ...]:
        """Candidates in order of simplicity."""
        return tuple(one.name for one in self.compared)

    def __getitem__(self, name: str) -> Compared:
        """One candidate's figures."""
        for one in self.compared:
            if one.name == name:
                return one
        raise InputError("candidate", name, f"one of {', '.join(self.names)}")


def default_candidates(seed: int = 0, threads: int = 1) -> dict[str, Callable[[], Learner]]:
    """The average effect, and every learner at its own defaults, simplest first."""
    return {
        CONSTANT: AverageEffect,
        "t_linear": TLinear,
        "dr_learner": lambda: DRLearner(seed=seed, threads=threads),
        "s_learner": lambda: SLearner(seed=seed, threads=threads),
        "r_learner": lambda: RLearner(seed=seed, threads=threads),
        "x_learner": lambda: XLearner(seed=seed, threads=threads),
        "t_learner": lambda: TLearner(seed=seed, threads=threads),
    }


def compare(
    candidates: Candidates,
    X: pd.DataFrame | Matrix,
    treatment: ArrayLike,
    outcome: ArrayLike,
    propensity: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    folds: int = 4,
    seed: int = 0,
    weight: ArrayLike | None = None,
) -> Selection:
    """Cross-validate the candidates (simplest first) and choose; the average effect is added where it is missing.

    Shapes as in :class:`models.uplift.learner.Learner`. Raises ``InputError`` as ``fit`` does.
    """
    named = {CONSTANT: AverageEffect, **candidates}
    prepared = Prepared(X, treatment, propensity, folds, seed, cluster=cluster, weight=weight)
    y = prepared.inputs.outcome(outcome)
    expected = out_of_fold(prepared, y)
    kept, groups = prepared.inputs.kept, prepared.inputs.cluster
    names = None if groups is None else codes(groups.astype(str), len(y))
    losses, values = [], []
    psi = dr_scores(y, prepared.treatment, prepared.taken, expected) * prepared.weight[:, None]
    for make in named.values():
        effect, _ = out_of_fold_effect(make, X, treatment, outcome, propensity, weight, cluster, folds, seed)
        losses.append(_losses(prepared, y, expected, effect[kept]))
        values.append(_worth(psi, effect[kept]))

    shared = math.sqrt(1 + folds / (folds - 1))

    def mean(column: Vector) -> Interval:
        return Interval.around(float(column.mean()), (column - column.mean()) * shared, names)

    best = int(np.argmin([loss.mean() for loss in losses]))
    compared = tuple(
        Compared(name, mean(loss), mean(losses[0] - loss), mean(loss - losses[best]), mean(value - values[0]))
        for name, loss, value in zip(named, losses, values, strict=True)
    )
    rounding = 1e-9 * float(np.mean(y**2))  # a constant outcome leaves losses of rounding only
    chosen = next(one.name for one in compared if one.behind.value <= one.behind.standard_error + rounding)
    return Selection(compared, chosen)


class SelectedLearner:
    """A learner that chooses among learners on its own training rows, then fits the chosen one to all of them.

    Args:
        candidates: makers by name, simplest first; by default :func:`default_candidates`.
        folds: of the comparison.
        seed, threads: for the folds and the default candidates.

    After ``fit``: ``selection_``, ``learner_`` and ``chosen_``, its name.
    """

    def __init__(self, candidates: Candidates | None = None, folds: int = 4, seed: int = 0, threads: int = 1) -> None:
        self.candidates = candidates
        self.folds = folds
        self.seed = seed
        self.threads = threads

    def fit(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        outcome: ArrayLike,
        propensity: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> Self:
        """Compare, choose and learn; shapes as in :class:`models.uplift.learner.Learner`."""
        given = default_candidates(self.seed, self.threads) if self.candidates is None else self.candidates
        candidates = {CONSTANT: AverageEffect, **given}
        self.selection_ = compare(candidates, X, treatment, outcome, propensity, cluster, self.folds, self.seed, weight)
        self.chosen_ = self.selection_.chosen
        self.learner_ = candidates[self.chosen_]().fit(X, treatment, outcome, propensity, weight, cluster)
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) effects by the chosen learner."""
        return self.learner_.effect(X)


def _losses(prepared: Prepared, y: Vector, expected: Matrix, effect: Matrix) -> Vector:
    """(n,) rows' contributions to the loss; its mean over rows is the mean over arms of the weighted squares."""
    result = np.zeros(len(y))
    for part in prepared.pairs:
        error = part.pseudo_outcome(y, expected) - effect[part.rows, part.arm - 1]
        share = part.weight / part.weight.sum() * len(y)
        result[part.rows] += share * error**2 / len(prepared.pairs)
    return result


def _worth(psi: Matrix, effect: Matrix) -> Vector:
    """(n,) scores of the arm that each row would get, above control."""
    best = np.argmax(np.column_stack([np.zeros(len(effect)), effect]), axis=1)
    worth: Vector = psi[np.arange(len(psi)), best] - psi[:, 0]
    return worth
