"""Spend a budget over a day or a campaign: the price follows what is left and who may still come.

A batch plan prices a budget as if everybody came. In truth some come early, some late and many not at all, and a price
that never moves either runs dry at noon or keeps half of the money. A :class:`Pacer` therefore solves the plan's own
problem again and again: the price at which those who may still come would spend what is still there. Re-solving loses
only a bounded amount against hindsight (Balseiro, Besbes & Pizarro, "Survey of dynamic resource-constrained reward
collection problems", 2023), and the order of arrivals does not matter where the population is known.

Who may still come is a :class:`Forecast`, and there are three, by what is known: the people but not when they come
(``population``), the people and that they come evenly, but not how many (``steady``), or a day like this one
(``earlier_day``). What nobody knew beforehand no price can know: people who come in another number *and* order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.dual import hull_steps
from models.policy.price import Floats, Ints, best_offer, offers, pick

PRIOR_ARRIVALS = 50.0  # arrivals that the forecast's volume is worth until the day has shown its own
ROWS_A_GROUP = 200  # people alike in value, whose number the forecast is believed for


@dataclass(frozen=True)
class Seen:
    """What a pacer has seen: ``elapsed`` share of the horizon, ``arrivals`` so far, and ``absent`` (n,), 1 for the
    forecast's rows that have not come and 0 for those that have."""

    elapsed: float
    arrivals: int
    absent: Floats


