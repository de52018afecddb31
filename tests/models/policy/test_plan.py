"""A round keeps every limit, chance included, decides as the service will, and logs the chances that it took."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.policy.assign import NONE, Policy, Prices, choose
from models.policy.contact import UserLimit
from models.policy.draws import Draws
from models.policy.limits import Infeasible, Limits, SegmentLimit
from models.policy.plan import Plan, plan
from models.policy.segment import Segmentation

ARMS = (NONE, "a", "b", "c")
TIERS = Segmentation.categories("tier", ("basic", "gold"))
POLICY = Policy(ARMS, Prices.of_cost(0.0, 4), 0.1, 0.1, "salt", limits=Limits(20_000.0))
EVERYTHING = Limits(
    20_000.0,
    stock={"a": 30, "b": 60},
    segments={"gold": SegmentLimit(min_users=50, max_spend_cents=15_000), "basic": SegmentLimit(max_users=70)},
    roi_floor=1.1,
)
SEEN = (UserLimit("claims_7d", 2), UserLimit("spent_90d", 400, "cents"))


def shop(users: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    rng = np.random.default_rng(seed)
    value, cost = rng.normal(60, 150, (users, 4)), rng.gamma(2, 60, (users, 4))
    value[:, 0] = cost[:, 0] = 0
    return value, cost, [f"u{number}" for number in range(users)], ["round-1"] * users


def known(users: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Tier (missing for some), offers of the last days and cents spent on a user, as features give them."""
    rng = np.random.default_rng(1_000 + seed)
    tier = np.where(rng.random(users) < 0.1, np.nan, rng.integers(0, 2, users))
    counts = np.where(rng.random(users) < 0.1, np.nan, rng.integers(0, 4, users))
    return {"tier": tier, "claims_7d": counts, "spent_90d": rng.integers(0, 500, users).astype(float)}


def keeps(done: Plan) -> bool:
    """Every limit, recounted from the decisions alone."""
    limits, offer, arms = done.policy.limits, done.assigned.offer, done.policy.arms
    spend = done.cost.sum()
    segment = done.case.segment
    good = limits.budget_cents is None or spend <= limits.budget_cents * (1 + 1e-12)
    good &= all((offer == arms.index(arm)).sum() <= units for arm, units in limits.stock.items())
    good &= limits.roi_floor is None or done.value.sum() >= limits.roi_floor * spend - 1e-6
    for name, limit in limits.segments.items():
        mine = segment == name
        good &= limit.max_users is None or (offer[mine] > 0).sum() <= limit.max_users
        good &= limit.min_users is None or (offer[mine] > 0).sum() >= limit.min_users
        good &= limit.max_spend_cents is None or done.cost[mine].sum() <= limit.max_spend_cents * (1 + 1e-12)
    return bool(good)


