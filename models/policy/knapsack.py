"""Which offer each user gets under one budget: a multiple-choice knapsack solved through its Lagrangian dual.

Maximise the sum of ``value`` subject to the sum of ``cost <= budget``, one offer per user, offer 0 (``none``, worth
and costing nothing) always allowed. Value is expected profit after the coupon's cost and cost the expected discount,
both in cents and both possibly negative: an offer that saves money is taken for free, one that loses value and saves
money is taken when the budget it frees earns more elsewhere.

The linear relaxation is solved exactly: each user walks the upper concave hull of their (cost, value) points, the
steps of all users are taken in order of slope until the budget is spent, and the slope of the step that breaks it is
the *price* of a cent (Sinha & Zoltners, "The multiple-choice knapsack problem", Operations Research 27, 1979). Only
users whose choice depends on where exactly the price lies are ever sorted, so the work is a few passes over the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.core import Deviations, close_gap
from models.policy.price import Floats, Ints, Price, best_offer, offers, pick, total

WALKED_CELLS = 400_000  # users x offers below which hulls are walked instead of bracketed further
SAMPLE = 20_000  # users whose slopes guess the price
SOLVED_CELLS = 4_000  # users x offers up to which whole coupons are searched until nothing better can exist
ENOUGH = 1e-6  # relative distance to the bound at which the search stops in larger cases


@dataclass(frozen=True)
class Allocation:
    """Who gets what, twice: the best whole-coupon allocation found, and the one that ``rule`` decides user by user.

    ``bound`` is the linear relaxation's value, above every allocation; ``gap`` is ``(bound - value) / |bound|``.
    ``optimal`` says that no allocation is better (always so on small cases). Costs are correctly rounded sums
    and are <= budget with no tolerance.
    """

    offer: Ints
    value: float
    cost: float
    price: float
    bound: float
    optimal: bool
    rule: Price
    rule_offer: Ints
    rule_value: float
    rule_cost: float

    @property
    def gap(self) -> float:
        return _gap(self.bound, self.value)

    @property
    def rule_gap(self) -> float:
        return _gap(self.bound, self.rule_value)


def allocate(
    value: ArrayLike,
    cost: ArrayLike,
    budget: float,
    eligible: ArrayLike | None = None,
    lots: ArrayLike | None = None,
) -> Allocation:
    """Allocate offers to users under a budget.

    Args:
        value: (n, K) expected profit in cents of each offer for each user; column 0 zero.
        cost: (n, K) expected cost in cents; column 0 zero.
        budget: what the costs may add up to, in cents, >= 0.
        eligible: (n, K) booleans, offers a user may get; ``none`` is always allowed.
        lots: (n,) numbers in [0, 1), one per user, that order users who tie at the price (``assign.lots``).
            Without them the rule refuses every such user.

    Raises:
        InputError: for numbers that are not finite, shapes that do not fit, or a negative budget.
    """
    # Columns in one piece: every pass below goes over one offer at a time.
    values, costs = (np.asfortranarray(table) for table in offers(value, cost, eligible))
    budget = _budget(budget)
    drawn = _lots(lots, len(values))

    free = best_offer(values, costs, 0.0)
    free_cost = total(pick(costs, free))
    if free_cost <= budget:  # nothing to ration
        worth = total(pick(values, free))
        rule = Price(0.0, 0.0, 0.0)
        return Allocation(free, worth, free_cost, 0.0, worth, True, rule, free, worth, free_cost)

    broken = _break(values, costs, budget, free)
    offer, optimal = _whole(values, costs, budget, broken)
    rule, rule_offer = _rule(values, costs, budget, broken, drawn)
    worth, rule_worth = total(pick(values, offer)), total(pick(values, rule_offer))
    if worth < rule_worth:
        offer, worth = rule_offer, rule_worth
    return Allocation(
        offer=offer,
        value=worth,
        cost=total(pick(costs, offer)),
        price=broken.price,
        bound=max(broken.bound, worth),  # equal up to rounding when the break falls between two steps
        optimal=optimal,
        rule=rule,
        rule_offer=rule_offer,
        rule_value=rule_worth,
        rule_cost=total(pick(costs, rule_offer)),
    )


@dataclass(frozen=True)
class _Break:
    """The linear optimum: choices before the step that breaks the budget, its slope, and the slopes next to it."""

    offer: Ints
    price: float
    above: float
    below: float
    bound: float


def _break(values: Floats, costs: Floats, budget: float, free: Ints) -> _Break:
    """Bracket the price until few users are undecided, then walk those users' hulls."""
    dear = free.copy()  # choices at the low end of the bracket: these cost more than the budget
    cheap = best_offer(-costs, -values, 0.0)  # and at the high end: least cost, then most value; within the budget
    low, high = 0.0, math.inf
    room = budget - float(pick(costs, cheap).sum())
    rows = _undecided(costs, dear, cheap, np.arange(len(values)))
    while len(rows) * values.shape[1] > WALKED_CELLS:
        before = len(rows)
        for trial in _guesses(values, costs, dear, cheap, rows, room):
            if not low < trial < high:
                continue
            choice = best_offer(values[rows], costs[rows], trial)
            extra = float((pick(costs[rows], choice) - pick(costs[rows], cheap[rows])).sum())
            if extra <= room:
                cheap[rows], high, room = choice, trial, room - extra
            else:
                dear[rows], low = choice, trial
        rows = _undecided(costs, dear, cheap, rows)
        if len(rows) > 0.9 * before:  # many users share one slope: no price tells them apart
            break
    return _walk(values, costs, room, dear, cheap, rows, low, high)


