"""What is left of a round's limits, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy.limits import Limits, SegmentLimit
from models.policy.remaining import remaining

ARMS = ("none", "small", "large")


def test_what_was_given_comes_off_every_limit() -> None:
    limits = Limits(
        budget_cents=1_000,
        stock={"small": 5, "large": 1},
        per_user=1,
        segments={
            "gold": SegmentLimit(min_users=3, max_users=4, min_spend_cents=500, max_spend_cents=600),
            "new": SegmentLimit(min_users=1),
        },
        roi_floor=0.5,
    )
    offer, cost = np.array([1, 2, 0, 1, 2]), np.array([100.0, 250.0, 0.0, 90.0, 300.0])
    left = remaining(limits, ARMS, offer, cost, ["gold", "gold", "new", "new", "other"])
    assert left.budget_cents == pytest.approx(260)
    assert left.stock == {"small": 3, "large": 0}  # one more was given than there were
    gold = left.segments["gold"]
    assert (gold.min_users, gold.max_users) == (1, 2)
    assert (gold.min_spend_cents, gold.max_spend_cents) == (pytest.approx(150), pytest.approx(250))
    assert left.segments["new"].min_users == 0
    assert left.per_user is None
    assert left.roi_floor == 0.5


def test_nothing_given_leaves_everything_and_more_than_all_leaves_nothing() -> None:
    limits = Limits(budget_cents=100, stock={"large": 2})
    nothing = remaining(limits, ARMS, np.zeros(0, dtype=np.intp), np.zeros(0))
    assert nothing.budget_cents == pytest.approx(100)
    assert nothing.stock == {"large": 2}
    assert remaining(limits, ARMS, np.array([2]), np.array([500.0])).budget_cents == 0
    assert remaining(Limits(), ARMS, np.array([1]), np.array([9.0])).budget_cents is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1e7))
def test_the_parts_of_a_budget_never_add_up_to_more_than_it(costs: list[float], budget: float) -> None:
    left = remaining(Limits(budget_cents=budget), ARMS, np.ones(len(costs), dtype=np.intp), np.array(costs))
    assert left.budget_cents is not None
    spent = sum(costs)
    assert spent > budget or spent + left.budget_cents <= budget or left.budget_cents == 0
