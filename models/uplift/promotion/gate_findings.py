"""What the held-out decisions say about a candidate beyond pass or fail: calibration, spending, who gains and loses.

Everything rests on doubly robust scores of the held-out decisions, whose nuisance predictions are out of fold among
themselves, and on effects from a model that has seen none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.budget_curve import BudgetCurves, Scored, budget_curve
from models.policy.intervals import Interval, codes
from models.policy.references import AVERAGES, COST_BLIND, references
from models.registry import Effects
from models.uplift.baselines import AverageEffect, TLinear
from models.uplift.calibration import Blp, Gates, blp, gates
from models.uplift.nuisance import expected_outcomes
from models.uplift.promotion.gate import CANDIDATE, Verdict
from models.uplift.report.segments import Segment, mean_of, parts_of, segments
from models.uplift.scores import dr_scores
from models.uplift.trial import Trial

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FEWEST = 30  # decisions below which a group has no interval worth drawing
MOST_DECISIONS = 100_000
MOST_FEATURES = 12  # by which segments are cut
_FEWEST_A_GROUP = 200


@dataclass(frozen=True)
class ArmFinding:
    """One offer: is its predicted effect on margin calibrated, and its predicted cost; groups by predicted effect."""

    arm: str
    decisions: int
    value: Blp
    cost: Blp
    groups: Gates


@dataclass(frozen=True)
class Given:
    """Decisions to which the policy gives ``arm``: predicted and observed extra profit against giving nothing, cents.

    For the control these are the decisions it leaves alone, and what the best offer by its lights would have brought.
    """

    arm: str
    decisions: int
    predicted: float
    observed: Interval


@dataclass(frozen=True)
class Findings:
    """``asleep``: decisions at which every offer is predicted to lower the margin, and the mean effect of the offers
    observed there. ``segments``: extra profit of the policy against giving nothing, best first."""

    arms: Sequence[ArmFinding]
    given: Sequence[Given]
    asleep: Given | None
    segments: Sequence[Segment]
    curves: BudgetCurves


def find(
    verdict: Verdict, train: Trial, later: Trial, mine: Effects, by_importance: Sequence[str] = (), seed: int = 0
) -> Findings:
    """Measure the candidate on the held-out decisions; ``mine`` are its effects there.

    ``by_importance``: names of features, what moves the predictions most first. Segments are looked at by the first of
    them only (all of ``X`` without them): each further segment widens the intervals of all.
    """
    value, cost = _scores(later, later.value, seed), _scores(later, later.cost, seed)
    target = verdict.targets[CANDIDATE]
    return Findings(
        arms=[_arm(later, mine, value, cost, at) for at in range(1, len(later.arms))],
        given=_given(later, mine, target, value - cost),
        asleep=_asleep(later, mine, value),
        segments=segments(
            parts_of(later.X[list(by_importance[:MOST_FEATURES] or later.X.columns)]),
            _gain(target, value - cost),
            later.cluster,
        ),
        curves=_curves(train, later, mine, value - cost, cost),
    )


def _scores(trial: Trial, y: Vector, seed: int) -> Matrix:
    """Scores (n, K) against the control, which is column 0 and zero."""
    expected = expected_outcomes(trial.X, trial.treatment, y, trial.propensity, cluster=trial.cluster, seed=seed)
    psi = dr_scores(y, trial.treatment, trial.propensity, expected)
    result: Matrix = psi - psi[:, :1]
    return result


def _gain(target: Matrix, profit: Matrix) -> Vector:
    result: Vector = (target * profit).sum(axis=1)
    return result


def _arm(later: Trial, mine: Effects, value: Matrix, cost: Matrix, at: int) -> ArmFinding:
    # A group's mean rests on the decisions that got the arm or the control; the rarer of the two says how many.
    rarer = int(min((later.treatment == at).sum(), (later.treatment == 0).sum()))
    groups = int(np.clip(rarer // _FEWEST_A_GROUP, 2, 5))
    return ArmFinding(
        arm=later.arms[at],
        decisions=int((later.treatment == at).sum()),
        value=blp(mine.value[:, at], value[:, at], later.cluster),
        cost=blp(mine.cost[:, at], cost[:, at], later.cluster),
        groups=gates(mine.value[:, at], value[:, at], groups, later.cluster),
    )


def _given(later: Trial, mine: Effects, target: Matrix, profit: Matrix) -> list[Given]:
    offer, groups = target.argmax(axis=1), codes(later.cluster, len(later))
    best = mine.profit[:, 1:].argmax(axis=1) + 1
    shown = np.where(offer == 0, best, offer)
    rows = np.arange(len(later))
    found = []
    for at, arm in enumerate(later.arms):
        who = offer == at
        if who.sum() >= FEWEST:
            predicted = float(mine.profit[rows, shown][who].mean())
            found.append(Given(arm, int(who.sum()), predicted, mean_of(profit[rows, shown], who, groups)))
    return found


def _asleep(later: Trial, mine: Effects, value: Matrix) -> Given | None:
    who: NDArray[np.bool_] = np.asarray((mine.value[:, 1:] < 0).all(axis=1))
    if who.sum() < FEWEST:
        return None
    observed = mean_of(value[:, 1:].mean(axis=1), who, codes(later.cluster, len(later)))
    return Given("", int(who.sum()), float(mine.value[who, 1:].mean()), observed)


def _curves(train: Trial, later: Trial, mine: Effects, profit: Matrix, cost: Matrix) -> BudgetCurves:
    """Profit against spend of the candidate and of what a shop would do without it; baselines learn on ``train``."""
    given = (train.X, train.treatment)
    worth, price = (
        np.concatenate([[0.0], AverageEffect().fit(*given, y, train.propensity).effect_])
        for y in (train.net, train.cost)
    )
    response = TLinear().fit(*given, train.net, train.propensity).expected(later.X)
    predicted = np.maximum(mine.cost, 0.0)
    policies: Mapping[str, tuple[Matrix, Matrix]] = references(mine.profit, predicted, worth, price, response)
    shown = {name: tables for name, tables in policies.items() if name not in (AVERAGES, COST_BLIND)}
    rows = np.linspace(0, len(later) - 1, min(len(later), MOST_DECISIONS)).astype(int)
    cluster = None if later.cluster is None else later.cluster[rows]
    scored = Scored.of(profit[rows], cost[rows], cluster)
    return budget_curve(scored, {name: (v[rows], c[rows]) for name, (v, c) in shown.items()})
