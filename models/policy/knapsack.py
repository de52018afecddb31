"""Which offer each user gets under one budget: a multiple-choice knapsack solved through its Lagrangian dual.

Maximise the sum of ``value`` subject to the sum of ``cost <= budget``, one offer per user, offer 0 (``none``, worth
and costing nothing) always allowed. Value is expected profit after the coupon's cost and cost the expected discount,
both in cents and both possibly negative: an offer that saves money is taken for free, one that loses value and saves
money is taken when the budget it frees earns more elsewhere.

``models.policy.solver.dual`` finds the price of a cent exactly and ``models.policy.solver.core`` the whole coupons
around it. This is the fast way for one budget; ``models.policy.program`` takes all limits at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.price import Floats, Ints, best_offer, offers, pick, total
from models.policy.solver.core import Deviations, close_gap
from models.policy.solver.dual import Break, find_break

SOLVED_CELLS = 4_000  # users x offers up to which whole coupons are searched until nothing better can exist
ENOUGH = 1e-6  # relative distance to the bound at which the search stops in larger cases


@dataclass(frozen=True)
class Allocation:
    """The best whole-coupon allocation found, and the price of a cent of budget.

    ``bound`` is the linear relaxation's value, above every allocation; ``gap`` is ``(bound - value) / |bound|``.
    ``optimal`` says that no allocation is better (always so on small cases). ``cost`` is a correctly rounded sum and
    <= budget with no tolerance. ``price`` is the dual's optimum; at ``rule_price``, half way to the next higher slope,
    everybody's best offer by ``value - rule_price * cost`` keeps to the budget.
    """

    offer: Ints
    value: float
    cost: float
    price: float
    rule_price: float
    bound: float
    optimal: bool

    @property
    def gap(self) -> float:
        return relative_gap(self.bound, self.value)


def allocate(
    value: ArrayLike,
    cost: ArrayLike,
    budget: float,
    eligible: ArrayLike | None = None,
) -> Allocation:
    """Allocate offers to users under a budget.

    Args:
        value: (n, K) expected profit in cents of each offer for each user; column 0 zero.
        cost: (n, K) expected cost in cents; column 0 zero.
        budget: what the costs may add up to, in cents, >= 0.
        eligible: (n, K) booleans, offers a user may get; ``none`` is always allowed.

    Raises:
        InputError: for numbers that are not finite, shapes that do not fit, or a negative budget.
    """
    # Columns in one piece: every pass below goes over one offer at a time.
    values, costs = (np.asfortranarray(table) for table in offers(value, cost, eligible))
    budget = _budget(budget)

    free = best_offer(values, costs, 0.0)
    free_cost = total(pick(costs, free))
    if free_cost <= budget:  # nothing to ration
        worth = total(pick(values, free))
        return Allocation(free, worth, free_cost, 0.0, 0.0, worth, True)

    broken = find_break(values, costs, budget, free)
    rule_price, rule_offer = _rule(values, costs, budget, broken)
    offer, optimal = _whole(values, costs, budget, broken, rule_offer)
    worth = total(pick(values, offer))
    return Allocation(
        offer=offer,
        value=worth,
        cost=total(pick(costs, offer)),
        price=broken.price,
        rule_price=rule_price,
        bound=max(broken.bound, worth),  # equal up to rounding when the break falls between two steps
        optimal=optimal,
    )


def _whole(values: Floats, costs: Floats, budget: float, broken: Break, rule_offer: Ints) -> tuple[Ints, bool]:
    """From the steps before the break to the best whole-coupon allocation; says whether it is proven.

    ``rule_offer`` is the answer when rounding leaves nothing better within the budget.
    """
    spent = pick(costs, broken.offer)
    enough = ENOUGH * abs(broken.bound) if values.size > SOLVED_CELLS else 0.0
    # Sums of extra costs round; a solution that would overspend by that is searched again with as much less room.
    for guard in (0.0, 1e-9):
        slack = max(budget - total(spent) - guard * float(np.abs(costs).max()), 0.0)
        deviations = _deviations(values, costs, broken, broken.price * slack)
        closed = close_gap(deviations, slack, broken.price, enough)
        offer = broken.offer.copy()
        offer[deviations.row[closed.chosen]] = deviations.offer[closed.chosen]
        if total(pick(costs, offer)) <= budget and total(pick(values, offer)) >= total(pick(values, rule_offer)):
            return offer, closed.optimal and guard == 0
    return rule_offer, False


def _deviations(values: Floats, costs: Floats, broken: Break, below: float) -> Deviations:
    """Choices whose loss at the break price is below the distance of the linear prefix to the bound."""
    base_cost = pick(costs, broken.offer)
    base = pick(values, broken.offer) - broken.price * base_cost
    found: list[tuple[Ints, Ints, Floats, Floats]] = []
    for offer in range(values.shape[1]):
        loss = np.maximum(base - (values[:, offer] - broken.price * costs[:, offer]), 0.0)
        rows = np.flatnonzero((loss < below) & (broken.offer != offer))
        found.append((rows, np.full(len(rows), offer), costs[rows, offer] - base_cost[rows], loss[rows]))
    row, column, extra, loss = (np.concatenate(part) for part in zip(*found, strict=True))
    return Deviations(row, column, extra, loss)


def _rule(values: Floats, costs: Floats, budget: float, broken: Break) -> tuple[float, Ints]:
    """A price half way above the break, so that rounding in a later recomputation decides nothing, and its choices."""
    price = (broken.price + broken.above) / 2
    offer = best_offer(values, costs, price)
    step = max(price * 1e-12, 5e-324)
    while total(pick(costs, offer)) > budget:  # slopes closer together than rounding
        price, step = price + step, 2 * step
        offer = best_offer(values, costs, price)
    return price, offer


def _budget(budget: float) -> float:
    try:
        cents = float(budget)
    except (TypeError, ValueError):
        cents = math.nan
    if not (math.isfinite(cents) and cents >= 0):
        raise InputError("budget", budget, "a finite number of cents >= 0")
    return cents


def relative_gap(bound: float, value: float) -> float:
    """``(bound - value) / |bound|``; 0 where both are equal."""
    return 0.0 if bound == value else (bound - value) / abs(bound) if bound else math.inf
