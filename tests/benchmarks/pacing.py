"""How much of hindsight's profit a paced budget earns, and how long a repricing takes.

    python -m tests.benchmarks.pacing

Hindsight is the exact allocation of the same budget among those who really came. Peers: the batch plan's price, never
moved; and spending evenly over time (the usual pacing of advertising, which raises or lowers the price as spend runs
ahead or behind). Every figure is the mean over seeds of value over hindsight's value; ``_worst`` is the least.
``surprise`` cases are those where nobody could know: people whose coming the forecast got wrong.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.policy.knapsack import allocate
from models.policy.pacing import Forecast, Pacer, pace
from models.policy.price import best_offer, pick
from oracles.pacing import orders, stream

USERS, LARGE, SEEDS = 20_000, 1_000_000, 5
Floats = np.ndarray


def run(users: int = USERS, large: int = LARGE, seeds: int = SEEDS) -> dict[str, float]:
    """Flat figures: shares of hindsight's value by case and way of pacing, and seconds of one repricing."""
    found: dict[str, list[float]] = {}
    spent: list[float] = []
    for seed in range(seeds):
        for name, case in _cases(users, seed).items():
            for way, (value, cost) in case.items():
                found.setdefault(f"{name}_{way}", []).append(value)
                spent.append(cost)
    figures = {f"pacing_{name}": float(np.mean(values)) for name, values in found.items()}
    figures |= {f"pacing_{name}_worst": min(values) for name, values in found.items() if name.endswith("_paced")}
    return figures | {"pacing_most_spent_of_budget": max(spent), **_seconds(large)}


def _cases(users: int, seed: int) -> dict[str, dict[str, tuple[float, float]]]:
    value, cost, budget = stream(users, 1000 + seed)
    rng = np.random.default_rng(2000 + seed)
    result = {}
    everybody = Forecast.population(value, cost)
    for name, arriving in orders(value, cost, seed).items():
        result[f"known_{name}"] = _ways(everybody, value, cost, budget, arriving)
    chance = rng.uniform(0.1, 0.9, users)
    maybe = Forecast.population(value, cost, chance)
    come = rng.permutation(np.flatnonzero(rng.random(users) < chance))
    result["chance_shuffled"] = _ways(maybe, value, cost, budget / 2, come)
    drifting = come[np.argsort(value[come].max(axis=1) / value.max(axis=1).std() + 2 * rng.normal(size=len(come)))]
    result["chance_drift"] = _ways(maybe, value, cost, budget / 2, drifting)
    steady = Forecast.steady(value, cost, np.clip(0.8 * chance, 0, 1))
    result["steady_more_than_expected"] = _ways(steady, value, cost, budget / 2, come)
    result["steady_surprise_drift"] = _ways(steady, value, cost, budget / 2, drifting)
    before, before_cost, _ = stream(users, 3000 + seed)
    drift, times, in_order = np.linspace(0.5, 1.5, users)[:, None], np.arange(users) / users, np.arange(users)
    same = Forecast.earlier_day(before * drift, before_cost, times)
    result["earlier_day_drift"] = _ways(same, value * drift, cost, budget, in_order, known=False)
    flat = Forecast.earlier_day(before, before_cost, times)
    result["earlier_day_shuffled"] = _ways(flat, value, cost, budget, in_order, known=False)
    result["earlier_day_surprise_drift"] = _ways(flat, value * drift, cost, budget, in_order, known=False)
    return result


def _ways(
    forecast: Forecast, value: Floats, cost: Floats, budget: float, arriving: Floats, known: bool = True
) -> dict[str, tuple[float, float]]:
    """Share of hindsight's value and of the budget, by way of spending it."""
    values, costs, elapsed = value[arriving], cost[arriving], np.arange(len(arriving)) / len(arriving)
    best = allocate(values, costs, budget).value
    pacer = Pacer(budget, forecast)
    fixed = pacer.price
    paced = pace(pacer, values, costs, elapsed, arriving if known else None)
    return {
        "paced": (paced.value / best, paced.cost / budget),
        "fixed_price": _greedy(values, costs, budget, lambda _: fixed, best),
        "even_spend": _greedy(values, costs, budget, _even(budget, fixed, len(arriving)), best),
    }


def _even(budget: float, start: float, arrivals: int) -> Callable[[float], float]:
    """A price that follows the gap between what is spent and an even spend, one step per hundredth of the arrivals."""
    state = {"price": start, "calls": 0}

    def price(spent: float) -> float:
        state["calls"] += 1
        due = budget * state["calls"] * STEP / arrivals
        state["price"] = max(state["price"] * float(np.exp(0.2 * np.sign(spent - due))), 1e-6)
        return state["price"]

    return price


STEP = 100


def _greedy(
    value: Floats, cost: Floats, budget: float, price: Callable[[float], float], best: float
) -> tuple[float, float]:
    """Best offers at the price of the moment until the money is gone."""
    worth = spent = 0.0
    for start in range(0, len(value), STEP):
        v, c = value[start : start + STEP], cost[start : start + STEP]
        offer = best_offer(v, c, price(spent))
        gains, costs = pick(v, offer), pick(c, offer)
        fits = spent + np.cumsum(costs) <= budget
        worth, spent = worth + float(gains[fits].sum()), spent + float(costs[fits].sum())
        if not fits.all():
            break
    return worth / best, spent / budget


def _seconds(large: int) -> dict[str, float]:
    value, cost, budget = stream(large, 1)
    started = time.perf_counter()
    pacer = Pacer(budget, Forecast.population(value, cost))
    opened = time.perf_counter()
    pacer.arrived(np.arange(large // 3))
    pacer.reprice(0.3)
    return {
        "pacing_users": float(large),
        "pacing_open_seconds": opened - started,
        "pacing_reprice_seconds": time.perf_counter() - opened,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
