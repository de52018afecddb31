"""Budget curves equal brute force over prices, cover the truth, and put policies that tell nobody apart on a line."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from features.errors import InputError
from models.policy.budget_curve import BudgetCurves, Scored, budget_curve
from models.policy.knapsack import allocate
from models.policy.path import Path
from models.policy.references import AVERAGES, BEST_SINGLE, COST_BLIND, MODEL, RESPONSE, references
from oracles import budget_curve as oracle

Tables = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def small(seed: int, n: int = 12, K: int = 4, cheap: float = 0.1) -> Tables:
    """Predicted value and cost, measured value and cost; measured costs are the predicted ones up to a factor."""
    rng = np.random.default_rng(seed)
    value = rng.normal(0.5, 1, (n, K))
    cost = rng.uniform(cheap, 1, (n, K))
    value[:, 0] = cost[:, 0] = 0.0
    gain = value + rng.normal(0, 0.5, (n, K))
    gain[:, 0] = 0.0
    return value, cost, gain, 1.3 * cost


@pytest.mark.parametrize("seed", range(20))
def test_curves_equal_brute_force_over_prices(seed: int) -> None:
    value, cost, gain, spend = small(seed, cheap=0.1 if seed % 2 else -0.3)
    path = oracle.points(value.tolist(), cost.tolist(), gain.tolist(), spend.tolist())
    budgets = np.linspace(max(path[0][0], 0.0) + 1e-6, path[-1][0] * 1.2 + 0.1, 23)
    curves = budget_curve(Scored.of(gain, spend), {"policy": (value, cost)}, budgets)
    assert curves.curve("policy").value == pytest.approx([oracle.value_at(b, path) for b in budgets], abs=1e-6)
    assert curves.spends[0] == pytest.approx(path[-1][0])


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_that_knows_everything_earns_the_linear_bound_at_every_budget(seed: int) -> None:
    value, cost, _, _ = small(seed, n=60)
    budgets = np.linspace(0, 0.6, 7)
    curve = budget_curve(Scored.of(value, cost), {"policy": (value, cost)}, budgets).curve("policy")
    for budget, found in zip(budgets, curve.value, strict=True):
        assert found == pytest.approx(allocate(value, cost, budget * 60).bound / 60, abs=1e-9)


def test_levels_and_effects_are_the_same_policy() -> None:
    value, cost, gain, spend = small(1)
    levels = (value + 3.0, cost + 1.0)
    curves = budget_curve(Scored.of(gain + 7, spend + 2), {"effects": (value, cost), "levels": levels})
    assert curves.curve("effects").value == pytest.approx(curves.curve("levels").value)
    assert curves.difference("effects", "levels").high == pytest.approx(np.zeros(25), abs=1e-9)


def test_giving_one_arm_to_a_random_share_is_a_straight_line() -> None:
    _, _, gain, spend = small(2, n=200)
    alone = np.zeros((200, 4))
    alone[:, 2] = 1.0
    curves = budget_curve(Scored.of(gain, spend), {"share": (alone, alone)})
    end = gain[:, 2].mean()
    assert curves.curve("share").value == pytest.approx(end * curves.budgets / spend[:, 2].mean())


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    _, _, gain, spend = small(seed, n=100)
    value, cost = rng.integers(0, 3, (100, 4)).astype(float), np.ones((100, 4))
    value[:, 0] = cost[:, 0] = 0
    order = rng.permutation(100)
    here = budget_curve(Scored.of(gain, spend), {"p": (value, cost)})
    there = budget_curve(Scored.of(gain[order], spend[order]), {"p": (value[order], cost[order])})
    assert here.curve("p").low == pytest.approx(there.curve("p").low, abs=1e-9)


def simulated(seed: int, n: int, clusters: int = 0) -> tuple[Scored, dict[str, tuple[np.ndarray, np.ndarray]], Scored]:
    """Measured scores with noise in value and cost, five policies, and the true expected values and costs."""
    rng = np.random.default_rng([5, seed])
    names = np.repeat(np.arange(clusters), n // clusters) if clusters else None
    x = rng.normal(size=(n, 3)) if names is None else rng.normal(size=(clusters, 3))[names]
    value = np.column_stack([np.zeros(n), 0.3 + 0.5 * x[:, 0], 0.6 + x[:, 1]])
    cost = np.column_stack([np.zeros(n), 0.5 * np.exp(0.5 * x[:, 2]), np.exp(0.5 * x[:, 0])])
    arm = rng.integers(0, 3, n)
    shared = 0.0 if names is None else rng.normal(size=clusters)[names]
    rows = np.arange(n)
    gain, spend = np.tile(x[:, :1], (1, 3)), np.zeros((n, 3))
    gain[rows, arm] += 3 * (value[rows, arm] + shared + 1.5 * rng.normal(size=n))
    spend[rows, arm] = 3 * cost[rows, arm] * 2 * rng.integers(0, 2, n)
    guess = value + 0.5 * np.sin(5 * x[:, :1]) * np.array([0, 1, 1])
    policies = references(guess, cost, [0, 0.3, 0.6], [0, 0.57, 1.13], guess)
    return Scored.of(gain, spend, names), policies, Scored.of(value, cost)


@cache
def truth() -> BudgetCurves:
    _, policies, known = simulated(10**6, 300_000)
    return budget_curve(known, policies, [0.1, 0.3, 0.6, 5.0])


@pytest.mark.parametrize("clusters", [0, 250])
def test_intervals_of_values_differences_and_areas_cover(clusters: int) -> None:
    exact, times = truth(), 200
    held: dict[str, float] = {}
    for seed in range(times):
        scored, policies, _ = simulated(seed, 1000, clusters)
        found = budget_curve(scored, policies, exact.budgets)
        for name in (MODEL, BEST_SINGLE, COST_BLIND):
            line, value = found.curve(name), exact.curve(name).value
            for at, inside in enumerate((line.low <= value) & (value <= line.high)):
                held[f"{name} {at}"] = held.get(f"{name} {at}", 0) + inside / times
        for name in (BEST_SINGLE, RESPONSE, COST_BLIND):
            line, value = found.difference(MODEL, name), exact.difference(MODEL, name).value
            held[f"over {name}"] = held.get(f"over {name}", 0) + (line.low[1] <= value[1] <= line.high[1]) / times
            area, between = exact.area_between(MODEL, name).value, found.area_between(MODEL, name)
            held[f"area {name}"] = held.get(f"area {name}", 0) + (between.low <= area <= between.high) / times
    assert all(0.90 <= share <= 0.99 for share in held.values()), held


def test_baselines_stand_where_their_names_say() -> None:
    scored, policies, known = simulated(3, 4000)
    assert set(policies) == {MODEL, BEST_SINGLE, AVERAGES, RESPONSE, COST_BLIND}
    curves = budget_curve(known, policies)
    assert curves.area_between(MODEL, BEST_SINGLE).low > 0
    assert curves.area_between(MODEL, COST_BLIND).low > 0
    end = curves.curve(BEST_SINGLE).value[-1]
    assert end == pytest.approx((known.value[:, 2]).mean())
    assert curves.curve(RESPONSE).value[-1] == pytest.approx(end)
    noisy = budget_curve(scored, policies)
    assert 0 < noisy.flattens_at(MODEL) <= noisy.budgets[-1]
    assert math.isclose(noisy.area(MODEL).value - noisy.area(RESPONSE).value, noisy.area_between(MODEL, RESPONSE).value)


def test_no_offer_worth_it_and_no_best_arm_are_flat_curves_at_zero() -> None:
    _, cost, gain, spend = small(3)
    worthless = -np.ones_like(cost)
    worthless[:, 0] = 0.0
    policies = references(worthless, cost, [0, -1, -1, -1], [0, 1, 1, 1], worthless)
    curves = budget_curve(Scored.of(gain, spend), {k: policies[k] for k in (MODEL, BEST_SINGLE, AVERAGES)})
    assert curves.budgets.tolist() == [0.0]
    assert all(curves.curve(name).value.tolist() == [0.0] for name in curves.names)
    assert curves.flattens_at(MODEL) == 0.0
    assert curves.area(MODEL).value == 0.0


def test_a_budget_beyond_everyone_buys_no_more_than_everyone() -> None:
    value, cost, gain, spend = small(4)
    curves = budget_curve(Scored.of(gain, spend), {"policy": (value, cost)}, [0.0, 1e6, 1e9])
    line = curves.curve("policy")
    assert line.value[0] == 0
    assert line.value[1] == line.value[2]
    assert line.high[1] == line.high[2]


def test_a_policy_that_cannot_spend_so_little_has_no_value_there() -> None:
    gain = np.array([[0.0, 2.0], [0.0, 1.0], [0.0, 1.5]])
    free = np.zeros((3, 2))  # predicted to cost nothing, measured to cost one
    curves = budget_curve(Scored.of(gain, np.array([[0.0, 1.0]] * 3)), {"policy": (gain, free)}, [0.5, 1.0, 2.0])
    line = curves.curve("policy")
    assert math.isnan(line.value[0])
    assert line.value[1:] == pytest.approx([1.5, 1.5])
    assert curves.area("policy").value == pytest.approx(1.5)
    assert curves.flattens_at("policy") == 1.0


def test_a_path_never_takes_an_offer_that_costs_more_and_earns_less() -> None:
    value, cost, _, _ = small(6, n=300)
    path = Path.of(value, cost)
    assert (cost[path.row, path.after] > cost[path.row, path.before]).all()
    assert (value[path.row, path.after] > value[path.row, path.before]).all()
    assert (np.diff(path.slope) < 0).all()
    assert path.along(value)[-1] == pytest.approx(np.maximum(value.max(axis=1), 0).sum())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": np.zeros((0, 2)), "cost": np.zeros((0, 2))}, "scores.value"),
        ({"value": [[0.0, np.inf], [0.0, 1.0]]}, r"scores.value\[0, 1\]"),
        ({"cost": [[0.0], [0.0]]}, "scores.cost"),
        ({"cluster": ["a"]}, "cluster"),
        ({"cluster": ["a", "a"]}, "cluster"),
        ({"policies": {}}, "policies"),
        ({"policies": {"p": (np.zeros((3, 2)), np.zeros((3, 2)))}}, "policies.p"),
        ({"budgets": []}, "budgets"),
        ({"budgets": [1.0, 1.0]}, "budgets"),
        ({"budgets": [-1.0, 1.0]}, "budgets"),
        ({"budgets": [0.0, np.inf]}, "budgets"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    table = np.array([[0.0, 1.0], [0.0, 2.0]])
    given: dict[str, object] = {"value": table, "cost": table, "cluster": None, "policies": {"p": (table, table)}}
    given |= {"budgets": [0.0, 1.0]} | change
    with pytest.raises(InputError, match=f"^{field}: got"):
        budget_curve(
            Scored.of(given["value"], given["cost"], given["cluster"]),  # type: ignore[arg-type]
            given["policies"],  # type: ignore[arg-type]
            given["budgets"],  # type: ignore[arg-type]
        )


def test_asking_for_a_policy_that_is_not_there_names_those_that_are() -> None:
    value, cost, gain, spend = small(1)
    curves = budget_curve(Scored.of(gain, spend), {"policy": (value, cost)})
    with pytest.raises(InputError, match="policy: got 'other', expected one of policy"):
        curves.curve("other")
    with pytest.raises(InputError, match="averages: got"):
        references(value, cost, [0.0], [0.0], value)


def test_a_thousand_offers_are_offers_like_any_other() -> None:
    value, cost, gain, spend = small(7, n=20, K=1000)
    curves = budget_curve(Scored.of(gain, spend), {"policy": (value, cost)})
    assert curves.curve("policy").value[-1] == pytest.approx(gain[np.arange(20), value.argmax(axis=1)].mean())


def test_one_arm_alone_has_no_curve_but_a_point() -> None:
    only = np.ones((5, 1))
    curves = budget_curve(Scored.of(only, only), {"policy": (only, only)})
    assert curves.curve("policy").value.tolist() == [0.0]
