"""How fast and how near to the bound coupons are allocated, beside an LP and MILP solver (HiGHS) in the same run.

    python -m tests.benchmarks.allocation

One thread. The solver's time covers its run only, not the building of its model, which is kinder to it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.policy.assign import Policy, choose
from models.policy.knapsack import allocate
from oracles.knapsack import highs_model

SMALL, LARGE, OFFERS, REPEATS = 10_000, 1_000_000, 5, 3


def shop(users: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Values and costs of either sign, heavy tails, and a budget of a fifth of what all best offers would cost."""
    rng = np.random.default_rng(seed)
    value, cost = np.zeros((users, OFFERS)), np.zeros((users, OFFERS))
    cost[:, 1:] = rng.gamma(2, 200, (users, OFFERS - 1)) - 50
    value[:, 1:] = 0.3 * cost[:, 1:] + rng.normal(0, 100, (users, OFFERS - 1)) * rng.gamma(1, 1, (users, 1))
    return value, cost, 0.2 * float(cost[np.arange(users), value.argmax(axis=1)].sum())


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(small: int = SMALL, large: int = LARGE, seed: int = 0) -> dict[str, float]:
    """Flat figures; times are medians of repeats that alternate between the two programs."""
    value, cost, budget = shop(small, seed)
    ours: dict[str, list[float]] = {"own": [], "lp": [], "milp": []}
    bound = best = 0.0
    for _ in range(REPEATS):
        ours["own"].append(seconds(lambda: allocate(value, cost, budget)))
        lp, milp = highs_model(value, cost, budget, whole=False), highs_model(value, cost, budget, mip_gap=1e-4)
        ours["lp"].append(seconds(lp.run))
        ours["milp"].append(seconds(milp.run))
        bound, best = -lp.getInfo().objective_function_value, -milp.getInfo().objective_function_value
    few = allocate(value, cost, budget)
    own, lp_seconds, milp_seconds = (median(ours[name]) for name in ("own", "lp", "milp"))

    value, cost, budget = shop(large, seed + 1)
    lots = np.random.default_rng(seed).random(large)
    large_seconds = median([seconds(lambda: allocate(value, cost, budget, lots=lots)) for _ in range(REPEATS)])
    found = allocate(value, cost, budget, lots=lots)
    policy = Policy(("none", "a", "b", "c", "d"), found.rule, 0.05, 0.05, "salt")
    names = [f"u{number}" for number in range(large)]
    return {
        "allocation_small_users": float(small),
        "allocation_small_seconds": own,
        "allocation_small_highs_lp_seconds": lp_seconds,
        "allocation_small_highs_milp_seconds": milp_seconds,
        "allocation_small_times_faster_than_highs_lp": lp_seconds / own,
        "allocation_small_times_faster_than_highs_milp": milp_seconds / own,
        "allocation_small_bound_minus_highs_relative": (few.bound - bound) / bound,
        "allocation_small_value_over_highs_milp": few.value / best,
        "allocation_small_gap": few.gap,
        "allocation_large_users": float(large),
        "allocation_large_seconds": large_seconds,
        "allocation_large_gap": found.gap,
        "allocation_large_rule_gap": found.rule_gap,
        "allocation_large_unspent_cents": budget - found.cost,
        "decisions_large_seconds": seconds(lambda: choose(policy, value, cost, names, names)),
        "decision_alone_microseconds": 1e6
        * median([seconds(lambda: choose(policy, value[:1], cost[:1], ["u"], ["k"])) for _ in range(300)]),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
