"""The gate before promotion: contenders, champion and baselines on the same held-out decisions.

A contender is a candidate just trained, or the challenger: the last candidate that lost, judged again because later
decisions may show what earlier ones could not. All policies are valued off-policy by the same doubly robust estimate
of profit (value less coupon cost), clustered by user. A contender may be promoted when

- the lower bound of its lead over the champion is above zero; while there is no champion, over giving nothing. The
  interval is two-sided at 95 %, so a useless contender passes one time in forty; two contenders share that chance
  (Bonferroni);
- it leads, by estimate, every baseline that keeps to the budget: an expensive way of doing what a ranking by response
  does is no progress.

Everybody spends the same budget, counted by the same yardstick: a plain model of cost learnt on the training
decisions. Each policy ranks by its own beliefs, but one that thinks its coupons cheap may not spend more for it.
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
from models.report import Words
from models.uplift.baselines import AverageEffect, ResponseRanking
from models.uplift.promotion.gate_nuisance import expected_profit_of, yardstick
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

CANDIDATE, CHALLENGER, CHAMPION, NO_ONE = "candidate", "challenger", "champion", "no_one"
RESPONSE, SHARE, SINGLE, RANDOM = "response_ranking", "best_single_arm_within_budget", "best_single_arm", "random"
CONTENDERS, WITHIN_BUDGET = (CANDIDATE, CHALLENGER), (RESPONSE, SHARE)
BASELINES = (NO_ONE, RESPONSE, SHARE, SINGLE, RANDOM)
LEVEL = 0.95
_HALVINGS = 24  # of the budget that a policy believes in, until its spend by the yardstick fits


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
    """Who stands where, and which contender is to be promoted, if any.

    ``winner``: ``candidate``, ``challenger`` or "". ``leads``: of every contender over ``reference`` (the champion, or
    ``no_one``) at ``level``. ``why``: one sentence about the candidate, or about the challenger where that one wins.
    """

    standings: tuple[Standing, ...]
    winner: str
    why: Words
    leads: Mapping[str, Estimate]
    reference: str
    level: float
    best_arm: str
    budget_per_decision: float
    decisions: int
    targets: Mapping[str, Matrix]

    @property
    def passes(self) -> bool:
        """Whether the candidate is to be promoted."""
        return self.winner == CANDIDATE

    @property
    def reason(self) -> str:
        return self.why.en

    def named(self, name: str) -> Standing:
        """The standing of one policy."""
        return next(standing for standing in self.standings if standing.name == name)

    def ahead(self) -> tuple[str, ...]:
        """Baselines that earn more than the candidate by estimate, the best of them first."""
        found = [one for one in self.standings if one.name in BASELINES and one.behind.value < 0]
        return tuple(one.name for one in sorted(found, key=lambda one: one.behind.value))

    def figures(self) -> dict[str, float]:
        """Flat figures, per decision in cents: ``<policy>_profit``, ``_cost``, ``lead_over_<policy>`` with bounds."""
        result: dict[str, float] = {
            "held_out_decisions": float(self.decisions),
            "budget_per_decision_cents": self.budget_per_decision,
            "level": self.level,
        }
        for one in self.standings:
            for name, found in ((f"{one.name}_profit_cents", one.profit), (f"{one.name}_cost_cents", one.cost)):
                result |= _bounds(name, found)
            result[f"{one.name}_offer_share"] = one.offer_share
            result[f"{one.name}_effective_rows"] = one.profit.ess
            if one.name != CANDIDATE:
                result |= _bounds(f"lead_over_{one.name}_cents", one.behind)
        if CHALLENGER in self.leads:
            result |= _bounds(f"challenger_lead_over_{self.reference}_cents", self.leads[CHALLENGER])
        return result


def judge_candidate(
    train: Trial,
    held_out: Trial,
    candidate: Effects,
    champion: Effects | None,
    budget_share: float = 0.5,
    challenger: Effects | None = None,
) -> Verdict:
    """Value the policies on ``held_out``; baselines and yardstick learn on ``train`` only.

    Effects are those on the held-out rows, in the trial's order of arms. ``budget_share``: the budget as a share of
    what the candidate's offers would cost if money were no object.
    """
    if not 0 < budget_share <= 1:
        raise InputError("budget_share", budget_share, "a share in (0, 1]")
    expected, cost = expected_profit_of(train, held_out), yardstick(train, held_out)
    given = (train.X, train.treatment, train.net, train.propensity)
    average = AverageEffect().fit(*given).effect_
    best, n, K = int(np.argmax(average)) + 1, len(held_out), len(held_out.arms)
    response = ResponseRanking().fit(*given).effect(held_out.X)[:, best - 1]
    budget = budget_share * _spend(_choice(candidate, np.inf), cost)
    beliefs = {CANDIDATE: candidate, CHALLENGER: challenger, CHAMPION: champion}
    targets = {name: _within(own, cost, budget) for name, own in beliefs.items() if own is not None}
    targets[NO_ONE] = _all(0, n, K)
    targets[RESPONSE] = _ranked(response, cost[:, best], best, budget, K)
    share = min(1.0, budget / max(float(cost[:, best].sum()), 1e-9))
    targets[SHARE] = (1 - share) * _all(0, n, K) + share * _all(best, n, K)
    targets[SINGLE] = _all(best, n, K)
    targets[RANDOM] = np.full((n, K), 1 / K)
    return _verdict(held_out, targets, expected, cost, best, budget / n)


def _verdict(trial: Trial, targets: Mapping[str, Matrix], expected: Matrix, cost: Matrix, best: int,
             budget: float) -> Verdict:  # fmt: skip
    def log(name: str, reward: Vector, q_hat: Matrix) -> Logged:
        return Logged(trial.treatment, reward, trial.taken, targets[name], q_hat, trial.cluster)

    profits = {name: log(name, trial.net, expected) for name in targets}
    standings = tuple(
        Standing(
            name,
            profit=estimate(profits[name], dr),
            cost=estimate(log(name, trial.cost, cost), dr),
            behind=difference(profits[CANDIDATE], profits[name], dr),
            offer_share=float(1 - targets[name][:, 0].mean()),
        )
        for name in targets
    )
    contenders = [name for name in CONTENDERS if name in targets]
    level = 1 - (1 - LEVEL) / len(contenders)
    reference = CHAMPION if CHAMPION in targets else NO_ONE
    leads = {name: difference(profits[name], profits[reference], dr, level) for name in contenders}
    value = {one.name: one.profit.value for one in standings}
    words = {name: _judge(name, reference, leads[name], value, len(trial)) for name in contenders}
    winners = sorted((name for name in contenders if words[name][0]), key=lambda name: -value[name])
    winner = winners[0] if winners else ""
    why = words[winner or CANDIDATE][1]
    return Verdict(standings, winner, why, leads, reference, level, trial.arms[best], budget, len(trial), targets)


def _judge(name: str, reference: str, lead: Estimate, value: Mapping[str, float], decisions: int) -> tuple[bool, Words]:
    """Whether a contender may be promoted, and why in one sentence."""
    who = Words("", "") if name == CANDIDATE else Words("the challenger ", "挑战者")
    rival = {CHAMPION: "现任模型", NO_ONE: "不发券"}[reference]
    ahead = [baseline for baseline in WITHIN_BUDGET if value[name] <= value[baseline]]
    shown = f"{lead.value:.1f} cents per decision [{lead.low:.1f}, {lead.high:.1f}]"
    zh = f"每次决策领先 {lead.value:.1f} 分 [{lead.low:.1f}, {lead.high:.1f}]"
    if lead.low <= 0:
        return False, Words(
            f"{who.en}not shown to beat {reference}: lead {shown}", f"{who.zh}未能证明优于{rival}：{zh}"
        )
    if ahead:
        return False, Words(
            f"{who.en}beats {reference} by {shown}, but not the baseline {ahead[0]}",
            f"{who.zh}优于{rival}（{zh}），但不及基线 {ahead[0]}",
        )
    return True, Words(
        f"{who.en}beats {reference}: lead {shown} on {decisions} held-out decisions",
        f"{who.zh}优于{rival}：{zh}，基于 {decisions:,} 条留出决策",
    )


def _within(effects: Effects, cost: Matrix, budget: float) -> Matrix:
    """The choices that maximise believed profit while the yardstick ``cost`` of them is within the budget, (n, K)."""
    chosen = _choice(effects, np.inf)
    if _spend(chosen, cost) > budget:
        low, high = 0.0, _spend(chosen, np.maximum(effects.cost, 0.0))
        chosen = _choice(effects, low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = _choice(effects, middle)
            if _spend(tried, cost) <= budget:
                low, chosen = middle, tried
            else:
                high = middle
    target: Matrix = np.eye(len(effects.arms))[chosen]
    return target


def _choice(effects: Effects, believed: float) -> NDArray[np.intp]:
    """The best arm of every row within a budget in believed cents, (n,)."""
    cost = np.maximum(effects.cost, 0.0)
    chosen: NDArray[np.intp] = allocate(effects.profit, cost, min(believed, float(cost.sum()))).offer
    return chosen


def _spend(chosen: NDArray[np.intp], cost: Matrix) -> float:
    return float(cost[np.arange(len(chosen)), chosen].sum())


def _all(arm: int, n: int, K: int) -> Matrix:
    return np.tile(np.eye(K)[arm], (n, 1))


def _ranked(score: Vector, cost: Vector, arm: int, budget: float, K: int) -> Matrix:
    """The arm to the highest scores while the expected cost fits the budget."""
    order = np.argsort(-score, kind="stable")
    given = order[: int(np.searchsorted(np.cumsum(cost[order]), budget, side="right"))]
    target = _all(0, len(score), K)
    target[given] = np.eye(K)[arm]
    return target


def _bounds(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
