"""What a budget buys on held-out units, by the model and by what a shop would do without it.

Where arms cost something, the budget is money; where no cost is given, every treated unit counts as one, and the
budget is the share of units that may be treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.budget_curve import BudgetCurves, Scored, budget_curve
from models.policy.references import AVERAGES, COST_BLIND, references
from models.uplift.report.held_out import DR, LINEAR, RESPONSE, HeldOut, levelled

MOST_UNITS = 100_000  # the covariance of all points of all curves is summed over units
POINTS = 26


@dataclass(frozen=True)
class Spending:
    """``curves`` per unit against giving nothing to anybody; ``priced``: budgets are money, not shares of units."""

    curves: BudgetCurves
    priced: bool
    units: int


def spend(held: HeldOut, seed: int) -> Spending:
    """Curves of the model, the linear T-learner and the baselines of ``models.policy.references``."""
    rows, K = _sample(held, seed), len(held.trial.arms)
    n, priced = len(rows), bool(held.trial.cost.any())
    alike = np.tile((np.arange(K) > 0).astype(float), (n, 1))
    measured = held.cost_scores[rows] if priced else alike
    nothing = np.zeros((n, 1))
    value, linear, response = (np.hstack([nothing, held.ranked(name)[rows]]) for name in (DR, LINEAR, RESPONSE))
    cost = np.hstack([nothing, levelled(held.cost, held.fold)[rows]]) if priced else alike
    means = held.value_scores.mean(axis=0), held.cost_scores.mean(axis=0) if priced else alike[0]
    policies = references(value, cost, *means, response)
    if not priced:  # with one price for all, these two are the model and the best single arm again
        del policies[COST_BLIND], policies[AVERAGES]
    policies[LINEAR] = (linear, cost)
    cluster = None if held.trial.cluster is None else held.trial.cluster[rows]
    scored = Scored.of(held.value_scores[rows], measured, cluster)
    grid = None if priced else np.linspace(0, 1, POINTS)
    return Spending(budget_curve(scored, policies, grid), priced, n)


def _sample(held: HeldOut, seed: int) -> NDArray[np.int64]:
    """All units, or a random part of them with clusters whole."""
    n = len(held.trial)
    if n <= MOST_UNITS:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    if held.trial.cluster is None:
        return np.sort(rng.permutation(n)[:MOST_UNITS])
    names, member = np.unique(held.trial.cluster.astype(str), return_inverse=True)
    return np.flatnonzero((rng.random(len(names)) < MOST_UNITS / n)[member])
