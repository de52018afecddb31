"""How fast and how near to the bound coupons are allocated, beside an LP and MILP solver (HiGHS) in the same run.

    python -m tests.benchmarks.allocation

One thread. The solver's time covers its run only, not the building of its model, which is kinder to it. The limits of
``all_limits``: a budget, stock of two offers, a return floor, and floors and caps of users and spend in three segments.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import milp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.policy.assign import Policy, choose
from models.policy.limits import Infeasible, Limits, SegmentLimit
from models.policy.program import Solution, solve
from oracles.knapsack import highs_model
from oracles.program import Case, model

SMALL, LARGE, OFFERS, REPEATS = 10_000, 1_000_000, 5, 3
ARMS = ("none", "a", "b", "c", "d")
MANY_USERS, MANY_OFFERS = 10_000, 1_000


def shop(users: int, seed: int, offers: int = OFFERS) -> tuple[np.ndarray, np.ndarray, float]:
    """Values and costs of either sign, heavy tails, and a budget of a fifth of what all best offers would cost."""
    rng = np.random.default_rng(seed)
    value, cost = np.zeros((users, offers)), np.zeros((users, offers))
    cost[:, 1:] = rng.gamma(2, 200, (users, offers - 1)) - 50
    value[:, 1:] = 0.3 * cost[:, 1:] + rng.normal(0, 100, (users, offers - 1)) * rng.gamma(1, 1, (users, 1))
    return value, cost, 0.2 * float(cost[np.arange(users), value.argmax(axis=1)].sum())


def round_of(users: int, seed: int) -> Case:
    """A shop with every kind of limit; most of them bind."""
    value, cost, budget = shop(users, seed)
    rng = np.random.default_rng(seed)
    limits = Limits(
        budget_cents=budget,
        stock={"a": users // 20, "b": users // 12},
        roi_floor=0.5,
        segments={
            "new": SegmentLimit(min_users=int(0.18 * users)),
            "old": SegmentLimit(max_users=int(0.06 * users)),
            "far": SegmentLimit(min_spend_cents=0.3 * budget, max_spend_cents=0.35 * budget),
        },
    )
    segment = np.array(["", "new", "old", "far"])[rng.integers(0, 4, users)]
    every = np.ones(value.shape, dtype=np.bool_)
    return Case(value, cost, limits, ARMS, segment, range(users), every, rng.random(users))  # type: ignore[arg-type]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def solved(case: Case, **limits: Any) -> Solution:
    kept = Limits(**limits) if limits else case.limits
    return solve(case.value, case.cost, kept, case.arms, case.segment, lots=case.lots)


def run(small: int = SMALL, large: int = LARGE, many: int = MANY_USERS, seed: int = 0) -> dict[str, float]:
    """Flat figures; times are medians of repeats that alternate between the programs."""
    figures = beside_highs(round_of(small, seed))
    case = round_of(large, seed + 1)
    budget = case.limits.budget_cents
    rounds: dict[str, dict[str, Any]] = {
        "large": {"budget_cents": budget},
        "large_stock": {"budget_cents": budget, "stock": case.limits.stock},
        "large_all_limits": {},
    }
    for name, limits in rounds.items():
        found = solved(case, **limits)
        times = [seconds(partial(solved, case, **limits)) for _ in range(REPEATS)]
        figures |= {
            f"allocation_{name}_seconds": median(times),
            f"allocation_{name}_gap": found.gap,
            f"allocation_{name}_rule_gap": found.rule_gap,
            f"allocation_{name}_limits_broken": float(len(found.broken)),
            f"allocation_{name}_unspent_cents": float(budget or 0) - found.cost,
        }
    figures |= decisions(case, solved(case, budget_cents=budget))
    impossible = Limits(stock=dict.fromkeys(ARMS[1:], 50), segments={"new": SegmentLimit(min_users=201)})
    figures["allocation_large_conflict_named_seconds"] = seconds(lambda: conflict(replace(case, limits=impossible)))
    figures["allocation_large_users"] = float(large)
    figures["allocation_peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures | many_offers(many, seed)


def beside_highs(case: Case) -> dict[str, float]:
    """10k users: own seconds, the solver's LP and MILP, and how the bounds and values compare."""
    budget = float(case.limits.budget_cents or 0)
    times: dict[str, list[float]] = {name: [] for name in ("own", "lp", "milp", "all", "all_lp")}
    bound = 0.0
    for _ in range(REPEATS):
        times["own"].append(seconds(lambda: solved(case, budget_cents=budget)))
        lp = highs_model(case.value, case.cost, budget, whole=False)
        times["lp"].append(seconds(lp.run))
        bound = -lp.getInfo().objective_function_value
        times["all"].append(seconds(lambda: solved(case)))
    whole = highs_model(case.value, case.cost, budget, mip_gap=1e-4)
    times["milp"].append(seconds(whole.run))  # once: it takes longer than all the rest together
    best = -whole.getInfo().objective_function_value
    few, every = solved(case, budget_cents=budget), solved(case)
    linear = model(case, whole=False)
    started = time.perf_counter()
    all_bound = -milp(**linear).fun
    times["all_lp"].append(time.perf_counter() - started)
    own, lp_seconds, milp_seconds, own_all, all_lp = (median(times[name]) for name in times)
    return {
        "allocation_small_users": float(len(case.value)),
        "allocation_small_seconds": own,
        "allocation_small_highs_lp_seconds": lp_seconds,
        "allocation_small_highs_milp_seconds": milp_seconds,
        "allocation_small_times_faster_than_highs_lp": lp_seconds / own,
        "allocation_small_times_faster_than_highs_milp": milp_seconds / own,
        "allocation_small_bound_minus_highs_relative": (few.bound - bound) / bound,
        "allocation_small_value_over_highs_milp": few.value / best,
        "allocation_small_gap": few.gap,
        "allocation_small_rule_gap": few.rule_gap,
        "allocation_small_all_limits_seconds": own_all,
        "allocation_small_all_limits_times_faster_than_highs_lp": all_lp / own_all,
        "allocation_small_all_limits_bound_minus_highs_relative": (every.bound - all_bound) / all_bound,
        "allocation_small_all_limits_gap": every.gap,
        "allocation_small_all_limits_rule_gap": every.rule_gap,
    }


