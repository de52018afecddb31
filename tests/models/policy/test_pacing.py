"""Pacing: never over the budget in any order, and as good as hindsight where it can know who comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.policy.knapsack import allocate
from models.policy.pacing import Forecast, Frontier, Pacer, pace
from oracles.pacing import cost_at, orders, stream

N = 5_000


@pytest.mark.parametrize(
    "order", ["shuffled", "ascending", "descending", "cheap_first", "dear_first", "waves", "drift"]
)
def test_a_known_population_earns_what_hindsight_earns_in_any_order(order: str) -> None:
    for seed in range(3):
        value, cost, budget = stream(N, seed)
        arriving = orders(value, cost, seed)[order]
        run = pace(
            Pacer(budget, Forecast.population(value, cost)),
            value[arriving], cost[arriving], np.arange(N) / N, arriving,
        )  # fmt: skip
        assert run.cost <= budget
        assert run.value >= 0.99 * allocate(value, cost, budget).value


@pytest.mark.parametrize("order", ["shuffled", "ascending", "descending", "waves", "drift"])
def test_users_who_may_not_come_leave_their_money_to_those_who_do(order: str) -> None:
    value, cost, budget = stream(4 * N, 11)
    rng = np.random.default_rng(12)
    chance = rng.uniform(0.1, 0.9, 4 * N)
    come = np.flatnonzero(rng.random(4 * N) < chance)
    come = come[orders(value[come], cost[come], 13)[order]]
    elapsed, budget = np.arange(len(come)) / len(come), budget / 2
    run = pace(Pacer(budget, Forecast.population(value, cost, chance)), value[come], cost[come], elapsed, come)
    assert run.cost <= budget
    assert run.value >= 0.985 * allocate(value[come], cost[come], budget).value


def test_a_plan_for_everybody_keeps_money_for_people_who_stay_at_home() -> None:
    value, cost, budget = stream(N, 14)
    come = np.random.default_rng(15).permutation(N)[: N // 3]
    elapsed = np.arange(len(come)) / len(come)
    everybody = pace(Pacer(budget / 3, Forecast.population(value, cost)), value[come], cost[come], elapsed, come)
    third = Forecast.population(value, cost, np.full(N, 1 / 3))
    some = pace(Pacer(budget / 3, third), value[come], cost[come], elapsed, come)
    assert everybody.value < 0.95 * some.value


@pytest.mark.parametrize("volume", [0.7, 1.3])
def test_more_or_fewer_people_than_expected_are_noticed_on_a_steady_day(volume: float) -> None:
    value, cost, budget = stream(4 * N, 16)
    rng = np.random.default_rng(17)
    come = rng.permutation(np.flatnonzero(rng.random(4 * N) < 0.5 * volume))
    elapsed, budget = np.arange(len(come)) / len(come), budget / 2
    forecast = Forecast.steady(value, cost, np.full(4 * N, 0.5))
    run = pace(Pacer(budget, forecast), value[come], cost[come], elapsed, come)
    assert run.value >= 0.99 * allocate(value[come], cost[come], budget).value


def test_an_earlier_day_with_the_same_drift_is_forecast_enough() -> None:
    drift = np.linspace(0.5, 1.5, N)[:, None]
    yesterday, today = stream(N, 21), stream(N, 22)
    times = np.arange(N) / N
    forecast = Forecast.earlier_day(yesterday[0] * drift, yesterday[1], times)
    run = pace(Pacer(today[2], forecast), today[0] * drift, today[1], times)
    assert run.cost <= today[2]
    assert run.value >= 0.99 * allocate(today[0] * drift, today[1], today[2]).value


@given(
    seed=st.integers(0, 10_000),
    share=st.floats(0, 2),
    pieces=st.integers(1, 40),
    kind=st.sampled_from(["population", "chance", "steady", "earlier_day"]),
)
@settings(max_examples=80, deadline=None)
def test_no_order_and_no_forecast_ever_spends_more_than_the_budget(
    seed: int, share: float, pieces: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    value, cost, budget = stream(60, seed)
    wrong, wrong_cost, _ = stream(40, seed + 1)
    forecast = {
        "population": lambda: Forecast.population(value, cost),
        "chance": lambda: Forecast.population(value, cost, rng.random(60)),
        "steady": lambda: Forecast.steady(value, cost, rng.random(60)),
        "earlier_day": lambda: Forecast.earlier_day(wrong, wrong_cost, rng.random(40)),
    }[kind]()
    arriving = rng.permutation(60)
    rows = None if kind == "earlier_day" else arriving
    pacer = Pacer(share * budget, forecast)
    run = pace(pacer, value[arriving], cost[arriving], np.sort(rng.random(60)), rows, pieces)
    given_costs = cost[arriving][np.arange(60), run.offer]
    assert np.cumsum(given_costs).max() <= share * budget + 1e-6
    assert pacer.left_cents == pytest.approx(share * budget - run.cost)


@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 1.2))
@settings(max_examples=60, deadline=None)
def test_the_price_is_where_the_forecast_would_spend_the_budget(seed: int, share: float) -> None:
    value, cost, _ = stream(50, seed)
    weight = np.random.default_rng(seed).random(50)
    free = cost_at(value, cost, weight, 0.0)
    least = cost_at(value, cost, weight, 1e9)
    budget = least + share * (free - least)
    price, spare = Frontier(value, cost).price(budget, weight)
    assert cost_at(value, cost, weight, price * (1 + 1e-9) + 1e-12) <= budget + 1e-6
    if price > 0:
        assert cost_at(value, cost, weight, price * (1 - 1e-9) - 1e-12) > budget - 1e-6
        above = cost_at(value, cost, weight, price * (1 + 1e-7))
        assert spare == pytest.approx(budget - above, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("order", ["dear_first", "dear_last", "shuffled"])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.4])
def test_people_who_are_alike_are_told_apart_by_the_money_that_is_left(share: float, order: str) -> None:
    rng = np.random.default_rng(71)
    dear = rng.random(4_000) < 0.3
    arriving = {"dear_first": np.argsort(~dear), "dear_last": np.argsort(dear), "shuffled": rng.permutation(4_000)}
    value = np.where(dear[:, None], [[0.0, 503.0, 507.0]], [[0.0, 101.0, 131.0]])
    cost = np.tile([0.0, 97.0, 211.0], (4_000, 1))
    budget = share * 4_000 * 97
    best = allocate(value, cost, budget).value
    come = arriving[order]
    known = pace(Pacer(budget, Forecast.population(value, cost)), value[come], cost[come], np.zeros(4_000), come)
    assert known.value >= 0.999 * best
    at = np.arange(4_000) / 4_000
    same_day = pace(Pacer(budget, Forecast.earlier_day(value[come], cost[come], at)), value[come], cost[come], at)
    assert same_day.value >= 0.99 * best
    assert max(known.cost, same_day.cost) <= budget


@pytest.mark.parametrize("seed", range(3))
def test_few_known_people_with_some_enormous_gains_get_what_hindsight_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value, cost = rng.lognormal(4, 2, (300, 4)), rng.lognormal(4, 1.5, (300, 4))
    value[:, 0] = cost[:, 0] = 0
    budget = 0.1 * float(cost[np.arange(300), value.argmax(axis=1)].sum())
    best = allocate(value, cost, budget).value
    for come in (np.argsort(value.max(axis=1)), np.argsort(-value.max(axis=1)), rng.permutation(300)):
        run = pace(Pacer(budget, Forecast.population(value, cost)), value[come], cost[come], np.zeros(300), come)
        assert run.value == pytest.approx(best)
        assert run.cost <= budget


def test_known_people_who_come_twice_or_otherwise_than_forecast_are_not_given_their_plan() -> None:
    value, cost = np.tile([0.0, 50.0], (3, 1)), np.tile([0.0, 10.0], (3, 1))
    pacer = Pacer(30, Forecast.population(value, cost))
    twice = pacer.plans(np.array([0, 0, 1]), value, cost)
    assert twice.tolist() == [True, False, True]
    pacer.arrived([2])
    assert pacer.plans(np.array([2, 1]), value[:2], 2 * cost[:2]).tolist() == [False, False]


def test_money_that_comes_back_lowers_the_price() -> None:
    value, cost, budget = stream(500, 31)
    pacer = Pacer(budget, Forecast.population(value, cost))
    before = pacer.price
    pacer.spend(-0.5 * budget)
    assert pacer.reprice(0.0) < before


def test_more_arrivals_than_anybody_expected_keep_the_last_price() -> None:
    value, cost, budget = stream(100, 41)
    pacer = Pacer(budget, Forecast.population(value, cost))
    last = pacer.price
    pacer.arrived(np.arange(100))
    assert pacer.reprice(0.5) == last > 0


def test_a_budget_for_everybody_has_no_price_and_none_buys_nothing() -> None:
    value, cost, _ = stream(100, 51)
    rich = Pacer(1e9, Forecast.population(value, cost))
    assert rich.price == 0
    value, cost = np.abs(value), np.abs(cost)
    cost[:, 1:] += 1
    poor = pace(Pacer(0, Forecast.population(value, cost)), value, cost, np.zeros(100), np.arange(100))
    assert poor.cost == 0
    assert not poor.offer.any()


def test_nobody_expected_and_nobody_coming_is_no_error() -> None:
    nothing = np.zeros((0, 3))
    run = pace(Pacer(100, Forecast.population(nothing, nothing)), nothing, nothing, [])
    assert run.value == 0
    assert run.path == ()


Streams = tuple[np.ndarray, np.ndarray]


def _pacer(stream: Streams, budget: float = 1.0) -> Pacer:
    return Pacer(budget, Forecast.population(*stream))


WRONG: dict[str, tuple[str, Callable[[Streams], object]]] = {
    "negative budget": ("budget_cents", lambda s: _pacer(s, -1)),
    "endless budget": ("budget_cents", lambda s: _pacer(s, float("inf"))),
    "too few chances": ("chance", lambda s: Forecast.population(*s, [0.5])),
    "chance above one": ("chance", lambda s: Forecast.population(*s, np.full(20, 1.5))),
    "time before the day": ("at", lambda s: Forecast.earlier_day(*s, np.full(20, -0.1))),
    "other shapes": ("cost", lambda s: Forecast.population(s[0], s[1][:5])),
    "after the end": ("elapsed", lambda s: _pacer(s).reprice(1.1)),
    "time going back": ("elapsed", lambda s: pace(_pacer(s), *s, np.linspace(1, 0, 20))),
    "budget of nothing": ("budget_cents", lambda s: _pacer(s, cast(Any, None))),
    "people not in the forecast": ("rows", lambda s: _pacer(s).arrived([20])),
    "people before the first": ("rows", lambda s: pace(_pacer(s), *s, np.zeros(20), np.arange(20) - 1)),
    "people by name": ("rows", lambda s: _pacer(s).arrived(["u1"])),
    "too few people": ("rows", lambda s: pace(_pacer(s), *s, np.zeros(20), [1])),
    "fewer than nobody": ("count", lambda s: _pacer(s).arrived(count=-1)),
    "an unknown spend": ("cents", lambda s: _pacer(s).spend(float("nan"))),
    "times that are words": ("elapsed", lambda s: pace(_pacer(s), *s, cast(Any, ["noon"] * 20))),
    "other offers": ("value", lambda s: pace(_pacer(s), s[0][:, :2], s[1][:, :2], np.zeros(20), np.arange(20))),
    "no repricing": ("repricings", lambda s: pace(_pacer(s), *s, np.zeros(20), repricings=0)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_is_refused_by_name(case: str) -> None:
    field, wrong = WRONG[case]
    value, cost, _ = stream(20, 61)
    with pytest.raises(InputError, match=f"^{field}"):
        wrong((value, cost))
