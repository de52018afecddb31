"""Laws of the allocation, and equality with a solver that shares no line with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.policy.knapsack import Allocation, allocate
from models.policy.price import best_offer
from oracles.knapsack import best_of_all_combinations, highs


def shop(users: int, offers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Heavy-tailed effects of either sign, costs that are sometimes negative."""
    rng = np.random.default_rng(seed)
    value, cost = np.zeros((users, offers)), np.zeros((users, offers))
    cost[:, 1:] = rng.gamma(2, 200, (users, offers - 1)) - 50
    value[:, 1:] = 0.3 * cost[:, 1:] + rng.normal(0, 100, (users, offers - 1)) * rng.gamma(1, 1, (users, 1))
    return value, cost


def unrationed_cost(value: np.ndarray, cost: np.ndarray) -> float:
    return float(cost[np.arange(len(cost)), value.argmax(axis=1)].sum())


def small_case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Kinds that trouble solvers: ties, strong correlation, lattices, negative numbers."""
    users, offers = int(rng.integers(1, 13)), int(rng.integers(1, 7))
    shape = (users, offers)
    cost = rng.integers(-4, 12, shape).astype(float)
    value = rng.integers(-5, 20, shape).astype(float)
    match rng.integers(5):
        case 1:
            value, cost = rng.normal(5, 10, shape), rng.normal(5, 8, shape)
        case 2:
            cost = rng.integers(1, 100, shape).astype(float)
            value = cost + 10
        case 3:
            cost = rng.integers(-2, 4, shape) * 100.0
            value = cost * rng.choice([0.5, 1, 2], shape)
        case 4:
            cost = rng.gamma(0.5, 100, shape)
            value = cost * rng.lognormal(0, 0.1, shape)
    value[:, 0] = cost[:, 0] = 0
    return value, cost, float(rng.integers(4) * max(cost.max(), 1) * rng.random())


def assert_sound(found: Allocation, value: np.ndarray, cost: np.ndarray, budget: float) -> None:
    rows = np.arange(len(value))
    assert math.fsum(cost[rows, found.offer]) == found.cost <= budget
    assert math.fsum(value[rows, found.offer]) == found.value <= found.bound
    by_price = best_offer(value, cost, found.rule_price)
    assert math.fsum(cost[rows, by_price]) <= budget
    assert math.fsum(value[rows, by_price]) <= found.value


@pytest.mark.parametrize("seed", range(6))
def test_small_cases_equal_a_milp_solver_and_its_linear_relaxation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        value, cost, budget = small_case(rng)
        found = allocate(value, cost, budget)
        assert_sound(found, value, cost, budget)
        assert found.optimal
        assert found.value == pytest.approx(highs(value, cost, budget), rel=1e-6, abs=1e-6)
        assert found.bound == pytest.approx(highs(value, cost, budget, whole=False), rel=1e-6, abs=1e-6)


numbers = st.one_of(st.integers(-20, 20).map(float), st.floats(-1e4, 1e4, width=32).map(float))


@st.composite
def tiny_cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    users, offers = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    table = st.lists(st.lists(numbers, min_size=offers, max_size=offers), min_size=users, max_size=users)
    value, cost = np.array(draw(table)), np.array(draw(table))
    value[:, 0] = cost[:, 0] = 0
    return value, cost, draw(st.one_of(st.integers(0, 60).map(float), st.floats(0, 1e4)))


@given(tiny_cases())
def test_tiny_cases_equal_the_best_of_all_combinations(case: tuple[np.ndarray, np.ndarray, float]) -> None:
    value, cost, budget = case
    found = allocate(value, cost, budget)
    assert_sound(found, value, cost, budget)
    assert found.value == pytest.approx(best_of_all_combinations(value, cost, budget), rel=1e-9, abs=1e-9)


sizes = st.sampled_from([0.0, 5e-324, 1e-300, 1e-99, 1e-9, 1.0, 3.0, 1e12])
anything = st.one_of(sizes, sizes.map(lambda size: -size), st.floats(-1e6, 1e6))


@given(st.lists(st.tuples(*[anything] * 4), min_size=1, max_size=6), st.one_of(st.just(0.0), st.floats(0, 1e15)))
def test_no_size_of_number_breaks_the_budget_or_the_bound(rows: list[tuple[float, ...]], budget: float) -> None:
    table = np.array(rows)
    value, cost = np.pad(table[:, :2], ((0, 0), (1, 0))), np.pad(table[:, 2:], ((0, 0), (1, 0)))
    found = allocate(value, cost, budget)
    assert found.cost <= budget
    assert found.value <= found.bound


@given(tiny_cases(), st.floats(0, 1e4))
def test_a_larger_budget_is_never_worth_less(case: tuple[np.ndarray, np.ndarray, float], more: float) -> None:
    value, cost, budget = case
    poorer, richer = allocate(value, cost, budget), allocate(value, cost, budget + more)
    assert richer.value >= poorer.value - 1e-9 * abs(poorer.value)
    assert richer.bound >= poorer.bound - 1e-9 * abs(poorer.bound)
    assert richer.price <= poorer.price * (1 + 1e-9)


@given(st.integers(0, 10_000), st.integers(-6, 6))
def test_the_unit_of_money_does_not_matter(seed: int, power: int) -> None:
    value, cost = shop(30, 4, seed)
    budget = 0.3 * abs(unrationed_cost(value, cost))
    unit = 2.0**power
    plain, scaled = allocate(value, cost, budget), allocate(value * unit, cost * unit, budget * unit)
    assert np.array_equal(plain.offer, scaled.offer)
    assert scaled.price == pytest.approx(plain.price)
    assert scaled.value == pytest.approx(plain.value * unit)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_large_cases_reach_999_per_mille_of_the_bound(share: float, seed: int) -> None:
    value, cost = shop(120_000, 5, seed)  # more cells than are walked at once: the bracket has to work
    budget = share * unrationed_cost(value, cost)
    found = allocate(value, cost, budget)
    assert_sound(found, value, cost, budget)
    assert found.gap <= 1e-5


def test_the_bound_of_a_mid_size_case_is_the_linear_optimum() -> None:
    value, cost = shop(2_000, 5, 4)
    budget = 0.2 * unrationed_cost(value, cost)
    assert allocate(value, cost, budget).bound == pytest.approx(highs(value, cost, budget, whole=False), rel=1e-9)


@pytest.mark.parametrize("users", [7, 120_000])
def test_users_who_all_tie_spend_the_budget_as_far_as_whole_coupons_go(users: int) -> None:
    value, cost = np.tile([0.0, 300.0], (users, 1)), np.tile([0.0, 100.0], (users, 1))
    budget = 100.0 * (users // 3) + 50
    found = allocate(value, cost, budget)
    assert_sound(found, value, cost, budget)
    assert int(found.offer.sum()) == users // 3
    assert found.price == 3 < found.rule_price


def test_rounding_of_effects_does_not_change_what_the_price_gives() -> None:
    value, cost = shop(5_000, 5, 6)
    found = allocate(value, cost, 0.2 * unrationed_cost(value, cost))
    noise = np.random.default_rng(0).choice([1 - 1e-14, 1, 1 + 1e-14], value.shape)
    given = best_offer(value, cost, found.rule_price)
    assert np.array_equal(best_offer(value * noise, cost * noise, found.rule_price), given)


def test_offers_that_are_not_eligible_are_never_given() -> None:
    value, cost = shop(3_000, 5, 7)
    eligible = np.random.default_rng(1).random(value.shape) < 0.5
    found = allocate(value, cost, 50_000, eligible)
    given = found.offer > 0
    assert eligible[np.arange(3_000), found.offer][given].all()
    assert given.any()


def test_budget_zero_still_takes_what_is_free_or_pays_for_itself() -> None:
    value = [[0, 10.0], [0, 10.0], [0, 5.0]]
    cost = [[0, 0.0], [0, 4.0], [0, -4.0]]
    found = allocate(value, cost, 0)
    assert found.offer.tolist() == [1, 1, 1]
    assert found.cost == 0


def test_a_loss_that_frees_budget_is_taken_only_when_the_budget_earns_more() -> None:
    value, cost = [[0, -5.0], [0, 20.0]], [[0, -10.0], [0, 10.0]]
    assert allocate(value, cost, 0).value == 15
    assert allocate([[0, -5.0], [0, 4.0]], cost, 0).value == 0


def test_a_budget_beyond_everyone_gives_all_their_best_at_price_zero() -> None:
    value, cost = shop(1_000, 5, 8)
    found = allocate(value, cost, 1e12)
    assert np.array_equal(found.offer, value.argmax(axis=1))
    assert found.price == found.gap == found.rule_price == 0
    assert found.optimal


def test_no_offer_worth_it_gives_none_to_all() -> None:
    value, cost = shop(100, 4, 9)
    found = allocate(-np.abs(value), np.abs(cost), 1e6)
    assert not found.offer.any()
    assert found.value == found.cost == found.gap == 0


def test_a_thousand_offers_and_a_single_user_are_answered() -> None:
    value, cost = shop(300, 1_000, 10)
    found = allocate(value, cost, 20_000)
    assert_sound(found, value, cost, 20_000)
    assert found.gap < 1e-3
    alone = allocate(value[:1], cost[:1], 100)
    assert alone.value == value[0][cost[0] <= 100].max()


def test_no_users_and_no_offers_are_answered() -> None:
    assert allocate(np.zeros((0, 3)), np.zeros((0, 3)), 10).value == 0
    assert allocate(np.zeros((4, 1)), np.zeros((4, 1)), 10).offer.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"budget": -1}, "budget"),
        ({"budget": math.nan}, "budget"),
        ({"budget": math.inf}, "budget"),
        ({"budget": "much"}, "budget"),
        ({"value": [[0, math.nan]]}, r"value\[0, 1\]"),
        ({"cost": [[0, math.inf]]}, r"cost\[0, 1\]"),
        ({"cost": [[0, 1, 2]]}, "cost"),
        ({"value": [0, 1]}, "value"),
        ({"value": [["none", "some"]]}, "value"),
        ({"cost": [[0, 2e12]]}, r"cost\[0, 1\]"),
        ({"value": [[1, 1]]}, r"value\[:, 0\]"),
        ({"eligible": [[1, 1]]}, "eligible"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    good: dict[str, object] = {"value": [[0, 1.0]], "cost": [[0, 1.0]], "budget": 1}
    with pytest.raises(InputError, match=f"^{field}: got"):
        allocate(**(good | change))  # type: ignore[arg-type]
