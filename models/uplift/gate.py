"""The gate before promotion: a candidate's policy beside the champion's and the baselines, on held-out decisions.

All policies may spend the same budget on the same decisions, and are valued off-policy by the same doubly robust
estimate of profit (value less coupon cost) with intervals clustered by user. A candidate passes when the lower bound of
its lead over the champion is above zero; while there is no champion, over giving nothing. It must also lead every
baseline that keeps to the budget: an expensive way of doing what a ranking by response does is no progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.policy.knapsack import allocate
from models.policy.ope import Estimate, Logged, difference, dr, estimate
from models.registry import Effects
from models.uplift.baselines import AverageEffect, TLinear
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

CANDIDATE, CHAMPION, NO_ONE = "candidate", "champion", "no_one"
RESPONSE, SHARE, SINGLE, RANDOM = "response_ranking", "best_single_arm_within_budget", "best_single_arm", "random"
WITHIN_BUDGET = (RESPONSE, SHARE)


@dataclass(frozen=True)
class Standing:
    """One policy per decision, in cents: profit, coupon cost, and the candidate's lead over it (paired)."""

    name: str
    profit: Estimate
    cost: Estimate
    behind: Estimate
    offer_share: float


@dataclass(frozen=True)
class Verdict:
    """Who stands where, whether the candidate passes, and the reason in one sentence."""

    standings: tuple[Standing, ...]
    passes: bool
    reason: str
    best_arm: str
    budget_per_decision: float
    decisions: int

    def named(self, name: str) -> Standing:
        """The standing of one policy."""
        return next(standing for standing in self.standings if standing.name == name)

    def figures(self) -> dict[str, float]:
        """Flat figures, per decision in cents: ``<policy>_profit``, ``_cost``, ``lead_over_<policy>`` with bounds."""
        result: dict[str, float] = {
            "held_out_decisions": float(self.decisions),
            "budget_per_decision_cents": self.budget_per_decision,
        }
        for one in self.standings:
            for name, found in ((f"{one.name}_profit_cents", one.profit), (f"{one.name}_cost_cents", one.cost)):
                result |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            result[f"{one.name}_offer_share"] = one.offer_share
            result[f"{one.name}_effective_rows"] = one.profit.ess
            if one.name != CANDIDATE:
                lead = f"lead_over_{one.name}_cents"
                result |= {lead: one.behind.value, f"{lead}_low": one.behind.low, f"{lead}_high": one.behind.high}
        return result


def judge_candidate(
    train: Trial, held_out: Trial, candidate: Effects, champion: Effects | None, budget_share: float = 0.5
) -> Verdict:
    """Value the policies on ``held_out``; baselines learn on ``train`` only.

    ``candidate`` and ``champion`` are effects on the held-out rows in the trial's order of arms. ``budget_share``: the
    budget as a share of what the candidate would expect to spend if money were no object.
    """
    if not 0 < budget_share <= 1:
        raise InputError("budget_share", budget_share, "a share in (0, 1]")
    linear = TLinear().fit(train.X, train.treatment, train.net, train.propensity)
    average = AverageEffect().fit(train.X, train.treatment, train.net, train.propensity).effect_
    best = int(np.argmax(average)) + 1
    expected, n = linear.expected(held_out.X), len(held_out)
    cost = np.maximum(candidate.cost, 0.0)
    unlimited = float((_allocated(candidate, np.inf) * cost).sum())
    budget = budget_share * unlimited
    targets = {CANDIDATE: _allocated(candidate, budget)}
    if champion is not None:
        targets[CHAMPION] = _allocated(champion, budget)
    K = len(held_out.arms)
    targets[NO_ONE] = _all(0, n, K)
    targets[RESPONSE] = _ranked(expected[:, best], cost[:, best], best, budget, K)
    share = min(1.0, budget / max(float(cost[:, best].sum()), 1e-9))
    targets[SHARE] = (1 - share) * _all(0, n, K) + share * _all(best, n, K)
    targets[SINGLE] = _all(best, n, K)
    targets[RANDOM] = np.full((n, K), 1 / K)
    standings = _standings(held_out, targets, expected, cost)
    return _decide(standings, held_out, best, budget / n)


def _standings(trial: Trial, targets: Mapping[str, Matrix], expected: Matrix, cost: Matrix) -> tuple[Standing, ...]:
    def log(name: str, reward: Vector, q_hat: Matrix) -> Logged:
        return Logged(trial.treatment, reward, trial.taken, targets[name], q_hat, trial.cluster)

    mine = log(CANDIDATE, trial.net, expected)
    return tuple(
        Standing(
            name,
            profit=estimate(log(name, trial.net, expected), dr),
            cost=estimate(log(name, trial.cost, cost), dr),
            behind=difference(mine, log(name, trial.net, expected), dr),
            offer_share=float(1 - targets[name][:, 0].mean()),
        )
        for name in targets
    )


def _decide(standings: tuple[Standing, ...], trial: Trial, best: int, budget: float) -> Verdict:
    by_name = {standing.name: standing for standing in standings}
    reference = CHAMPION if CHAMPION in by_name else NO_ONE
    lead = by_name[reference].behind
    ahead = [name for name in WITHIN_BUDGET if by_name[name].behind.value <= 0]
    shown = f"{lead.value:.1f} cents per decision [{lead.low:.1f}, {lead.high:.1f}]"
    if lead.low <= 0:
        passes, reason = False, f"not shown to beat {reference}: lead {shown}"
    elif ahead:
        passes, reason = False, f"beats {reference} by {shown}, but not the baseline {ahead[0]}"
    else:
        passes, reason = True, f"beats {reference}: lead {shown} on {len(trial)} held-out decisions"
    return Verdict(standings, passes, reason, trial.arms[best], budget, len(trial))


def _allocated(effects: Effects, budget: float) -> Matrix:
    cost = np.maximum(effects.cost, 0.0)
    chosen = allocate(effects.profit, cost, min(budget, float(cost.sum()))).offer
    target: Matrix = np.eye(len(effects.arms))[chosen]
    return target


def _all(arm: int, n: int, K: int) -> Matrix:
    return np.tile(np.eye(K)[arm], (n, 1))


def _ranked(score: Vector, cost: Vector, arm: int, budget: float, K: int) -> Matrix:
    """The arm to the highest scores while the expected cost fits the budget."""
    order = np.argsort(-score, kind="stable")
    given = order[: int(np.searchsorted(np.cumsum(cost[order]), budget, side="right"))]
    target = _all(0, len(score), K)
    target[given] = np.eye(K)[arm]
    return target
