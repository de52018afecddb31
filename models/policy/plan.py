"""One round of coupons under a budget: from effects to the policy that decides, and what it decides for these users.

The round pays for exploration first: the offers that chance gives away are known before any price is, so their cost
comes off the budget and the rest is allocated among the users whom the price rule decides. What the chosen offers are
expected to cost is therefore within the budget whatever the draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.assign import EXPLORED, Assigned, Policy, choose, lots
from models.policy.knapsack import Allocation, allocate
from models.policy.price import Floats, Price, offers, pick, total

FEWEST_EXPLORED = 1.0  # an exploration share that would draw fewer users than this is none at all


@dataclass(frozen=True)
class Plan:
    """A priced policy, its decisions for n users, and the allocation behind the price.

    ``value`` and ``cost`` (n,) are expected profit and coupon cost of the chosen offers, in cents. ``policy`` explores
    less than asked where exploration alone would have cost more than the budget.
    """

    policy: Policy
    assigned: Assigned
    allocation: Allocation
    value: Floats
    cost: Floats

    def figures(self) -> dict[str, float]:
        """Flat figures: spend, profit, bound, gaps, price, and how many users got each offer."""
        taken = self.assigned.offer
        users = max(len(taken), 1)
        explored = self.assigned.reason == EXPLORED
        bound = self.allocation.bound + total(self.value[explored])
        figures = {
            "users": float(len(taken)),
            "budget_cents": float(self.policy.budget_cents),
            "spend_cents": total(self.cost),
            "profit_cents": total(self.value),
            "bound_cents": bound,
            "gap": self.allocation.rule_gap,
            "whole_coupon_gap": self.allocation.gap,
            "price": self.allocation.price,
            "exploration": self.policy.exploration,
            "explored_users": float(explored.sum()),
            "explored_spend_cents": total(self.cost[explored]),
            "holdout_users": float(self.assigned.holdout.sum()),
            "withheld_users": float(sum(reason == "withheld" for reason in self.assigned.reasons)),
        }
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
) -> Plan:
    """Price ``policy`` so that this round stays within its ``budget_cents``, and decide for everyone.

    Args:
        policy: with arms, exploration, holdout, salt and budget; its price is replaced.
        value, cost, user_ids, keys, eligible, withhold: as for :func:`models.policy.assign.choose`.

    Raises:
        InputError: as there, and when a user appears twice (one offer per user and round).
    """
    if len(set(user_ids)) != len(user_ids):
        raise InputError("user_ids", "a user twice", "every user once in a round")
    values, costs = offers(value, cost, eligible)
    policy, drawn = _affordable_exploration(policy, values, costs, user_ids, keys, eligible, withhold)
    explored = drawn.reason == EXPLORED
    given = total(pick(costs, drawn.offer)[explored])
    open_ = ~(drawn.holdout | drawn.explored) & np.isfinite(drawn.score[:, 1:]).any(axis=1)
    allocation = allocate(
        values[open_],
        costs[open_],
        # Rounding of the two parts must not add up to more than the budget.
        max(policy.budget_cents - given - (4 * math.ulp(policy.budget_cents) if given else 0.0), 0.0),
        np.isfinite(drawn.score[open_]),
        lots(policy.salt, user_ids)[open_],
    )
    policy = replace(policy, price=allocation.rule)
    assigned = choose(policy, values, costs, user_ids, keys, eligible, withhold)
    return Plan(policy, assigned, allocation, pick(values, assigned.offer), pick(costs, assigned.offer))


def _affordable_exploration(
    policy: Policy,
    values: Floats,
    costs: Floats,
    user_ids: Sequence[str],
    keys: Sequence[str],
    eligible: ArrayLike | None,
    withhold: ArrayLike | None,
) -> tuple[Policy, Assigned]:
    """The policy with its exploration halved until the offers it gives away fit into the budget."""
    policy = replace(policy, price=Price(0.0, 0.0, 0.0))
    while True:
        drawn = choose(policy, values, costs, user_ids, keys, eligible, withhold)
        given = total(pick(costs, drawn.offer)[drawn.reason == EXPLORED])
        if given <= policy.budget_cents:
            return policy, drawn
        half = policy.exploration / 2
        policy = replace(policy, exploration=half if half * len(values) >= FEWEST_EXPLORED else 0.0)