def _undecided(costs: Floats, dear: Ints, cheap: Ints, rows: Ints) -> Ints:
    """Of these rows, those whose choice still costs more at the low end of the bracket; the others are settled."""
    more = costs[rows, dear[rows]] > costs[rows, cheap[rows]]
    settled = rows[~more]
    dear[settled] = cheap[settled]
    return rows[more]


def _guesses(values: Floats, costs: Floats, dear: Ints, cheap: Ints, rows: Ints, room: float) -> tuple[float, ...]:
    """Two prices that lie, very likely, on either side of the break: quantiles of slopes in a sample of users."""
    sample = rows[:: max(1, len(rows) // SAMPLE)]
    extra = costs[sample, dear[sample]] - costs[sample, cheap[sample]]
    slope = (values[sample, dear[sample]] - values[sample, cheap[sample]]) / extra
    order = np.argsort(-slope)
    spent = np.cumsum(extra[order])
    target = room * len(sample) / len(rows)
    # Three standard errors of the sampled spend, so that the bracket closes fast and seldom misses.
    spread = 3 * math.sqrt(float(np.sum(extra**2)))
    at = np.searchsorted(spent, [target - spread, target + spread])
    return float(slope[order[at[0]]]), float(slope[order[min(int(at[1]), len(order) - 1)]])


def _walk(
    values: Floats, costs: Floats, room: float, dear: Ints, cheap: Ints, rows: Ints, low: float, high: float
) -> _Break:
    """Take hull steps of the undecided rows in order of slope until one does not fit."""
    step_row, step_offer, slope, extra, gain = _hull_steps(values, costs, dear, cheap, rows)
    order = np.argsort(-slope, kind="stable")  # stable: a user's steps stay in order
    spent = np.cumsum(extra[order])
    fits = min(int(np.searchsorted(spent, room, side="right")), len(order) - 1)
    taken, price = order[:fits], float(slope[order[fits]])
    offer = cheap.copy()
    offer[step_row[taken]] = step_offer[taken]  # later steps of a user overwrite earlier ones

    slack = room - (float(spent[fits - 1]) if fits else 0.0)
    bound = float(pick(values, cheap).sum() + gain[taken].sum()) + price * slack
    steeper, flatter = slope[slope > price], slope[slope < price]
    above = float(steeper.min()) if len(steeper) else high if math.isfinite(high) else 2 * price
    below = float(flatter.max()) if len(flatter) else low
    return _Break(offer, price, max(above, price), min(below, price), bound)


def _hull_steps(
    values: Floats, costs: Floats, dear: Ints, cheap: Ints, rows: Ints
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Edges of the upper hulls between ``cheap`` and ``dear``: row, offer reached, slope, extra cost, gain."""
    value, cost = values[rows], costs[rows]
    here, end = cheap[rows], costs[rows, dear[rows]]
    last = np.full(len(rows), np.inf)
    parts: list[tuple[Ints, Ints, Floats, Floats, Floats]] = []
    while len(rows):
        extra = cost - pick(cost, here)[:, None]
        gain = value - pick(value, here)[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.where((extra > 0) & (gain > 0), gain / extra, -np.inf)
        steepest = slope.max(axis=1)
        # Of offers on one line the nearest first, so that the budget can stop at each of them.
        there = np.where(slope == steepest[:, None], extra, np.inf).argmin(axis=1)
        moves = (steepest > 0) & (pick(cost, here) < end)
        rows, value, cost, end, last = rows[moves], value[moves], cost[moves], end[moves], last[moves]
        here, there = here[moves], there[moves]
        # Division may round a later slope of a user above an earlier one; the order of the steps must not change.
        last = np.minimum(last, steepest[moves])
        parts.append((rows, there, last, pick(extra[moves], there), pick(gain[moves], there)))
        here = there
    row, offer, slopes, extras, gains = (np.concatenate(column) for column in zip(*parts, strict=True))
    return row, offer, slopes, extras, gains


def _whole(values: Floats, costs: Floats, budget: float, broken: _Break) -> tuple[Ints, bool]:
    """From the steps before the break to the best whole-coupon allocation; says whether it is proven."""
    spent = pick(costs, broken.offer)
    enough = ENOUGH * abs(broken.bound) if values.size > SOLVED_CELLS else 0.0
    # Sums of extra costs round; a solution that would overspend by that is searched again with as much less room.
    for guard in (0.0, 1e-9):
        slack = max(budget - total(spent) - guard * float(np.abs(costs).max()), 0.0)
        deviations = _deviations(values, costs, broken, broken.price * slack)
        closed = close_gap(deviations, slack, broken.price, enough)
        offer = broken.offer.copy()
        offer[deviations.row[closed.chosen]] = deviations.offer[closed.chosen]
        if total(pick(costs, offer)) <= budget:
            return offer, closed.optimal and guard == 0
    return broken.offer, False


def _deviations(values: Floats, costs: Floats, broken: _Break, below: float) -> Deviations:
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


def _rule(values: Floats, costs: Floats, budget: float, broken: _Break, lots: Floats | None) -> tuple[Price, Ints]:
    """Prices just above and below the break, and the share of tying users who pay the lower one.

    Both prices lie half way to the next slope, so that rounding in a later recomputation decides nothing.
    """
    high = (broken.price + broken.above) / 2
    offer = best_offer(values, costs, high)
    step = max(high * 1e-12, 5e-324)
    while total(pick(costs, offer)) > budget:  # slopes closer together than rounding
        high, step = high + step, 2 * step
        offer = best_offer(values, costs, high)
    low = min((broken.price + broken.below) / 2, high)
    if lots is None:
        return Price(high, low, 0.0), offer
    cheaper = best_offer(values, costs, low)
    rows = np.flatnonzero(cheaper != offer)
    share = _share(costs, offer, cheaper, rows[np.argsort(lots[rows], kind="stable")], lots, budget)
    rule = Price(high, low, share)
    return rule, np.where(lots < share, cheaper, offer)


def _share(costs: Floats, offer: Ints, cheaper: Ints, rows: Ints, lots: Floats, budget: float) -> float:
    """The largest share of lots for which the tying ``rows``, in order of lot, still fit into the budget."""
    if not len(rows):
        return 0.0
    spent = total(pick(costs, offer))
    extra = np.cumsum(costs[rows, cheaper[rows]] - costs[rows, offer[rows]])
    fits = int(np.searchsorted(extra, budget - spent, side="right"))
    while fits:
        share = float(lots[rows[fits]]) if fits < len(rows) else 1.0
        if total(pick(costs, np.where(lots < share, cheaper, offer))) <= budget:
            return share
        fits -= 1  # the running sum rounds otherwise than the true one
    return 0.0


def _budget(budget: float) -> float:
    try:
        cents = float(budget)
    except (TypeError, ValueError):
        cents = math.nan
    if not (math.isfinite(cents) and cents >= 0):
        raise InputError("budget", budget, "a finite number of cents >= 0")
    return cents


def _lots(lots: ArrayLike | None, users: int) -> Floats | None:
    if lots is None:
        return None
    drawn = np.asarray(lots, dtype=np.float64)
    if drawn.shape != (users,) or not ((drawn >= 0) & (drawn < 1)).all():
        raise InputError("lots", drawn.shape, f"{users} numbers in [0, 1), one per user")
    return drawn


def _gap(bound: float, value: float) -> float:
    return 0.0 if bound == value else (bound - value) / abs(bound) if bound else math.inf
