"""The policy beside the baselines it has to beat, on the same logged decisions.

Baselines: ``no_one`` gets an offer; ``everyone:<arm>`` gets that arm; ``random`` draws evenly from the eligible offers;
``best_single_arm`` is the arm with the highest mean predicted profit, given to everyone (chosen by the model, not by
these decisions); ``response_ranking`` gives that arm to the users with the highest predicted profit *with* it, whatever
they would have earned anyway, until as much is spent as the policy is expected to spend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.policy.assign import Policy, probabilities
from models.policy.ope import Estimate, Logged, difference, dr, estimate, snips
from models.policy.price import Bools, Floats, matrix

POLICY, NO_ONE, RANDOM, BEST_ARM, RESPONSE = "policy", "no_one", "random", "best_single_arm", "response_ranking"


@dataclass(frozen=True)
class Decisions:
    """Held-out randomised decisions: arms as indices into the policy's, what came of them, and what was predicted.

    ``action`` (n,), ``eligible`` (n, K), ``propensity`` (n,), ``profit_cents`` (n,) margin less coupon cost,
    ``cost_cents`` (n,), ``user_ids`` (n,); ``effect`` and ``effect_cost`` (n, K) predicted profit and coupon cost
    against none; ``baseline`` (n,) predicted profit without an offer; ``facts`` the features in ``Policy.needs``. The
    models have not seen these outcomes.
    """

    action: NDArray[np.intp]
    eligible: Bools
    propensity: Floats
    profit_cents: Floats
    cost_cents: Floats
    user_ids: Sequence[str]
    effect: Floats
    effect_cost: Floats
    baseline: Floats
    facts: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """One policy's figures per decision, in cents: profit by two estimators, coupon cost, and paired differences."""

    name: str
    profit: Estimate
    profit_snips: Estimate
    cost: Estimate
    lift: Estimate
    behind_policy: Estimate
    offer_share: float


@dataclass(frozen=True)
class Comparison:
    """Standings of the policy (first) and the baselines on ``n`` decisions; ``best_arm`` is the best single arm."""

    n: int
    best_arm: str
    standings: tuple[Standing, ...]

    def named(self, name: str) -> Standing:
        return next(standing for standing in self.standings if standing.name == name)

    def figures(self) -> dict[str, float | str | bool]:
        """Flat figures: ``<policy>_<figure>`` and its ``_low`` and ``_high``, per decision in cents."""
        figures: dict[str, float | str | bool] = {"decisions": self.n, "best_single_arm": self.best_arm}
        for one in self.standings:
            name = one.name.replace(":", "_")
            for figure in ("profit", "profit_snips", "cost", "lift", "behind_policy"):
                found: Estimate = getattr(one, figure)
                figures[f"{name}_{figure}"] = found.value
                figures[f"{name}_{figure}_low"] = found.low
                figures[f"{name}_{figure}_high"] = found.high
            figures[f"{name}_ess"] = one.profit.ess
            figures[f"{name}_largest_weight"] = one.profit.largest_weight
            figures[f"{name}_weights_exploded"] = one.profit.exploded
            figures[f"{name}_offer_share"] = one.offer_share
        return figures


def compare(policy: Policy, decisions: Decisions, level: float = 0.95) -> Comparison:
    """Doubly robust and self-normalised values of the policy's price rule (without exploration or holdout) and of the
    baselines, with intervals clustered by user.

    Raises :class:`features.errors.InputError` for decisions that do not fit the policy.
    """
    targets, best_arm = _targets(policy, decisions)
    profit = {name: _log(decisions, target, decisions.profit_cents, True) for name, target in targets.items()}
    cost = {name: _log(decisions, target, decisions.cost_cents, False) for name, target in targets.items()}
    standings = tuple(
        Standing(
            name=name,
            profit=estimate(profit[name], dr, level),
            profit_snips=estimate(profit[name], snips, level),
            cost=estimate(cost[name], dr, level),
            lift=difference(profit[name], profit[NO_ONE], dr, level),
            behind_policy=difference(profit[POLICY], profit[name], dr, level),
            offer_share=float(1 - targets[name][:, 0].mean()),
        )
        for name in targets
    )
    return Comparison(len(decisions.action), policy.arms[best_arm], standings)


def chances(policy: Policy, decisions: Decisions) -> Floats:
    """What the policy's price rule would have given (n, K), 0 or 1: without exploration, holdout or its rates."""
    rule = replace(policy, exploration=0.0, holdout=0.0, rates=None)
    effect, cost, users = decisions.effect, decisions.effect_cost, decisions.user_ids
    return probabilities(rule, effect, cost, users, decisions.eligible, decisions.facts)


def _log(decisions: Decisions, target: Floats, reward: Floats, is_profit: bool) -> Logged:
    q_hat = decisions.baseline[:, None] + decisions.effect if is_profit else decisions.effect_cost
    return Logged(decisions.action, reward, decisions.propensity, target, q_hat, np.asarray(decisions.user_ids))


def _targets(policy: Policy, decisions: Decisions) -> tuple[dict[str, Floats], int]:
    effect, cost = matrix("effect", decisions.effect), matrix("effect_cost", decisions.effect_cost)
    eligible = decisions.eligible.copy()
    eligible[:, 0] = True
    mine = chances(policy, decisions)
    best = int(np.where(eligible, effect, 0.0).mean(axis=0).argmax())
    targets = {POLICY: mine, NO_ONE: _everyone(0, eligible)}
    targets |= {f"everyone:{policy.arms[arm]}": _everyone(arm, eligible) for arm in range(1, len(policy.arms))}
    targets[BEST_ARM] = _everyone(best, eligible)
    targets[RANDOM] = eligible / eligible.sum(axis=1, keepdims=True)
    spend = float((mine * cost).sum())
    targets[RESPONSE] = _ranked(decisions.baseline + effect[:, best], cost[:, best], best, eligible, spend)
    return targets, best


def _everyone(arm: int, eligible: Bools) -> Floats:
    """The arm to everyone who may get it, none to the others."""
    target = np.zeros(eligible.shape)
    target[np.arange(len(eligible)), np.where(eligible[:, arm], arm, 0)] = 1.0
    return target


def _ranked(score: ArrayLike, cost: Floats, arm: int, eligible: Bools, spend: float) -> Floats:
    """The arm to eligible users from the highest score down while the predicted cost fits into ``spend``."""
    order = np.argsort(-np.where(eligible[:, arm], score, -np.inf), kind="stable")
    order = order[: int(eligible[:, arm].sum())]
    given = order[: int(np.searchsorted(np.cumsum(np.maximum(cost[order], 0.0)), spend, side="right"))]
    target = np.zeros(eligible.shape)
    target[:, 0] = 1.0
    target[given, 0] = 0.0
    target[given, arm] = 1.0
    return target
