"""Curves of an uplift training: how well candidate, champion and challenger rank, and what they earn at every budget.

All of them, and the ranking by response, are measured by the same doubly robust scores of the same held-out decisions.
Rankings are compared for one offer against none, the best single one of the training decisions, for models that choose
among several offers have no common order otherwise; budgets are compared over all offers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.policy.budget_curve import Scored, budget_curve
from models.policy.intervals import Interval, codes
from models.registry import Effects
from models.uplift.baselines import ResponseRanking
from models.uplift.promotion.gate import CANDIDATE, RESPONSE
from models.uplift.promotion.gate_nuisance import expected_profit_of, yardstick
from models.uplift.rate import rate, rate_difference, toc
from models.uplift.scores import dr_scores
from models.uplift.trial import Trial

MOST_DECISIONS = 20_000  # of the held-out ones, evenly over time; more would not move a drawn band
SHARES = np.linspace(0.05, 1, 20)
Vector = NDArray[np.float64]
Figures = dict[str, float | str | list[float]]


def curve_figures(train: Trial, later: Trial, models: Mapping[str, Effects], best_arm: str) -> Figures:
    """Flat figures, in cents per held-out decision.

    ``qini_<name>`` over ``qini_shares``: extra profit above a random order when that share gets ``best_arm``, best
    first; ``qini_coefficient_<name>`` its mean over shares; ``curve_<name>`` over ``curve_budgets``: extra profit
    above no coupons at that coupon cost. All with ``_low`` and ``_high`` at 95 %, pairs of ``_ahead_of_`` paired.

    Args:
        train: decisions that the baseline and the expected outcomes are learnt on.
        later: decisions that judge.
        models: effects on all rows of ``later`` by name, ``candidate`` among them.
        best_arm: the best single offer of the training decisions.
    """
    rows = np.linspace(0, len(later) - 1, min(len(later), MOST_DECISIONS)).astype(np.int64)
    held, at = later.rows(rows), later.arms.index(best_arm)
    expected, cost = expected_profit_of(train, held), yardstick(train, held)
    profit = dr_scores(held.net, held.treatment, held.propensity, expected)
    spend = dr_scores(held.cost, held.treatment, held.propensity, cost)
    learnt = ResponseRanking().fit(train.X, train.treatment, train.net, train.propensity)
    response = learnt.effect(held.X)[:, at - 1]
    ranked = {name: found.profit[rows, at] for name, found in models.items()} | {RESPONSE: response}
    policies = {name: (found.profit[rows], np.maximum(found.cost[rows], 0.0)) for name, found in models.items()}
    policies[RESPONSE] = _alone(response, at, len(held.arms))
    return {
        "qini_offer": best_arm,
        **_qini(ranked, profit[:, at] - profit[:, 0], held),
        **_budgets(policies, Scored.of(profit, spend, held.cluster)),
    }


def _qini(ranked: Mapping[str, Vector], effect: Vector, held: Trial) -> Figures:
    figures: Figures = {"qini_shares": SHARES.tolist()}
    groups = codes(held.cluster, len(held))
    for name, score in ranked.items():
        curve = toc(score, effect, groups, SHARES)
        for end, values in (("", curve.value), ("_low", curve.low), ("_high", curve.high)):
            figures[f"qini_{name}{end}"] = (SHARES * values).tolist()
        figures |= _bounds(f"qini_coefficient_{name}", rate(score, effect, "qini", groups))
        if name != CANDIDATE:
            ahead = rate_difference(ranked[CANDIDATE], score, effect, "qini", groups)
            figures |= _bounds(f"qini_ahead_of_{name}", ahead)
    return figures


def _budgets(policies: Mapping[str, tuple[Vector, Vector]], scored: Scored) -> Figures:
    found = budget_curve(scored, policies)
    figures: Figures = {"curve_budgets": found.budgets.tolist()}
    for name in found.names:
        curve = found.curve(name)
        for end, values in (("", curve.value), ("_low", curve.low), ("_high", curve.high)):
            figures[f"curve_{name}{end}"] = values.tolist()
        if name != CANDIDATE:
            ahead = found.area_between(CANDIDATE, name)
            key = f"curve_ahead_of_{name}"
            figures |= {key: ahead.value, f"{key}_low": ahead.low, f"{key}_high": ahead.high}
    return figures


def _alone(score: Vector, at: int, arms: int) -> tuple[Vector, Vector]:
    """One offer as value and price (n, K): by score from the top, the last as well, whatever it costs."""
    rank = np.unique(score, return_inverse=True)[1] + 1.0
    value, price = np.zeros((len(score), arms)), np.zeros((len(score), arms))
    value[:, at], price[:, at] = rank / len(rank), 1.0
    return value, price


def _bounds(name: str, found: Interval) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