@dataclass(frozen=True)
class Forecast:
    """Rows that may arrive, ``value`` and ``cost`` (n, K) in cents, and ``still``: the expected arrivals of each row
    (n,) from now on, given what was seen."""

    value: Floats
    cost: Floats
    still: Callable[[Seen], Floats]

    @classmethod
    def population(cls, value: ArrayLike, cost: ArrayLike, chance: ArrayLike | None = None) -> Forecast:
        """Known users, each of whom comes at most once, at any time and in any order.

        ``chance`` (n,) in [0, 1] that a user comes at all; without it everybody comes. Chances are believed as sums
        over groups of users of like value: of a group that should send 90 and has sent 60, 30 are still expected.
        """
        values, costs = offers(value, cost)
        if chance is None:
            return cls(values, costs, lambda seen: seen.absent)
        comes = _chances(chance, len(values))
        groups = max(1, len(values) // ROWS_A_GROUP)
        place = np.empty(len(values), dtype=np.intp)
        place[np.argsort(values.max(axis=1), kind="stable")] = np.arange(len(values))
        group = place * groups // max(len(values), 1)
        planned = np.bincount(group, comes, groups)

        def still(seen: Seen) -> Floats:
            come = np.bincount(group, 1 - seen.absent, groups)
            absent = np.bincount(group, seen.absent * comes, groups)
            share = np.maximum(planned - come, 0) / np.maximum(absent, 1e-12)
            return np.minimum(share[group] * comes, 1.0) * seen.absent

        return cls(values, costs, still)

    @classmethod
    def steady(cls, value: ArrayLike, cost: ArrayLike, chance: ArrayLike) -> Forecast:
        """Known users, each of whom comes at most once, evenly over the horizon; more or fewer than ``chance`` says
        is learnt on the way."""
        values, costs = offers(value, cost)
        comes = _chances(chance, len(values))

        def still(seen: Seen) -> Floats:
            later = comes * (1 - seen.elapsed) / np.maximum(1 - comes * seen.elapsed, 1e-12)
            return np.minimum(later * _volume(seen, float(comes.sum()) * seen.elapsed), 1.0) * seen.absent

        return cls(values, costs, still)

    @classmethod
    def earlier_day(cls, value: ArrayLike, cost: ArrayLike, at: ArrayLike) -> Forecast:
        """The arrivals of a day like this one; ``at`` (n,) when they came, as a share of the horizon in [0, 1].

        More or fewer arrivals than on that day are learnt on the way.
        """
        values, costs = offers(value, cost)
        times = _column("at", at, len(values))
        if ((times < 0) | (times > 1)).any():
            raise InputError("at", float(times[(times < 0) | (times > 1)][0]), "shares of the horizon in [0, 1]")

        def still(seen: Seen) -> Floats:
            later = (times >= seen.elapsed).astype(np.float64)
            return later * _volume(seen, len(times) - float(later.sum()))

        return cls(values, costs, still)


def _volume(seen: Seen, expected: float) -> float:
    """How many times more arrivals than expected there are."""
    return (seen.arrivals + PRIOR_ARRIVALS) / (expected + PRIOR_ARRIVALS)


def _chances(chance: ArrayLike, rows: int) -> Floats:
    comes = _column("chance", chance, rows)
    if ((comes < 0) | (comes > 1)).any():
        raise InputError("chance", float(comes[(comes < 0) | (comes > 1)][0]), "chances in [0, 1]")
    return comes


class Frontier:
    """The efficient offers of every row, in order of what a cent brings: the budget buys them from the front."""

    def __init__(self, value: Floats, cost: Floats) -> None:
        cheap, dear = best_offer(-cost, -value, 0.0), best_offer(value, cost, 0.0)
        rows = np.flatnonzero(pick(cost, dear) > pick(cost, cheap))
        row, _, slope, extra, _ = hull_steps(value, cost, dear, cheap, rows)
        order = np.argsort(-slope, kind="stable")
        self._row, self._slope, self._extra = row[order], slope[order], extra[order]
        self._least = pick(cost, cheap)

    def price(self, budget: float, weight: Floats) -> float:
        """Profit that the last affordable cent brings when row i arrives ``weight[i]`` times; 0 with money for all."""
        spent = np.cumsum(self._extra * weight[self._row])
        room = budget - float(weight @ self._least)
        if not len(spent) or spent[-1] <= room:
            return 0.0
        return float(self._slope[np.searchsorted(spent, room, side="right")])


class Pacer:
    """The price of the moment for one budget, in cents of profit per cent of cost.

    Tell it of every arrival (``arrived``) and of every cent (``spend``); ask ``reprice`` as often as you like.
    ``left_cents`` is what may still be spent; an offer that costs more than that cannot be given.
    """

    def __init__(self, budget_cents: float, forecast: Forecast) -> None:
        if not (math.isfinite(budget_cents) and budget_cents >= 0):
            raise InputError("budget_cents", budget_cents, "a finite number of cents >= 0")
        self.left_cents = float(budget_cents)
        self.arrivals = 0
        self.price = 0.0
        self._forecast = forecast
        self._frontier = Frontier(forecast.value, forecast.cost)
        self._absent = np.ones(len(forecast.value))
        self.reprice(0.0)

    def reprice(self, elapsed: float) -> float:
        """Solve for the rest of the horizon; ``elapsed`` is the share of it that is over, in [0, 1].

        When more come than were ever expected nobody is left to plan for, and the last price stands.
        """
        if not 0 <= elapsed <= 1:
            raise InputError("elapsed", elapsed, "a share of the horizon in [0, 1]")
        weight = self._forecast.still(Seen(elapsed, self.arrivals, self._absent))
        if weight.any():
            self.price = self._frontier.price(max(self.left_cents, 0.0), weight)
        return self.price

    def arrived(self, rows: ArrayLike | None = None, count: int = 1) -> None:
        """Somebody came: positions in a forecast of known users, else how many."""
        if rows is None:
            self.arrivals += count
            return
        places = np.asarray(rows, dtype=np.intp).ravel()
        self.arrivals += len(places)
        self._absent[places] = 0.0

    def spend(self, cents: float) -> None:
        """An offer was given at its expected cost, or (negative) turned out to cost less."""
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
    times = _column("elapsed", elapsed, len(values))
    if (np.diff(times) < 0).any():
        raise InputError("elapsed", "times that go back", "nondecreasing shares of the horizon")
    if repricings < 1:
        raise InputError("repricings", repricings, "at least 1")
    places = None if rows is None else np.asarray(rows, dtype=np.intp)
    offer = np.zeros(len(values), dtype=np.intp)
    path: list[tuple[float, float, float]] = []
    for part in np.array_split(np.arange(len(values)), min(repricings, max(len(values), 1))):
        if not len(part):
            continue
        now = float(times[part[0]])
        path.append((now, pacer.reprice(now), pacer.left_cents))
        offer[part] = _affordable(pacer, values[part], costs[part])
        pacer.arrived(None if places is None else places[part], len(part))
    return Paced(offer, float(pick(values, offer).sum()), float(pick(costs, offer).sum()), tuple(path))


def _affordable(pacer: Pacer, values: Floats, costs: Floats) -> Ints:
    """Offers at the present price, one arrival after the other while the money lasts."""
    chosen = best_offer(values, costs, pacer.price)
    spent = np.cumsum(pick(costs, chosen))
    if not len(spent) or spent.max() <= pacer.left_cents:
        pacer.spend(float(spent[-1]) if len(spent) else 0.0)
        return chosen
    for at in range(len(values)):
        fits = costs[at] <= pacer.left_cents
        score = np.where(fits, values[at] - pacer.price * costs[at], -np.inf)
        chosen[at] = int(score.argmax())
        pacer.spend(float(costs[at, chosen[at]]))
    return chosen


def _column(field: str, array: ArrayLike, rows: int) -> Floats:
    column = np.asarray(array, dtype=np.float64)
    if column.shape != (rows,) or not np.isfinite(column).all():
        raise InputError(field, column.shape, f"{rows} finite numbers, one per row")
    return column
