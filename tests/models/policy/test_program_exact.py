"""Small rounds with any mix of limits: equality with solvers that share no line with the allocation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.policy.limits import Infeasible
from models.policy.program import Solution, solve
from oracles.program import Case, best_of_all, broken, mixed_case, solver


def answer(case: Case) -> Solution | None:
    """The solution, or None where the limits are shown to contradict each other."""
    try:
        return solve(case.value, case.cost, case.limits, case.arms, case.segment, case.user, case.eligible, case.lots)
    except Infeasible:
        return None


def assert_sound(found: Solution, case: Case) -> None:
    rows = np.arange(len(case.value))
    assert not broken(found.offer, case)
    assert sorted(broken(found.rule_offer, case)) == sorted(found.broken)
    for offer, value, cost in (
        (found.offer, found.value, found.cost),
        (found.rule_offer, found.rule_value, found.rule_cost),
    ):
        assert case.eligible[rows, offer].all()
        assert math.fsum(case.value[rows, offer]) == value
        assert math.fsum(case.cost[rows, offer]) == cost
    assert found.value <= found.bound
    if not found.broken:
        assert found.rule_value <= found.value


@pytest.mark.parametrize("seed", range(4))
def test_mixed_limits_equal_a_milp_solver_and_its_linear_relaxation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    solved = 0
    for _ in range(60):
        case = mixed_case(rng)
        found, want = answer(case), solver(case)
        if found is None:
            assert want == -math.inf
            continue
        assert_sound(found, case)
        assert found.value == pytest.approx(want, rel=1e-6, abs=1e-6)
        assert found.bound == pytest.approx(solver(case, whole=False), rel=2e-6, abs=2e-6)
        solved += 1
    assert solved >= 30


def test_tiny_cases_equal_the_best_of_all_combinations() -> None:
    rng = np.random.default_rng(99)
    for _ in range(60):
        case = mixed_case(rng, most_users=5, most_offers=3)
        found, want = answer(case), best_of_all(case)
        if found is None:
            assert want == -math.inf
        else:
            assert_sound(found, case)
            assert found.value == pytest.approx(want, rel=1e-9, abs=1e-9)
