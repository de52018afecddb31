"""Spend a budget over a day or a campaign: the price follows what is left and who may still come.

A batch plan prices a budget as if everybody came. In truth some come early, some late and many not at all, and a price
that never moves either runs dry at noon or keeps half of the money. A :class:`Pacer` therefore solves the plan's own
problem again and again: the price at which those who may still come would spend what is still there. Re-solving loses
only a bounded amount against hindsight (Balseiro, Besbes & Pizarro, "Survey of dynamic resource-constrained reward
collection problems", 2023), and the order of arrivals does not matter where the population is known.

Who may still come is a :class:`Forecast` (``models.policy.forecast``), and there are three, by what is known: the
people but not when they come (``population``), the people and that they come evenly, but not how many (``steady``), or
a day like this one (``earlier_day``). What nobody knew beforehand no price can know: people who come in another number
*and* order. Nor can money be spent before it is there: where coupons save money (negative costs), hindsight can pay
early arrivals with what late ones save, and a paced budget cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.forecast import Forecast as Forecast
from models.policy.forecast import Seen as Seen
from models.policy.forecast import column, places
from models.policy.knapsack import allocate
from models.policy.price import Bools, Floats, Ints, best_offer, offers, pick
from models.policy.solver.dual import hull_steps

ALIKE = 1e-9  # relative difference of what a cent brings, below which it is rounding


class Frontier:
    """The efficient offers of every row, in order of what a cent brings: the budget buys them from the front."""

    def __init__(self, value: Floats, cost: Floats) -> None:
        cheap, dear = best_offer(-cost, -value, 0.0), best_offer(value, cost, 0.0)
        rows = np.flatnonzero(pick(cost, dear) > pick(cost, cheap))
        row, _, slope, extra, _ = hull_steps(value, cost, dear, cheap, rows)
        order = np.argsort(-slope, kind="stable")
        self._row, self._slope, self._extra = row[order], slope[order], extra[order]
        self._least = pick(cost, cheap)

    def price(self, budget: float, weight: Floats) -> tuple[float, float]:
        """Profit that the last affordable cent brings when row i arrives ``weight[i]`` times; 0 with money for all.

        With it the cents that are left for offers which bring just that.
        """
        spent = np.cumsum(self._extra * weight[self._row])
        room = budget - float(weight @ self._least)
        if not len(spent) or spent[-1] <= room:
            return 0.0, 0.0
        price = float(self._slope[np.searchsorted(spent, room, side="right")])
        better = int(np.searchsorted(-self._slope, -price * (1 + ALIKE)))
        return price, max(room - float(spent[better - 1] if better else 0.0), 0.0)


class Pacer:
    """The price of the moment for one budget, in cents of profit per cent of cost.

    Tell it of every arrival (``arrived``) and of every cent (``spend``); ask ``reprice`` as often as you like.
    ``left_cents`` is what may still be spent; an offer that costs more than that cannot be given. ``spare_cents`` of
    it are for offers that are worth just their price, as all are where users are alike: no price tells them apart.
    ``planned`` (n,) is what each row of a forecast gets where all of it is certain to come, else None: then the best
    allocation is known, and only when it is handed out is not.
    """

    def __init__(self, budget_cents: float, forecast: Forecast) -> None:
        try:
            cents = float(budget_cents)
        except (TypeError, ValueError):
            cents = math.nan
        if not (math.isfinite(cents) and cents >= 0):
            raise InputError("budget_cents", budget_cents, "a finite number of cents >= 0")
        self.left_cents = cents
        self.arrivals = 0
        self.price = self.spare_cents = 0.0
        value, cost = forecast.value, forecast.cost
        self.planned = allocate(value, cost, cents).offer if forecast.certain else None
        self._forecast = forecast
        self._frontier = Frontier(value, cost)
        self._absent = np.ones(len(forecast.value))
        self.reprice(0.0)

    @property
    def rows(self) -> int:
        """How many rows the forecast has."""
        return len(self._absent)

    @property
    def offers(self) -> int:
        """How many offers the forecast has, none among them."""
        return self._forecast.value.shape[1]

    def reprice(self, elapsed: float) -> float:
        """Solve for the rest of the horizon; ``elapsed`` is the share of it that is over, in [0, 1].

        When more come than were ever expected nobody is left to plan for, and the last price stands.
        """
        if not 0 <= elapsed <= 1:
            raise InputError("elapsed", elapsed, "a share of the horizon in [0, 1]")
        weight = self._forecast.still(Seen(elapsed, self.arrivals, self._absent))
        if weight.any():
            self.price, self.spare_cents = self._frontier.price(max(self.left_cents, 0.0), weight)
        return self.price

    def plans(self, rows: Ints, value: Floats, cost: Floats) -> Bools:
        """Which of these arrivals (m,) are as planned: not here before, and worth and costing what was forecast."""
        known, first = self._forecast, np.zeros(len(rows), dtype=np.bool_)
        first[np.unique(rows, return_index=True)[1]] = True
        same = (known.value[rows] == value).all(axis=1) & (known.cost[rows] == cost).all(axis=1)
        return first & (self._absent[rows] > 0) & same

    def arrived(self, rows: ArrayLike | None = None, count: int = 1) -> None:
        """Somebody came: positions in a forecast of known users, else how many."""
        if rows is None:
            if count < 0:
                raise InputError("count", count, "a number of arrivals >= 0")
            self.arrivals += count
            return
        came = places(rows, len(self._absent))
        self.arrivals += len(came)
        self._absent[came] = 0.0

    def spend(self, cents: float) -> None:
        """An offer was given at its expected cost, or (negative) turned out to cost less."""
        if not math.isfinite(cents):
            raise InputError("cents", cents, "a finite amount")
        self.left_cents -= cents


@dataclass(frozen=True)
class Paced:
    """What a paced run gave: ``offer`` (m,) per arrival, its ``value`` and ``cost`` in cents, and the prices on the
    way as (elapsed, price, left_cents)."""

    offer: Ints
    value: float
    cost: float
    path: tuple[tuple[float, float, float], ...]


def pace(
    pacer: Pacer,
    value: ArrayLike,
    cost: ArrayLike,
    elapsed: ArrayLike,
    rows: ArrayLike | None = None,
    repricings: int = 200,
) -> Paced:
    """Run a stream of m arrivals through a pacer, repricing ``repricings`` times, evenly in arrivals.

    Args:
        pacer: with its budget; it is left as the stream leaves it.
        value, cost: (m, K) of the arrivals, in the order in which they come.
        elapsed: (m,) nondecreasing shares of the horizon.
        rows: (m,) positions of the arrivals in a forecast of known users.
        repricings: at least 1.
    """
    values, costs = offers(value, cost)
    if rows is not None and values.shape[1] != pacer.offers:
        raise InputError("value", values.shape, f"{pacer.offers} columns, one per offer of the forecast")
    times = column("elapsed", elapsed, len(values))
    if (np.diff(times) < 0).any():
        raise InputError("elapsed", "times that go back", "nondecreasing shares of the horizon")
    if repricings < 1:
        raise InputError("repricings", repricings, "at least 1")
    came = None if rows is None else places(rows, pacer.rows, len(values))
    offer = np.zeros(len(values), dtype=np.intp)
    path: list[tuple[float, float, float]] = []
    for part in np.array_split(np.arange(len(values)), min(repricings, max(len(values), 1))):
        if not len(part):
            continue
        now = float(times[part[0]])
        path.append((now, pacer.reprice(now), pacer.left_cents))
        offer[part] = _affordable(pacer, values[part], costs[part], None if came is None else came[part])
        pacer.arrived(None if came is None else came[part], len(part))
    return Paced(offer, float(pick(values, offer).sum()), float(pick(costs, offer).sum()), tuple(path))


def _affordable(pacer: Pacer, values: Floats, costs: Floats, rows: Ints | None) -> Ints:
    """Offers as planned or at the present price, one arrival after the other while the money lasts."""
    chosen = _priced(pacer, values, costs)
    if pacer.planned is not None and rows is not None:
        chosen = np.where(pacer.plans(rows, values, costs), pacer.planned[rows], chosen)
    spent = np.cumsum(pick(costs, chosen))
    if not len(spent) or spent.max() <= pacer.left_cents:
        pacer.spend(float(spent[-1]) if len(spent) else 0.0)
        return chosen
    for at in range(len(values)):
        if costs[at, chosen[at]] > pacer.left_cents:
            fits = costs[at] <= pacer.left_cents
            score = np.where(fits, values[at] - pacer.price * costs[at], -np.inf)
            chosen[at] = int(score.argmax())
        pacer.spend(float(costs[at, chosen[at]]))
    return chosen


def _priced(pacer: Pacer, values: Floats, costs: Floats) -> Ints:
    """The best offers at the present price; of those that tie the dearer while there are spare cents for them."""
    paid = pacer.price * costs
    score = values - paid
    top = score.max(axis=1, keepdims=True)
    ties = score >= top - ALIKE * (np.abs(values) + np.abs(paid))
    cheaper: Ints = np.where(ties, costs, np.inf).argmin(axis=1)
    dearer: Ints = np.where(ties, costs, -np.inf).argmax(axis=1)
    extra = np.maximum(pick(costs, dearer) - pick(costs, cheaper), 0.0)
    extra[extra > pacer.spare_cents] = 0.0
    given = (extra > 0) & (np.cumsum(extra) <= pacer.spare_cents)
    pacer.spare_cents -= float(extra[given].sum())
    return np.where(given, dearer, cheaper)
