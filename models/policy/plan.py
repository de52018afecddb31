"""One round of coupons within its limits: from effects to the policy that decides, and what it decides for these users.

The round pays for exploration first: the offers that chance gives away are known before any price is, so they come off
budget, stock and the segments' limits, and the rest is allocated among the users whom the price rule decides. What the
round gives, chance included, is therefore within every limit whatever the draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.assign import EXPLORED, WITHHELD, Assigned, Case, Policy, explain_decisions, settle
from models.policy.draws import Draws
from models.policy.explain import Explained
from models.policy.explore import Rates, affordable
from models.policy.fairness import Fairness, fairness
from models.policy.limits import Infeasible, Limits
from models.policy.price import Floats, pick, total
from models.policy.prices import Prices
from models.policy.program import Solution, solve
from models.policy.remaining import remaining
from models.policy.uses import LimitUse, limit_uses

MOST_RETURN = 1e6  # a return per cent of cost that nothing earns


@dataclass(frozen=True)
class Plan:
    """A priced policy, its decisions for n users, and the allocation behind the prices.

    ``value`` and ``cost`` (n,) are expected profit and coupon cost of the chosen offers, in cents. ``solution`` is of
    the users whom the rule decides. ``explores`` is False where the limits leave no room for chance at all.
    """

    policy: Policy
    case: Case
    draws: Draws
    assigned: Assigned
    solution: Solution
    value: Floats
    cost: Floats
    explores: bool

    @property
    def uses(self) -> tuple[LimitUse, ...]:
        """Every limit with what the round uses of it, and its shadow price."""
        prices = {use.limit: use.price for use in self.solution.uses}
        arms, offer = self.policy.arms, self.assigned.offer
        return limit_uses(self.policy.limits, arms, offer, self.value, self.cost, self.case.segment, prices)

    def explained(self) -> Explained:
        """Why the price rule says what it says, for every user."""
        return explain_decisions(self.policy, self.case, self.assigned)

    def fairness(self, segment: NDArray[np.str_]) -> Fairness:
        """Segments (n,) beside each other, withheld users left out."""
        rows = ~self.case.withheld
        return fairness(
            segment[rows],
            self.assigned.offer[rows] > 0,
            self.value[rows],
            self.cost[rows],
            np.where(self.case.allowed, self.case.values, 0.0).max(axis=1)[rows],
        )

    def figures(self) -> dict[str, float]:
        """Flat figures: spend, profit, bound, gaps, prices, limits, and how many users got each offer."""
        taken, reason = self.assigned.offer, self.assigned.reason
        users, explored = max(len(taken), 1), reason == EXPLORED
        prices = self.policy.prices
        figures = {
            "users": float(len(taken)),
            "spend_cents": total(self.cost),
            "profit_cents": total(self.value),
            "bound_cents": self.solution.bound + total(self.value[explored]),
            "gap": self.solution.rule_gap,
            "whole_coupon_gap": self.solution.gap,
            "price": prices.cost[0],
            "exploration": self.policy.exploration if self.explores else 0.0,
            "explored_users": float(explored.sum()),
            "explored_spend_cents": total(self.cost[explored]),
            "holdout_users": float(self.assigned.holdout.sum()),
            "withheld_users": float((reason == WITHHELD).sum()),
        }
        if self.policy.limits.budget_cents is not None:
            figures["budget_cents"] = float(self.policy.limits.budget_cents)
        for use in self.uses:
            figures |= {f"limit_{use.name}_used": use.used, f"limit_{use.name}_price": use.price}
        counts = np.bincount(taken, minlength=len(self.policy.arms))
        return figures | {f"share_{arm}": float(counts[at] / users) for at, arm in enumerate(self.policy.arms)}


def plan(
    policy: Policy,
    value: ArrayLike,
    cost: ArrayLike,
    user_ids: Sequence[str],
    keys: Sequence[str],
    eligible: ArrayLike | None = None,
    withhold: ArrayLike | None = None,
    facts: Mapping[str, ArrayLike] | None = None,
) -> Plan:
    """Price ``policy`` so that this round stays within its ``limits``, and decide for everyone.

    Args:
        policy: with arms, exploration, holdout, salt, limits and segments; its prices and rates are replaced.
        value, cost, user_ids, keys, eligible, withhold, facts: as for :func:`models.policy.assign.choose`.

    Raises:
        InputError: as there, and when a user appears twice (one offer per user and round).
        Infeasible: when no round can meet the limits, chance or no chance; it names them.
    """
    if len(set(user_ids)) != len(user_ids):
        raise InputError("user_ids", "a user twice", "every user once in a round")
    policy = replace(policy, prices=Prices.of_cost(0.0, len(policy.arms)), rates=None)
    case = Case.of(policy, value, cost, eligible, withhold, facts)
    if len(user_ids) != len(case.values) or len(keys) != len(case.values):
        raise InputError("user_ids, keys", (len(user_ids), len(keys)), f"{len(case.values)} of each, one per row")
    draws = Draws.of(policy.salt, user_ids, keys)
    chance = (1 - policy.holdout) * policy.exploration
    rates = affordable(policy.limits, policy.arms, case.allowed, case.values, case.costs, case.segment, chance)
    policy, drawn = _affordable_draws(replace(policy, rates=rates), case, draws)
    try:
        solution = _solve(policy, case, draws, drawn)
    except Infeasible:
        # Chance may have taken what a floor needs; nothing is left to it then.
        policy = replace(policy, rates=_none_drawn(policy))
        drawn = settle(policy, case, draws)
        solution = _solve(policy, case, draws, drawn)
    policy = replace(policy, prices=solution.prices)
    assigned = settle(policy, case, draws)
    explores = policy.exploration > 0 and (policy.rates is None or any(max(row[1:]) for row in policy.rates.keep))
    worth, paid = pick(case.values, assigned.offer), pick(case.costs, assigned.offer)
    return Plan(policy, case, draws, assigned, solution, worth, paid, explores)


def _affordable_draws(policy: Policy, case: Case, draws: Draws) -> tuple[Policy, Assigned]:
    """The draws of the round; rates are halved should the draws, which is all but impossible, exceed a limit."""
    while True:
        drawn = settle(policy, case, draws)
        uses = limit_uses(policy.limits, policy.arms, *_explored(case, drawn), segment=case.segment, prices={})
        if all(use.floor or use.used <= use.bound for use in uses):
            return policy, drawn
        rates = policy.rates or Rates(("",), ((1.0,) * len(policy.arms),))
        tiny = max(rate for row in rates.keep for rate in row[1:]) < 1 / max(len(case.values), 1)
        policy = replace(policy, rates=_none_drawn(policy) if tiny else rates.scaled(0.5))


def _none_drawn(policy: Policy) -> Rates:
    return Rates(("",), ((0.0,) * len(policy.arms),))


def _explored(case: Case, drawn: Assigned) -> tuple[np.ndarray, Floats, Floats]:
    """Offers, values and costs (n,) of what chance gives away; none for everybody else."""
    offer = np.where(drawn.reason == EXPLORED, drawn.offer, 0)
    return offer, pick(case.values, offer), pick(case.costs, offer)


def _solve(policy: Policy, case: Case, draws: Draws, drawn: Assigned) -> Solution:
    """Allocate what chance leaves among the users whom the rule decides.

    What the draws lose against a return floor has to be earned by a higher floor for the others: the floor rises until
    the whole round keeps it. Each step falls short only by what the higher floor lets go, so few steps suffice.
    """
    ruled = ~(drawn.holdout | drawn.explored) & case.allowed[:, 1:].any(axis=1)
    floor = asked = policy.limits.roi_floor
    _, value, cost = _explored(case, drawn)
    lost = 0.0 if asked is None else total(asked * cost) - total(value)
    while True:
        solution = solve(
            case.values[ruled],
            case.costs[ruled],
            _left(policy.limits, policy.arms, case, drawn, floor),
            policy.arms,
            segment=None if case.segment is None else case.segment[ruled],
            eligible=case.allowed[ruled],
            lots=draws.lot[ruled],
        )
        if asked is None or lost <= 0 or solution.rule_value - asked * solution.rule_cost >= lost:
            return solution
        if solution.rule_cost <= lost / MOST_RETURN:
            raise Infeasible("limits.roi_floor", asked, "a lower return, or less exploration", ("roi_floor",))
        floor = max(asked + lost / solution.rule_cost, (floor or 0.0) * (1 + 1e-9)) * (1 + 1e-9)


def _left(limits: Limits, arms: Sequence[str], case: Case, drawn: Assigned, floor: float | None) -> Limits:
    """The limits less what chance gives away."""
    offer, _, cost = _explored(case, drawn)
    return replace(remaining(limits, arms, offer, cost, case.segment), roi_floor=floor)