@given(st.integers(0, 500), st.integers(0, 40_000), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_the_round_never_expects_to_spend_more_than_its_budget(seed: int, budget: int, exploration: float) -> None:
    value, cost, users, keys = shop(150, seed)
    policy = dataclasses.replace(POLICY, limits=Limits(budget), exploration=exploration)
    done = plan(policy, value, cost, users, keys)
    assert done.figures()["spend_cents"] <= budget
    assert (done.assigned.propensity > 0).all()


@pytest.mark.parametrize("seed", range(12))
def test_a_round_keeps_all_limits_at_once_whatever_is_drawn(seed: int) -> None:
    value, cost, users, keys = shop(600, seed)
    policy = dataclasses.replace(
        POLICY, limits=EVERYTHING, segments=TIERS, user_limits=SEEN, exploration=0.2, salt=str(seed)
    )
    done = plan(policy, value, cost, users, keys, facts=known(600, seed))
    assert keeps(done)
    assert done.figures()["spend_cents"] > 0
    assert done.solution.broken == ()
    assert {use.name for use in done.uses} == {
        "budget_cents",
        "stock[a]",
        "stock[b]",
        "segments[gold].min_users",
        "segments[gold].max_spend_cents",
        "segments[basic].max_users",
        "roi_floor",
    }
    for use in done.uses:
        assert use.slack >= -1e-9 * max(use.bound, 1), use


@pytest.mark.parametrize("floor", [2.5, 6.0])
def test_a_return_floor_is_kept_although_chance_gives_what_does_not_earn_it(floor: float) -> None:
    value, cost, users, keys = shop(600)
    policy = dataclasses.replace(POLICY, limits=Limits(60_000.0, roi_floor=floor), exploration=0.3)
    done = plan(policy, value, cost, users, keys)
    assert keeps(done)
    assert done.value.sum() < 1.05 * floor * done.cost.sum()  # the floor binds
    drawn = done.assigned.explored & (done.assigned.offer > 0)
    assert bool(drawn.any()) == done.explores == (floor < 6)
    assert done.value[drawn].sum() <= floor * done.cost[drawn].sum()


def test_every_decision_of_the_round_is_the_one_the_service_would_take_alone() -> None:
    value, cost, users, keys = shop(400)
    eligible = np.random.default_rng(1).random(value.shape) < 0.8
    withhold = np.arange(400) % 7 == 0
    facts = known(400)
    limits = dataclasses.replace(
        EVERYTHING, segments={"gold": SegmentLimit(min_users=20), "basic": SegmentLimit(max_users=70)}
    )
    policy = dataclasses.replace(POLICY, limits=limits, segments=TIERS, user_limits=SEEN)
    done = plan(policy, value, cost, users, keys, eligible, withhold, facts)
    assert len(set(done.assigned.reasons)) == 7
    service = Policy.from_spec(json.loads(json.dumps(done.policy.to_spec())))
    for i in range(400):
        mine = {name: column[[i]] for name, column in facts.items()}
        alone = choose(service, value[[i]], cost[[i]], [users[i]], [keys[i]], eligible[[i]], withhold[[i]], mine)
        assert alone.offer[0] == done.assigned.offer[i]
        assert alone.propensity[0] == done.assigned.propensity[i]
        assert alone.reasons[0] == done.assigned.reasons[i]
        assert np.array_equal(alone.score[0], done.assigned.score[i])


def test_users_whom_the_rule_decides_get_what_was_allocated() -> None:
    value, cost, users, keys = shop(2_000)
    done = plan(POLICY, value, cost, users, keys)
    decided = np.isin(done.assigned.reasons, ["best", "no_gain"])
    assert np.array_equal(done.assigned.offer[decided], done.solution.rule_offer)
    figures = done.figures()
    assert figures["spend_cents"] > 0.98 * 20_000
    assert figures["gap"] < 0.01
    assert figures["profit_cents"] <= figures["bound_cents"]
    assert sum(figures[f"share_{arm}"] for arm in ARMS) == pytest.approx(1)


def test_users_who_are_all_alike_still_spend_the_budget() -> None:
    _, _, users, keys = shop(3_000)
    value, cost = np.tile([0.0, 100, 150, 90], (3_000, 1)), np.tile([0.0, 20, 40, 60], (3_000, 1))
    done = plan(POLICY, value, cost, users, keys)
    assert 0.99 * 20_000 < done.figures()["spend_cents"] <= 20_000
    service = Policy.from_spec(json.loads(json.dumps(done.policy.to_spec())))
    assert np.array_equal(choose(service, value, cost, users, keys).offer, done.assigned.offer)


def frequencies(policy: Policy, users: int, rounds: int, facts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How often each user got each offer over rounds with fresh salts, and the mean chance that was logged."""
    value, cost, ids, keys = shop(users, 5)
    seen, logged = np.zeros((users, 4)), np.zeros((users, 4))
    for number in range(rounds):
        done = plan(dataclasses.replace(policy, salt=f"s{number}"), value, cost, ids, keys, facts=facts)
        assert keeps(done)
        seen[np.arange(users), done.assigned.offer] += 1
        logged += done.assigned.probabilities
    return seen / rounds, logged / rounds


def test_offers_come_as_often_as_logged_over_whole_rounds_that_exhaust_their_limits() -> None:
    limits = Limits(2_500.0, stock={"a": 9, "b": 25}, segments={"gold": SegmentLimit(max_users=25)})
    policy = dataclasses.replace(
        POLICY, limits=limits, segments=TIERS, user_limits=SEEN[:1], exploration=0.4, holdout=0.2
    )
    users, rounds, facts = 60, 90, known(60, 5)
    seen, logged = frequencies(policy, users, rounds, facts)
    # The prices depend on who was drawn, so a user's own draw moves its rule by about one user's share of a limit.
    error = np.sqrt(np.maximum(logged * (1 - logged), 1e-4) / rounds)
    assert np.abs(seen - logged).max() <= 4.5 * error.max() + 1 / users
    assert np.abs((seen - logged).mean(axis=0)).max() < 0.012  # over all users nothing remains
    assert ((seen == 0) | (logged > 0)).all()


def test_given_the_prices_the_logged_chance_is_exact_by_counting_every_draw() -> None:
    value, cost, users, keys = shop(300, 3)
    limits = Limits(8_000.0, stock={"a": 120, "b": 40, "c": 2})
    policy = dataclasses.replace(POLICY, limits=limits, exploration=0.5, holdout=0.25)
    done = plan(policy, value, cost, users, keys)
    assert done.policy.rates is not None
    keep = np.array(done.policy.rates.keep[0])
    assert keep[3] == 0
    assert ((keep[1:3] > 0) & (keep[1:3] < 1)).all()
    steps = 400
    grid = (np.arange(steps) + 0.5) / steps
    for i in range(0, 300, 29):
        best = done.assigned.best[i]
        exact = np.zeros(4)
        exact[0] += 0.25
        # For a held-out share and a coin, count which offer every position of the pointer gives.
        for pointer in grid:
            nth = int(pointer * 4)
            drawn = nth if pointer * 4 - nth < keep[nth] else best
            exact[drawn] += 0.75 * 0.5 / steps
        exact[best] += 0.75 * 0.5
        assert done.assigned.probabilities[i] == pytest.approx(exact, abs=4 / steps)


def test_a_draw_that_scarcity_refuses_leaves_the_decision_to_the_rule() -> None:
    value, cost, users, keys = shop(4_000, 3)
    policy = dataclasses.replace(POLICY, limits=Limits(200_000.0, stock={"b": 150}), exploration=0.6, holdout=0.0)
    done = plan(policy, value, cost, users, keys)
    rates = done.policy.rates
    assert rates is not None
    drawn = (done.assigned.explored) & (done.assigned.offer == 2)
    assert 0 < drawn.sum() <= 150
    assert drawn.sum() == pytest.approx(4_000 * 0.6 / 4 * rates.keep[0][2], rel=0.35)
    rest = ~done.assigned.explored
    assert np.array_equal(done.assigned.offer[rest], done.assigned.best[rest])


def test_rates_do_not_depend_on_the_draws() -> None:
    value, cost, users, keys = shop(300, 3)
    policy = dataclasses.replace(POLICY, limits=Limits(3_000.0, stock={"b": 20}), exploration=0.5)
    rates = {plan(dataclasses.replace(policy, salt=str(n)), value, cost, users, keys).policy.rates for n in range(3)}
    assert len(rates) == 1


def test_inverse_propensities_of_a_round_estimate_every_offer_without_bias() -> None:
    value, cost, users, keys = shop(400, 9)
    policy = dataclasses.replace(POLICY, limits=Limits(10_000.0), exploration=0.6, holdout=0.1)
    outcome = np.random.default_rng(0).normal(10, 3, (400, 4))
    found = []
    for number in range(150):
        got = plan(dataclasses.replace(policy, salt=f"r{number}"), value, cost, users, keys).assigned
        weight = (got.offer[:, None] == np.arange(4)) / np.where(got.probabilities > 0, got.probabilities, np.inf)
        found.append((weight * outcome).mean(axis=0))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert np.abs(np.mean(found, axis=0) - outcome.mean(axis=0)) == pytest.approx(0, abs=4 * error.max())


def test_budget_zero_gives_nothing_away_even_by_exploration() -> None:
    value, cost, users, keys = shop(500)
    policy = dataclasses.replace(POLICY, limits=Limits(0), exploration=1.0)
    done = plan(policy, value, cost + 1 * (cost > 0), users, keys)
    assert done.figures()["spend_cents"] == done.figures()["exploration"] == 0
    assert not done.explores
    assert not done.assigned.offer.any()


def test_where_no_offer_is_worth_it_only_chance_gives_any() -> None:
    value, cost, users, keys = shop(500)
    done = plan(POLICY, -np.abs(value), cost, users, keys)
    assert not done.assigned.best.any()
    assert set(done.assigned.reasons) == {"no_gain", "explored", "holdout"}


def test_without_any_limit_everybody_gets_the_best_offer() -> None:
    value, cost, users, keys = shop(300)
    done = plan(dataclasses.replace(POLICY, limits=Limits(), exploration=0, holdout=0), value, cost, users, keys)
    assert np.array_equal(done.assigned.offer, value.argmax(axis=1))
    assert "budget_cents" not in done.figures()


def test_a_thousand_offers_are_planned() -> None:
    rng = np.random.default_rng(0)
    value, cost = rng.normal(0, 100, (60, 1_001)), rng.gamma(2, 40, (60, 1_001))
    value[:, 0] = cost[:, 0] = 0
    arms = (NONE, *(f"o{number}" for number in range(1_000)))
    limits = Limits(3_000.0, stock={"o7": 1})
    policy = Policy(arms, Prices.of_cost(0.0, 1_001), 0.1, 0.1, "salt", limits=limits)
    done = plan(policy, value, cost, [f"u{number}" for number in range(60)], ["r"] * 60)
    assert done.figures()["spend_cents"] <= 3_000
    assert (done.assigned.offer == 7).sum() <= 1


def test_withheld_users_get_nothing_and_take_no_budget() -> None:
    value, cost, users, keys = shop(300)
    done = plan(POLICY, value, cost, users, keys, withhold=np.ones(300, dtype=bool))
    assert done.figures()["withheld_users"] == 300
    assert done.figures()["spend_cents"] == done.figures()["share_a"] == 0


def test_users_beyond_their_own_limits_get_nothing_more() -> None:
    value, cost, users, keys = shop(900)
    facts = known(900)
    done = plan(dataclasses.replace(POLICY, user_limits=SEEN, exploration=0.5), value, cost, users, keys, facts=facts)
    got = done.assigned.offer > 0
    counts, spent = np.nan_to_num(facts["claims_7d"]), facts["spent_90d"]
    assert (counts[got] < 2).all()
    assert (spent[got] + done.cost[got] <= 400).all()
    full = counts >= 2
    assert set(np.array(done.assigned.reasons)[full]) == {"contact_limit"}
    assert (done.assigned.propensity[full] == 1).all()
    assert not done.assigned.eligible[full, 1:].any()
    assert got[np.isnan(facts["claims_7d"])].any()  # of whom nothing is known has got nothing


def test_a_floor_is_met_by_subsidising_its_segment_and_its_price_is_shown() -> None:
    value, cost, users, keys = shop(800)
    facts = known(800)
    base = dataclasses.replace(POLICY, segments=TIERS, limits=Limits(20_000.0, segments={"gold": SegmentLimit()}))
    free = plan(base, value, cost, users, keys, facts=facts)
    gold = free.case.segment == "gold"
    more = int((free.assigned.offer[gold] > 0).sum()) + 40
    limits = Limits(20_000.0, segments={"gold": SegmentLimit(min_users=more)})
    bound = plan(dataclasses.replace(base, limits=limits), value, cost, users, keys, facts=facts)
    assert (bound.assigned.offer[gold] > 0).sum() >= more
    floor = next(use for use in bound.uses if use.floor)
    assert floor.price > 0
    lost = free.figures()["profit_cents"] - bound.figures()["profit_cents"]
    assert 0 < lost <= 40 * floor.price * 1.05  # the dual is convex: the last unit costs most


def test_exploration_yields_where_a_floor_needs_everybody() -> None:
    value, cost, users, keys = shop(300)
    facts = {"tier": np.ones(300)}
    limits = Limits(segments={"gold": SegmentLimit(min_users=300)})
    policy = dataclasses.replace(POLICY, limits=limits, segments=TIERS, holdout=0.0, exploration=0.3)
    done = plan(policy, value, cost, users, keys, facts=facts)
    assert (done.assigned.offer > 0).all()
    assert not done.explores


def test_limits_that_contradict_each_other_are_named() -> None:
    value, cost, users, keys = shop(300)
    limits = Limits(0.0, segments={"gold": SegmentLimit(min_users=10)})
    policy = dataclasses.replace(POLICY, limits=limits, segments=TIERS)
    with pytest.raises(Infeasible) as caught:
        plan(policy, value, cost, users, keys, facts=known(300))
    assert set(caught.value.limits) == {"budget_cents", "segments[gold].min_users"}
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limits": Limits(stock={"z": 1})}, "stock[z]"),
        ({"limits": Limits(segments={"silver": SegmentLimit(max_users=1)}), "segments": TIERS}, "silver"),
        ({"limits": Limits(segments={"gold": SegmentLimit(max_users=1)})}, "no segments"),
        ({"limits": Limits(per_user=0)}, "per_user"),
        ({"prices": Prices.of_cost(0.0, 3)}, "prices"),
    ],
)
def test_a_policy_whose_limits_name_what_is_not_there_cannot_be_made(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        dataclasses.replace(POLICY, **change)


@pytest.mark.parametrize("facts", [None, {}, {"tier": [0.0]}, {"tier": [0.0, 1.0], "claims_7d": [1.0]}])
def test_a_feature_that_the_policy_needs_must_be_brought(facts: dict[str, Any] | None) -> None:
    value, cost, users, keys = shop(2)
    policy = dataclasses.replace(
        POLICY, user_limits=SEEN[:1], segments=TIERS, limits=Limits(9.0, segments={"gold": SegmentLimit()})
    )
    with pytest.raises(InputError, match=r"^facts"):
        plan(policy, value, cost, users, keys, facts=facts)


def test_a_user_twice_in_a_round_is_refused() -> None:
    value, cost, _, keys = shop(2)
    with pytest.raises(InputError, match="user_ids: got"):
        plan(POLICY, value, cost, ["u", "u"], keys)


def test_nobody_at_all_is_a_round() -> None:
    done = plan(POLICY, np.zeros((0, 4)), np.zeros((0, 4)), [], [])
    assert done.figures()["spend_cents"] == 0


def test_draws_are_uniform_and_apart() -> None:
    draws = Draws.of("salt", [f"u{number}" for number in range(4_000)], ["k"] * 4_000)
    columns = np.stack([draws.place, draws.lot, draws.coin, draws.pointer])
    assert np.abs(columns.mean(axis=1) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(columns) - np.eye(4)).max() < 0.06


def test_ids_that_are_no_texts_are_refused_by_name() -> None:
    value, cost, users, keys = shop(2)
    with pytest.raises(InputError, match=r"^user_ids: got 7"):
        plan(POLICY, value, cost, [7, 8], keys)  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"^keys: got None"):
        choose(POLICY, value, cost, users, [None, "k"])  # type: ignore[list-item]