def decisions(case: Case, found: Solution) -> dict[str, float]:
    """What the same prices cost to apply, to everybody and to one user."""
    policy = Policy(ARMS, found.prices, 0.05, 0.05, "salt")
    names = [f"u{number}" for number in range(len(case.value))]
    value, cost = case.value, case.cost
    alone = [seconds(lambda: choose(policy, value[:1], cost[:1], ["u"], ["k"])) for _ in range(300)]
    return {
        "decisions_large_seconds": seconds(lambda: choose(policy, value, cost, names, names)),
        "decision_alone_microseconds": 1e6 * median(alone),
    }


def conflict(case: Case) -> None:
    try:
        solved(case)
    except Infeasible:
        return
    raise AssertionError("limits that cannot be met were met")


def many_offers(users: int, seed: int) -> dict[str, float]:
    """A thousand offers with a stock each."""
    value, cost, _ = shop(users, seed, MANY_OFFERS)
    arms = ("none", *(f"offer{place}" for place in range(1, MANY_OFFERS)))
    limits = Limits(budget_cents=100.0 * users, stock=dict.fromkeys(arms[1:], max(users // 2_000, 1)))
    started = time.perf_counter()
    found = solve(value, cost, limits, arms)
    return {
        "allocation_thousand_offers_users": float(users),
        "allocation_thousand_offers_seconds": time.perf_counter() - started,
        "allocation_thousand_offers_gap": found.gap,
        "allocation_thousand_offers_rule_gap": found.rule_gap,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
