"""The price of a cent of budget: the dual of the multiple-choice knapsack's linear relaxation, solved exactly.

Each user walks the upper concave hull of their (cost, value) points, the steps of all users are taken in order of
slope until the budget is spent, and the slope of the step that breaks it is the price (Sinha & Zoltners, "The
multiple-choice knapsack problem", Operations Research 27, 1979). Users whose cheapest offer has a negative cost start
there and buy their way up. Only users whose choice depends on where exactly the price lies are ever sorted, so the
work is a few passes over the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.policy.price import Floats, Ints, best_offer, pick

WALKED_CELLS = 400_000  # users x offers below which hulls are walked instead of bracketed further
SAMPLE = 20_000  # users whose slopes guess the price


@dataclass(frozen=True)
class Break:
    """The linear optimum: choices before the step that breaks the budget, its slope, and the slopes next to it."""

    offer: Ints
    price: float
    above: float
    below: float
    bound: float


def find_break(values: Floats, costs: Floats, budget: float, free: Ints) -> Break:
    """Bracket the price until few users are undecided, then walk those users' hulls.

    Args:
        values, costs: (n, K), as checked by ``price.offers``.
        budget: less than what ``free`` costs.
        free: (n,) the best offers when the budget costs nothing.
    """
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
) -> Break:
    """Take hull steps of the undecided rows in order of slope until one does not fit."""
    step_row, step_offer, slope, extra, gain = hull_steps(values, costs, dear, cheap, rows)
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
    return Break(offer, price, max(above, price), min(below, price), bound)


def hull_steps(
    values: Floats, costs: Floats, dear: Ints, cheap: Ints, rows: Ints
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Edges of the upper hulls between ``cheap`` and ``dear``: row, offer reached, slope, extra cost, gain."""
    value, cost = values[rows], costs[rows]
    here, end = cheap[rows], costs[rows, dear[rows]]
    last = np.full(len(rows), np.inf)
    none = np.zeros(0, dtype=np.intp)
    parts: list[tuple[Ints, Ints, Floats, Floats, Floats]] = [(none, none, last[:0], last[:0], last[:0])]
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
