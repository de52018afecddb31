"""What one user may get, which segment a user is in, what chance may give, and what an abuser is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from features.errors import InputError
from models.policy.contact import UserLimit, within
from models.policy.expected import expected_profit
from models.policy.explore import TOO_RARE, affordable, most_expected
from models.policy.limits import Limits, SegmentLimit
from models.policy.segment import Segmentation


def test_a_user_gets_an_offer_only_while_the_count_leaves_room_for_one_more() -> None:
    limits = (UserLimit("claims_7d", 2), UserLimit("spent", 100, "cents"))
    cost = np.array([[0.0, 30, 80]] * 5)
    facts = {"claims_7d": [0, 1, 2, 0, math.nan], "spent": [0, 50, 0, 90, math.nan]}
    allowed = within(limits, facts, cost)
    assert allowed.tolist() == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
        [True, False, False],
        [True, True, True],
    ]


@pytest.mark.parametrize("bad", [{"most": -1}, {"most": math.nan}, {"most": 1, "unit": "coupons"}])
def test_a_limit_that_is_none_cannot_be_made(bad: dict[str, float | str]) -> None:
    with pytest.raises(InputError, match=r"^limit"):
        UserLimit("claims_7d", **bad)  # type: ignore[arg-type]


def test_segments_are_intervals_that_include_their_lower_edge() -> None:
    ages = Segmentation.bins("age", [30, 180])
    assert ages.of([0, 29.9, 30, 179, 180, 9e9, math.nan]).tolist() == [
        "age < 30",
        "age < 30",
        "30 <= age < 180",
        "30 <= age < 180",
        "180 <= age",
        "180 <= age",
        "",
    ]


def test_codes_of_a_category_are_segments_and_unknown_ones_are_everyone_else() -> None:
    tiers = Segmentation.categories("tier", ("basic", "gold"))
    assert tiers.of([0, 1, 2, -1, math.nan]).tolist() == ["basic", "gold", "", "", ""]
    assert Segmentation.from_spec(tiers.to_spec()) == tiers


@pytest.mark.parametrize(
    ("edges", "names"), [((1.0, 1.0), ("a", "b", "c")), ((1.0,), ("a",)), ((1.0, 2.0), ("a", "a", "b"))]
)
def test_segments_that_overlap_or_share_a_name_are_refused(edges: tuple[float, ...], names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="segments"):
        Segmentation("age", edges, names)


@dataclass(frozen=True)
class Told:
    value: np.ndarray
    cost: np.ndarray


def test_an_abusers_margin_is_lost_and_the_coupon_is_paid_all_the_same() -> None:
    told = Told(np.array([[0.0, 100], [0, 100], [0, 100], [0, 100]]), np.array([[0.0, 30]] * 4))
    assert expected_profit(told, [0, 0.5, 1, math.nan])[:, 1].tolist() == [70, 20, -30, 70]
    assert np.array_equal(expected_profit(told), expected_profit(told, [0] * 4))


@pytest.mark.parametrize("bad", [[0.1], [0, 1.1], [-0.1, 0], [[0.1, 0.2]], [math.inf, 0]])
def test_what_is_no_probability_of_abuse_is_refused(bad: list[float]) -> None:
    with pytest.raises(InputError, match="p_abuse"):
        expected_profit(Told(np.zeros((2, 2)), np.zeros((2, 2))), bad)


@given(st.floats(0.5, 500))
def test_a_mean_below_the_bound_reaches_its_limit_almost_never(most: float) -> None:
    mean = most_expected(most)
    assert mean < most
    assert poisson.sf(math.ceil(most) - 1, mean) <= TOO_RARE * (1 + 1e-6)  # a Poisson sum has the widest tail


def rates(limits: Limits, users: int = 10_000, chance: float = 0.3) -> np.ndarray | None:
    rng = np.random.default_rng(0)
    profit, cost = rng.normal(50, 100, (users, 3)), rng.gamma(2, 50, (users, 3))
    profit[:, 0] = cost[:, 0] = 0
    segment = np.where(np.arange(users) % 2, "gold", "basic")
    allowed = np.ones((users, 3), dtype=bool)
    found = affordable(limits, ("none", "a", "b"), allowed, profit, cost, segment, chance)
    return None if found is None else np.array(found.keep)


def test_chance_is_not_held_back_where_limits_leave_room() -> None:
    assert rates(Limits()) is None
    assert rates(Limits(1e9, stock={"a": 10_000}, segments={"gold": SegmentLimit(max_users=9_000)})) is None


def test_each_limit_holds_back_what_it_is_about() -> None:
    stock = rates(Limits(stock={"a": 500}))  # 1,000 draws are expected
    assert stock is not None
    assert 0.3 < stock[0, 1] < 0.5
    assert stock[0, [0, 2]].tolist() == [1, 1]
    segment = rates(Limits(segments={"gold": SegmentLimit(max_users=100)}))
    assert segment is not None
    assert (segment[0] == 1).all()
    assert segment[1, 0] == 1
    assert 0 < segment[1, 1] == segment[1, 2] < 0.1
    budget = rates(Limits(50_000))
    assert budget is not None
    assert 0.1 < budget[0, 1] < 0.5
    floor = rates(Limits(roi_floor=3.0))  # draws lose more against such a floor than the rest can earn
    assert floor is not None
    assert floor[0, 1] < 1


def test_an_offer_too_scarce_to_learn_from_is_not_drawn_at_all() -> None:
    found = rates(Limits(stock={"a": 4}))
    assert found is not None
    assert found[0].tolist() == [1, 0, 1]
