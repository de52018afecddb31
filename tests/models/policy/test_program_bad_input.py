"""Rounds at the edge of sense: each has a defined answer or an error that names what is wrong."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from features.errors import InputError
from models.policy.limits import Infeasible, Limits, SegmentLimit
from models.policy.prices import Prices, draw
from models.policy.program import solve

ARMS = ("none", "a", "b")
VALUE = np.array([[0, 30.0, 10.0], [0, 20.0, 25.0], [0, -5.0, 4.0]])
COST = np.array([[0, 10.0, 2.0], [0, 10.0, 8.0], [0, -3.0, 1.0]])
SEGMENT = ["s", "s", "t"]


def few(limits: Limits, **change: Any) -> Any:
    return solve(**({"value": VALUE, "cost": COST, "limits": limits, "arms": ARMS, "segment": SEGMENT} | change))


def test_no_limit_gives_everybody_their_best() -> None:
    found = few(Limits())
    assert found.offer.tolist() == found.rule_offer.tolist() == [1, 2, 2]
    assert found.gap == found.rule_gap == 0
    assert found.binding == ()


def test_a_budget_of_zero_takes_what_pays_for_itself() -> None:
    found = few(Limits(budget_cents=0, stock={"b": 3}))
    assert found.offer.tolist() == [2, 0, 1]  # two cents saved by the third user's loss buy the first one's offer
    assert found.cost <= 0


def test_a_budget_beyond_everyone_and_stock_beyond_everyone_cost_nothing() -> None:
    found = few(Limits(budget_cents=1e12, stock={"a": 10**9}, roi_floor=-1e6))
    assert found.offer.tolist() == [1, 2, 2]
    assert found.binding == ()


def test_no_offer_worth_it_gives_nobody_anything() -> None:
    found = few(Limits(budget_cents=10, stock={"a": 1}), value=-np.abs(VALUE), cost=np.abs(COST))
    assert found.value == found.cost == found.gap == 0


def test_stock_zero_takes_an_offer_from_everybody() -> None:
    found = few(Limits(stock={"a": 0}))
    assert found.offer.tolist() == found.rule_offer.tolist() == [2, 2, 2]


@pytest.mark.parametrize("limits", [Limits(), Limits(budget_cents=5), Limits(budget_cents=5, stock={"a": 1})])
def test_no_users_and_no_offers_are_answered(limits: Limits) -> None:
    nobody = np.zeros((0, 3))
    assert solve(nobody, nobody, limits, ARMS).value == 0
    nothing = np.zeros((4, 1))
    assert solve(nothing, nothing, Limits(budget_cents=5), ("none",)).offer.tolist() == [0] * 4


def test_nobody_in_a_capped_segment_is_no_limit_and_in_one_with_a_floor_a_conflict() -> None:
    assert few(Limits(segments={"gone": SegmentLimit(max_users=1)})).offer.tolist() == [1, 2, 2]
    with pytest.raises(Infeasible, match=r"segments\[gone\].min_users: got 1.*at most 0"):
        few(Limits(segments={"gone": SegmentLimit(min_users=1)}))


def test_a_floor_that_the_stock_cannot_reach_names_both_with_the_numbers() -> None:
    users = 2_000
    value, cost = np.tile([0.0, 3.0, 5.0], (users, 1)), np.tile([0.0, 1.0, 1.0], (users, 1))
    limits = Limits(stock={"a": 100, "b": 200}, segments={"student": SegmentLimit(min_users=500)}, budget_cents=1e6)
    with pytest.raises(Infeasible) as shown:
        solve(value, cost, limits, ARMS, ["student"] * users)
    assert str(shown.value).startswith("segments[student].min_users: got 500.0, expected at most 300")
    assert set(shown.value.limits) == {"segments[student].min_users", "stock[a]", "stock[b]"}


def test_a_floor_that_the_budget_cannot_pay_names_the_budget() -> None:
    with pytest.raises(Infeasible) as shown:
        few(Limits(budget_cents=3, segments={"s": SegmentLimit(min_spend_cents=15)}, stock={"a": 5}))
    assert set(shown.value.limits) == {"segments[s].min_spend_cents", "budget_cents"}


def test_a_return_below_the_floor_before_the_round_is_earned_back_or_shown_impossible() -> None:
    found = few(Limits(roi_floor=1.0, roi_credit_cents=-20))
    assert math.fsum(VALUE[range(3), found.offer]) - 20 >= found.cost
    with pytest.raises(Infeasible, match="roi_floor"):
        few(Limits(roi_floor=1.0, roi_credit_cents=-1e6))


def test_limits_that_only_fractions_meet_are_shown_to_conflict() -> None:
    value, cost = np.array([[0.0, 1.0]]), np.array([[0.0, 10.0]])
    limits = Limits(segments={"s": SegmentLimit(min_spend_cents=5, max_spend_cents=6)})
    with pytest.raises(Infeasible, match="whole coupons") as shown:
        solve(value, cost, limits, ("none", "a"), ["s"])
    assert len(shown.value.limits) == 2


def test_a_user_cap_in_the_way_of_a_floor_is_named() -> None:
    value, cost = np.tile([0.0, 1.0], (4, 1)), np.tile([0.0, 1.0], (4, 1))
    floor = {"s": SegmentLimit(min_users=3)}
    limits = Limits(per_user=1, segments=floor, budget_cents=10)
    with pytest.raises(Infeasible, match="at most 2 under per_user") as shown:
        solve(value, cost, limits, ("none", "a"), ["s"] * 4, ["u", "u", "w", "w"])
    assert set(shown.value.limits) == {"segments[s].min_users", "per_user"}
    assert solve(value, cost, Limits(segments=floor), ("none", "a"), ["s"] * 4).uses[0].used >= 3


def test_only_limits_that_are_needed_for_a_conflict_are_named() -> None:
    # A floor of one on segment x makes things worse, but the budget alone already rules four in y out.
    users = np.array([300, 100, 200, 100, 200, 300, 200, 100, 100], dtype=float)
    dearer = np.array([300, 300, 300, 100, 200, 300, 200, 200, 100], dtype=float)
    table = np.column_stack([np.zeros(9), users, dearer])
    limits = Limits(
        budget_cents=417.0,
        stock={"b": 1},
        segments={"x": SegmentLimit(min_users=1), "y": SegmentLimit(min_users=4)},
    )
    with pytest.raises(Infeasible) as shown:
        solve(table, table, limits, ("none", "a", "b"), ["y", "y", "x", "z", "y", "", "z", "y", "y"])
    assert set(shown.value.limits) == {"segments[y].min_users", "budget_cents"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": [[0, math.nan, 1]]}, r"value\[0, 1\]"),
        ({"cost": np.full((3, 3), math.inf)}, r"cost\[0, 0\]"),
        ({"cost": [[0, 1, 2]]}, "cost"),
        ({"value": [[0, 1], [0]]}, "value"),
        ({"arms": ("none", "a")}, "arms"),
        ({"arms": ("none", "a", "a")}, "arms"),
        ({"segment": None}, "segment"),
        ({"segment": ["s"]}, "segment"),
        ({"user": ["u"]}, "user"),
        ({"lots": [0.1]}, "lots"),
        ({"lots": [0.1, 1.0, 0.2]}, "lots"),
        ({"lots": ["x", "y", "z"]}, "lots"),
        ({"eligible": [[1, 1, 1]]}, "eligible"),
    ],
)
def test_a_bad_argument_is_named(change: dict[str, Any], field: str) -> None:
    limits = Limits(budget_cents=5, per_user=1, segments={"s": SegmentLimit(max_users=1)})
    with pytest.raises(InputError, match=f"^{field}: got"):
        few(limits, **change)


def test_stock_of_an_unknown_offer_or_of_none_is_named() -> None:
    for offer in ("z", "none"):
        with pytest.raises(InputError, match=rf"^stock\[{offer}\]: got"):
            few(Limits(stock={offer: 1}))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"budget_cents": -1}, "budget_cents"),
        ({"budget_cents": math.nan}, "budget_cents"),
        ({"budget_cents": "much"}, "budget_cents"),
        ({"stock": {"a": -1}}, r"stock\[a\]"),
        ({"stock": {"a": 1.5}}, r"stock\[a\]"),
        ({"stock": [1]}, "limits.stock"),
        ({"per_user": -1}, "per_user"),
        ({"per_user": True}, "per_user"),
        ({"roi_floor": math.inf}, "roi_floor"),
        ({"roi_credit_cents": math.nan}, "roi_credit_cents"),
        ({"segments": {"": {}}}, "segments"),
        ({"segments": {"s": {"min_users": 3, "max_users": 2}}}, r"limits.segments\[s\].min_users"),
        ({"segments": {"s": {"min_spend_cents": 3, "max_spend_cents": 2}}}, r"limits.segments\[s\].min_spend_cents"),
        ({"segments": {"s": {"users": 2}}}, r"limits.segments\[s\]"),
        ({"segments": {"s": 2}}, r"limits.segments\[s\]"),
        ({"budget": 5}, "limits.budget"),
    ],
)
def test_a_bad_limit_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: got"):
        Limits.from_spec(spec)


def test_limits_and_prices_survive_json() -> None:
    limits = Limits(9.5, {"a": 3}, 2, {"s": SegmentLimit(1, 2, 3.0, None)}, 0.5, -4.0)
    assert Limits.from_spec(json.loads(json.dumps(limits.to_spec()))) == limits
    assert Limits.from_spec(Limits().to_spec()) == Limits()
    prices = Prices(("", "s"), (0.1, -0.3), ((0.0, 1.0), (0.0, -1 / 3)), 1e-7)
    assert Prices.from_spec(json.loads(json.dumps(prices.to_spec()))) == prices


@pytest.mark.parametrize(
    "change",
    [
        {"segments": ("s",)},
        {"segments": ("", "")},
        {"cost": (1.0, 2.0)},
        {"cost": (math.nan,)},
        {"unit": ()},
        {"unit": ((1.0, 0.0),)},
        {"unit": ((0.0, math.inf),)},
        {"tie_cents": -1.0},
    ],
)
def test_bad_prices_are_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"segments": ("",), "cost": (1.0,), "unit": ((0.0, 1.0),)}
    with pytest.raises(InputError, match=r"^prices"):
        Prices(**(good | change))
    with pytest.raises(InputError, match=r"^prices"):
        Prices.from_spec({})


def test_the_draws_of_two_offers_for_one_lot_are_unrelated_and_even() -> None:
    lots = np.random.default_rng(0).random(20_000)
    drawn = np.array([draw(lots, offer) for offer in range(4)])
    assert np.abs(np.corrcoef(drawn)[np.triu_indices(4, 1)]).max() < 0.03
    assert np.abs(np.quantile(drawn, [0.1, 0.5, 0.9], axis=1).T - [0.1, 0.5, 0.9]).max() < 0.02
