"""What every budget would bring: the round decided again for many budgets, for the budget lab of the console.

A point is the plan that ``choose_coupons`` would make with that budget, exploration, holdout, stock and segments
included, so nothing on the curve is an approximation; a round of 20,000 users takes some 50 ms per point.
"""

from __future__ import annotations

import math
from dataclasses import replace

from models.policy.limits import Infeasible
from models.policy.plan import Plan
from models.policy.policy import Policy
from models.policy.price import total
from pipelines.round_inputs import Inputs
from serving.budget_curve import Curve, Point

POINTS = 101
BEYOND = 1.1
"""How far the curve goes past the last budget of interest, as a multiple of it."""


def trace(inputs: Inputs, done: Plan, key: str, day: str, points: int = POINTS) -> Curve:
    """The curve of a round that was decided (``done``), from no budget to beyond what the round could use.

    Args:
        inputs: what the round was decided from.
        done: the round; its policy's limits stand at every budget, but for the budget.
        key: the round's, so that chance falls as it fell.
        day: of the features, ISO.
        points: evenly spread budgets; the round's own and the break-even are added.

    Budgets at which the other limits cannot be kept are left out.
    """
    free = _with_budget(inputs, done.policy, key, None)
    break_even = math.ceil(total(free.cost))
    current = done.policy.limits.budget_cents
    current_cents = break_even if current is None else int(current)
    top = max(break_even, current_cents, 1) * BEYOND
    budgets = {round(top * n / (points - 1)) for n in range(points)} | {break_even, current_cents}
    found = []
    for budget in sorted(budgets):
        try:
            found.append(point_of(_with_budget(inputs, done.policy, key, budget), budget))
        except Infeasible:
            continue
    return Curve(
        day=day,
        policy_version=done.policy.version,
        uplift_version=done.policy.uplift_version,
        users=len(inputs.users),
        arms=list(done.policy.arms),
        current_cents=current_cents,
        break_even_cents=break_even,
        points=found,
    )


def point_of(found: Plan, budget_cents: int) -> Point:
    """One plan as a point of the curve."""
    arms, offer = found.policy.arms, found.assigned.offer
    marginal = next((use.price for use in found.uses if use.name == "budget_cents"), 0.0)
    return Point(
        budget_cents=budget_cents,
        spend_cents=total(found.cost),
        profit_cents=total(found.value),
        price=found.policy.prices.cost[0],
        marginal=marginal,
        offers={arm: int((offer == at).sum()) for at, arm in enumerate(arms) if at},
    )


def _with_budget(inputs: Inputs, policy: Policy, key: str, budget_cents: int | None) -> Plan:
    return inputs.plan(replace(policy, limits=replace(policy.limits, budget_cents=budget_cents)), key)
