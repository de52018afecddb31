"""A round of coupons spends within its budget, exploration included, and decides as the service will."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.policy.assign import NONE, Policy, Price, choose
from models.policy.plan import plan

POLICY = Policy((NONE, "a", "b", "c"), Price(0, 0, 0), exploration=0.1, holdout=0.1, salt="salt", budget_cents=20_000)


def shop(users: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    rng = np.random.default_rng(seed)
    value, cost = rng.normal(60, 150, (users, 4)), rng.gamma(2, 60, (users, 4))
    value[:, 0] = cost[:, 0] = 0
    return value, cost, [f"u{number}" for number in range(users)], ["round-1"] * users


@given(st.integers(0, 500), st.integers(0, 40_000), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_the_round_never_expects_to_spend_more_than_its_budget(seed: int, budget: int, exploration: float) -> None:
    value, cost, users, keys = shop(150, seed)
    policy = dataclasses.replace(POLICY, budget_cents=budget, exploration=exploration)
    done = plan(policy, value, cost, users, keys)
    assert done.figures()["spend_cents"] <= budget
    assert done.policy.exploration <= exploration
    assert (done.assigned.propensity > 0).all()


def test_every_decision_of_the_round_is_the_one_the_service_would_take_alone() -> None:
    value, cost, users, keys = shop(400)
    eligible = np.random.default_rng(1).random(value.shape) < 0.8
    withhold = np.arange(400) % 7 == 0
    done = plan(POLICY, value, cost, users, keys, eligible, withhold)
    service = Policy.from_spec(done.policy.to_spec())
    for i in range(400):
        alone = choose(service, value[[i]], cost[[i]], [users[i]], [keys[i]], eligible[[i]], withhold[[i]])
        assert alone.offer[0] == done.assigned.offer[i]
        assert alone.propensity[0] == done.assigned.propensity[i]
        assert alone.reasons[0] == done.assigned.reasons[i]


def test_users_whom_the_rule_decides_get_what_was_allocated() -> None:
    value, cost, users, keys = shop(2_000)
    done = plan(POLICY, value, cost, users, keys)
    decided = np.isin(done.assigned.reasons, ["best", "no_gain"])
    assert np.array_equal(done.assigned.offer[decided], done.allocation.rule_offer)
    figures = done.figures()
    assert figures["spend_cents"] > 0.98 * POLICY.budget_cents
    assert figures["gap"] < 0.01
    assert figures["profit_cents"] <= figures["bound_cents"]
    assert sum(figures[f"share_{arm}"] for arm in POLICY.arms) == pytest.approx(1)


def test_budget_zero_gives_nothing_away_even_by_exploration() -> None:
    value, cost, users, keys = shop(500)
    done = plan(dataclasses.replace(POLICY, budget_cents=0, exploration=1.0), value, cost + 1 * (cost > 0), users, keys)
    assert done.figures()["spend_cents"] == 0
    assert not done.assigned.offer.any()


def test_withheld_users_get_nothing_and_take_no_budget() -> None:
    value, cost, users, keys = shop(300)
    done = plan(POLICY, value, cost, users, keys, withhold=np.ones(300, dtype=bool))
    assert done.figures()["withheld_users"] == 300
    assert done.figures()["spend_cents"] == done.figures()["share_a"] == 0


def test_a_user_twice_in_a_round_is_refused() -> None:
    value, cost, _, keys = shop(2)
    with pytest.raises(InputError, match="user_ids: got"):
        plan(POLICY, value, cost, ["u", "u"], keys)
