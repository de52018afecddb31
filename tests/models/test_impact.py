"""What the coupons earned is found again on logs whose truth is known, with intervals that hold it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.impact import Impact, Outcomes, did_it_pay, holdout_lift, incremental_profit
from models.policy.assign import NONE, Policy, Prices, choose

POLICY = Policy((NONE, "a", "b"), Prices.of_cost(1.5, 3), exploration=0.2, holdout=0.25, salt="salt")


def play(users: int, seed: int, visits: int = 2) -> tuple[Outcomes, np.ndarray, float]:
    """Decisions of the real policy on users with known effects: outcomes, a model of no coupon, the true profit."""
    rng = np.random.default_rng(seed)
    rows = users * visits
    ids = [f"{seed}-{user}" for user in range(users) for _ in range(visits)]
    effect, cost = np.zeros((rows, 3)), np.zeros((rows, 3))
    effect[:, 1:] = rng.normal(60, 80, (rows, 2))
    cost[:, 1:] = [20.0, 40.0]
    base = np.repeat(rng.gamma(2, 60, users), visits)  # what a user earns anyway, alike at every visit
    got = choose(POLICY, effect - cost, cost, ids, [f"d{row}" for row in range(rows)])
    at = np.arange(rows), got.offer
    value = base + effect[at] + rng.normal(0, 50, rows)
    outcomes = Outcomes(ids, got.offer > 0, got.propensity, got.holdout, value, cost[at])
    return outcomes, base + 10, float((effect - cost)[at].sum())


def estimates(outcomes: Outcomes, model: np.ndarray) -> dict[str, Impact]:
    return {found.method: found for found in did_it_pay(outcomes, model, budget_cents=1e9)}


def test_intervals_hold_the_true_profit_about_as_often_as_they_say() -> None:
    logs = 200
    inside = dict.fromkeys(("dr", "hajek", "ipw", "holdout"), 0)
    width = dict.fromkeys(inside, 0.0)
    for seed in range(logs):
        outcomes, model, _ = play(250, seed)
        for method, found in estimates(outcomes, model).items():
            inside[method] += found.low <= expected_profit() * 250 <= found.high
            width[method] += (found.high - found.low) / logs
    for method, count in inside.items():
        assert 0.91 <= count / logs <= 0.985, f"{method}: {count / logs:.3f} inside"
    assert width["dr"] < width["hajek"] < width["holdout"]


@cache
def expected_profit() -> float:
    """True profit per user, holdout and exploration included, over many users."""
    return sum(play(20_000, 10_000 + seed)[2] for seed in range(5)) / 100_000


def test_the_holdout_estimate_is_the_difference_of_means_for_everybody_else() -> None:
    outcomes = Outcomes(
        ["a", "b", "c", "c"],
        [True, False, False, False],
        [0.5] * 4,
        [False, False, True, True],
        [9, 5, 1, 3],
        [1, 0, 0, 0],
    )
    found = holdout_lift(outcomes, budget_cents=0.5)
    assert found.profit_cents == pytest.approx(((8 + 5) / 2 - 2) * 2)
    assert (found.n, found.users, found.ess) == (4, 3, 2)
    assert found.spend_cents == 1
    assert found.within_budget is False


def test_by_hand_the_weighted_estimates_are_what_the_formulas_say() -> None:
    outcomes = Outcomes(
        ["a", "b", "c", "d"],
        [True, False, True, False],
        [0.5, 0.25, 0.8, 0.5],
        [False] * 4,
        [10, 4, 8, 2],
        [2, 0, 3, 0],
    )
    observed = 8 + 4 + 5 + 2
    assert incremental_profit(outcomes, "ipw").profit_cents == pytest.approx(observed - (4 / 0.25 + 2 / 0.5))
    hajek = incremental_profit(outcomes, "hajek")
    assert hajek.profit_cents == pytest.approx(observed - 4 * (16 + 4) / 6)
    assert hajek.largest_weight == 4
    assert hajek.ess == pytest.approx(36 / 20)
    assert hajek.within_budget is None
    dr = incremental_profit(outcomes, "dr", [1, 2, 3, 4])
    assert dr.profit_cents == pytest.approx(observed - (1 + 2 + 3 + 4 + 4 * (4 - 2) + 2 * (2 - 4)))


def test_outcomes_come_from_the_table_of_decision_outcomes() -> None:
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b", "c"],
            "offer": ["flat_8", "none", "none"],
            "propensity": [0.5, 0.25, 0.3],
            "holdout": [False, False, True],
            "value_cents": [10.0, 4.0, 1.0],
            "cost_cents": [2.0, 0.0, 0.0],
        }
    )
    outcomes = Outcomes.of(frame)
    assert outcomes.offered.tolist() == [True, False, False]
    assert outcomes.profit.tolist() == [8, 4, 1]
    assert outcomes.users == 3


def test_withheld_users_add_nothing_and_no_spread() -> None:
    outcomes = Outcomes(["a", "b"], [False, False], [1.0, 1.0], [False, False], [100, 300], [0, 0])
    found = incremental_profit(outcomes, "ipw")
    assert found.profit_cents == found.standard_error == 0


def test_without_a_holdout_the_other_estimates_remain() -> None:
    outcomes = Outcomes(["a", "b"], [True, False], [0.5, 0.5], [False, False], [1, 2], [0, 0])
    assert [found.method for found in did_it_pay(outcomes)] == ["hajek", "ipw"]
    with pytest.raises(InputError, match="holdout: got"):
        holdout_lift(outcomes)


def test_a_log_that_always_gave_an_offer_cannot_tell() -> None:
    outcomes = Outcomes(["a", "b"], [True, True], [0.5, 0.5], [False, False], [1, 2], [0, 0])
    with pytest.raises(InputError, match="decisions: got"):
        incremental_profit(outcomes)


def test_an_unknown_method_or_a_missing_model_is_named() -> None:
    outcomes = Outcomes(["a", "b"], [True, False], [0.5, 0.5], [False, False], [1, 2], [0, 0])
    with pytest.raises(InputError, match="method: got 'guess'"):
        incremental_profit(outcomes, "guess")
    with pytest.raises(InputError, match="none_profit: got None"):
        incremental_profit(outcomes, "dr")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"propensity": [0.0, 0.5]}, "propensity"),
        ({"propensity": [0.5]}, "propensity"),
        ({"value_cents": [1, math.nan]}, "value_cents"),
        ({"cost_cents": ["one", "two"]}, "cost_cents"),
        ({"offered": [1, 0]}, "offered"),
        ({"holdout": [True, False]}, "holdout"),
        ({"user": ["a"]}, "cluster"),
        ({key: [] for key in ("user", "offered", "propensity", "holdout", "value_cents", "cost_cents")}, "decisions"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    good: dict[str, object] = {
        "user": ["a", "b"],
        "offered": [True, False],
        "propensity": [0.5, 0.5],
        "holdout": [False, False],
        "value_cents": [1, 2],
        "cost_cents": [0, 0],
    }
    with pytest.raises(InputError, match=f"^{field}: got"):
        Outcomes(**(good | change))  # type: ignore[arg-type]
