"""Decisions are reproducible, the same alone as in a batch, and taken with the probability they log."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.policy.assign import NONE, Assigned, Policy, Prices, choose, in_holdout, lots, probabilities
from models.policy.contact import UserLimit
from models.policy.explore import Rates
from models.policy.limits import Limits, SegmentLimit
from models.policy.segment import Segmentation

POLICY = Policy((NONE, "a", "b", "c"), Prices.of_cost(1.0, 4), exploration=0.2, holdout=0.1, salt="salt")


def effects(users: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    value, cost = rng.normal(50, 100, (users, 4)), rng.gamma(2, 40, (users, 4))
    value[:, 0] = cost[:, 0] = 0
    return value, cost, rng.random((users, 4)) < 0.7


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def rows_equal(one: Assigned, row: int, other: Assigned, other_row: int) -> bool:
    return all(
        np.array_equal(getattr(one, field.name)[row], getattr(other, field.name)[other_row])
        for field in dataclasses.fields(Assigned)
    )


def test_a_batch_decides_as_one_at_a_time_does() -> None:
    value, cost, eligible = effects(200)
    withhold = np.arange(200) % 9 == 0
    users, keys = names("u", 200), names("d", 200)
    batch = choose(POLICY, value, cost, users, keys, eligible, withhold)
    for i in range(200):
        alone = choose(POLICY, value[[i]], cost[[i]], [users[i]], [keys[i]], eligible[[i]], withhold[[i]])
        assert rows_equal(batch, i, alone, 0)


@given(st.integers(0, 1_000), st.floats(0, 1), st.floats(0, 0.99), st.floats(0, 3))
def test_probabilities_sum_to_one_and_whatever_happens_had_a_chance(
    seed: int, exploration: float, holdout: float, price: float
) -> None:
    value, cost, eligible = effects(60, seed)
    policy = Policy(POLICY.arms, Prices.of_cost(price, 4), exploration, holdout, str(seed))
    got = choose(policy, value, cost, names("u", 60), names("d", 60), eligible)
    assert np.allclose(got.probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (got.propensity > 0).all()
    assert np.array_equal(got.propensity, got.probabilities[np.arange(60), got.offer])
    eligible[:, 0] = True
    assert (got.probabilities[~eligible] == 0).all()
    assert eligible[np.arange(60), got.offer].all()
    if exploration * (1 - holdout) > 1e-300:
        assert (got.probabilities[eligible] > 0).all()


def test_offers_come_as_often_as_their_probabilities_say() -> None:
    value, cost, eligible = effects(40)
    times = 2_000  # fresh users, so that the holdout is drawn anew as well
    users = names("u", 40 * times)
    tiled = [np.tile(array, (times, 1)) for array in (value, cost, eligible)]
    got = choose(POLICY, tiled[0], tiled[1], users, names("d", 40 * times), tiled[2])
    seen = (got.offer.reshape(times, 40)[:, :, None] == np.arange(4)).mean(axis=0)
    expected = got.probabilities[:40]
    error = np.sqrt(expected * (1 - expected) / times)
    assert np.all(np.abs(seen - expected) <= 4.5 * error + 1e-12)
    assert got.holdout.mean() == pytest.approx(0.1, abs=0.004)
    assert got.explored.mean() == pytest.approx(0.9 * 0.2, abs=0.006)


def test_a_user_stays_in_the_holdout_whatever_the_key_and_the_price() -> None:
    value, cost, _ = effects(500)
    users = names("u", 500)
    first = choose(POLICY, value, cost, users, names("d", 500))
    dearer = dataclasses.replace(POLICY, prices=Prices.of_cost(9.0, 4), exploration=1.0)
    second = choose(dearer, -value, cost, users, names("e", 500))
    assert first.holdout.any()
    assert np.array_equal(first.holdout, second.holdout)
    assert np.array_equal(first.holdout, in_holdout(POLICY, users))
    assert not first.offer[first.holdout].any()
    wider = in_holdout(dataclasses.replace(POLICY, holdout=0.3), users)
    assert wider[first.holdout].all()  # a larger holdout keeps its members


def test_another_salt_draws_anew() -> None:
    users = names("u", 4_000)
    mine, other = lots("one", users), lots("two", users)
    assert abs(np.corrcoef(mine, other)[0, 1]) < 0.06
    assert np.array_equal(mine, lots("one", users))


def test_lots_and_holdout_places_are_independent_and_even() -> None:
    users = names("u", 20_000)
    held = in_holdout(dataclasses.replace(POLICY, holdout=0.5), users)
    drawn = lots("salt", users)
    assert abs(drawn[held].mean() - drawn[~held].mean()) < 0.02
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 45  # chi-square with 19 degrees of freedom, p = 0.0007


def test_user_and_key_are_kept_apart_in_the_draw() -> None:
    value, cost, _ = effects(1)
    all_explore = dataclasses.replace(POLICY, exploration=1.0, holdout=0.0)
    seen = {
        tuple(int(choose(all_explore, value, cost, [user], [key + suffix]).offer[0]) for suffix in map(str, range(30)))
        for user, key in (("ab", "c"), ("a", "bc"), ("abc", ""))
    }
    assert len(seen) == 3


def test_withheld_users_get_none_for_sure_and_the_reason_says_so() -> None:
    value, cost, _ = effects(300)
    withhold = np.arange(300) < 150
    got = choose(POLICY, value, cost, names("u", 300), names("d", 300), withhold=withhold)
    assert not got.offer[:150].any()
    assert (got.propensity[:150] == 1).all()
    assert set(got.reasons[:150]) == {"withheld"}
    assert {"best", "explored", "holdout"} <= set(got.reasons[150:])


def test_reasons_tell_no_gain_from_nothing_eligible() -> None:
    greedy = dataclasses.replace(POLICY, exploration=0.0, holdout=0.0)
    nothing = np.array([[True, False, False, False]])
    poor, some = np.array([[0, -1.0, -1, -1]]), np.array([[0, 500.0, 1, 1]])
    cost = np.array([[0, 10.0, 10, 10]])
    assert choose(greedy, poor, cost, ["u"], ["d"]).reasons == ["no_gain"]
    assert choose(greedy, some, cost, ["u"], ["d"]).reasons == ["best"]
    assert choose(greedy, some, cost, ["u"], ["d"], nothing).reasons == ["nothing_eligible"]


def test_the_score_is_the_profit_less_the_prices_of_budget_offer_and_segment() -> None:
    value, cost, eligible = effects(50)
    eligible[:, 0] = True
    users, tier = names("u", 50), np.arange(50) % 3
    prices = Prices(("", "gold"), (0.8, 0.5), ((0.0, 4.0, 0.0, 0.0), (0.0, 4.0, -7.0, 0.0)))
    tiers = Segmentation.categories("tier", ("basic", "gold"))
    policy = dataclasses.replace(POLICY, prices=prices, segments=tiers)
    got = choose(policy, value, cost, users, names("d", 50), eligible, facts={"tier": tier})
    for i in range(50):
        segment = 1 if tier[i] == 1 else 0
        for offer in range(4):
            unit = 0.0 if offer == 0 else prices.unit[segment][offer]
            score = value[i, offer] - prices.cost[segment] * cost[i, offer] - unit
            assert got.score[i, offer] == (pytest.approx(score) if eligible[i, offer] else -math.inf)
    assert np.array_equal(got.score.argmax(axis=1), got.best)
    decided = got.reason <= 1
    assert np.array_equal(got.best[decided], got.offer[decided])


def test_users_who_are_alike_are_split_by_their_lot_and_always_alike() -> None:
    value, cost = np.tile([0.0, 100, 0, 0], (2_000, 1)), np.tile([0.0, 50, 1, 1], (2_000, 1))
    greedy = dataclasses.replace(POLICY, prices=Prices.of_cost(2.0 + 1e-7, 4, tie_cents=1e-5), exploration=0, holdout=0)
    users = names("u", 2_000)
    first = choose(greedy, value, cost, users, names("d", 2_000))
    assert 0.3 < (first.offer == 1).mean() < 0.7
    assert np.array_equal(first.offer, choose(greedy, value, cost, users, names("e", 2_000)).offer)


def test_probabilities_need_no_keys() -> None:
    value, cost, eligible = effects(80)
    users = names("u", 80)
    got = choose(POLICY, value, cost, users, names("d", 80), eligible)
    assert np.array_equal(probabilities(POLICY, value, cost, users, eligible), got.probabilities)


def test_ties_go_to_the_cheaper_offer_then_to_the_earlier() -> None:
    greedy = dataclasses.replace(POLICY, exploration=0.0, holdout=0.0)
    value, cost = np.array([[0, 30.0, 20, 20]]), np.array([[0, 20.0, 10, 10]])
    assert choose(greedy, value, cost, ["u"], ["d"]).offer.tolist() == [2]
    assert choose(greedy, cost, cost, ["u"], ["d"]).offer.tolist() == [0]


def test_a_policy_survives_json() -> None:
    policy = dataclasses.replace(
        POLICY,
        version="7",
        uplift_version="3",
        limits=Limits(100.0, stock={"a": 5}, segments={"gold": SegmentLimit(min_users=2)}, roi_floor=0.5),
        segments=Segmentation.categories("tier", ("basic", "gold")),
        user_limits=(UserLimit("claims_7d", 2), UserLimit("spent", 500.0, "cents")),
        rates=Rates(("", "gold"), ((1.0, 0.5, 1.0, 1.0), (1.0, 0.0, 1.0, 1.0))),
        prices=Prices(("", "gold"), (0.1, 0.2), ((0.0, 1.0, 2.0, 3.0), (0.0, -1.0, 0.0, 0.0)), 1e-5),
    )
    spec = json.loads(json.dumps(policy.to_spec())) | {"report": "elsewhere"}
    assert Policy.from_spec(spec) == policy
    assert policy.needs == ("tier", "claims_7d", "spent")
    assert POLICY.needs == ()


def test_a_policy_of_an_earlier_version_is_read_at_its_upper_price() -> None:
    spec = {
        "kind": "policy",
        "arms": [NONE, "a", "b", "c"],
        "price": {"high": 1.2, "low": 0.8, "share": 0.4},
        "exploration": 0.2,
        "holdout": 0.1,
        "salt": "salt",
        "version": "r",
        "uplift_version": "3",
        "budget_cents": 100,
    }
    expected = dataclasses.replace(
        POLICY, prices=Prices.of_cost(1.2, 4), version="r", uplift_version="3", limits=Limits(100.0)
    )
    assert Policy.from_spec(spec) == expected
    assert expected.budget_cents == 100


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arms": ("a", NONE)}, "arms"),
        ({"arms": (NONE, "a", "a")}, "arms"),
        ({"exploration": 1.1}, "exploration"),
        ({"exploration": math.nan}, "exploration"),
        ({"holdout": 1.0}, "holdout"),
    ],
)
def test_a_policy_with_bad_parts_cannot_be_made(change: dict[str, object], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: got"):
        dataclasses.replace(POLICY, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["salt", "prices", "arms", "limits"])
def test_a_spec_that_lacks_a_part_is_refused(part: str) -> None:
    spec = POLICY.to_spec()
    del spec[part]
    with pytest.raises(InputError, match="policy spec"):
        Policy.from_spec(spec)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": [[0, 1, 2, math.nan]]}, "value"),
        ({"cost": [[0, 1, 2, -math.inf]]}, "cost"),
        ({"value": [[0, 1, 2]], "cost": [[0, 1, 2]]}, "value"),
        ({"value": [0, 1, 2, 3]}, "value"),
        ({"user_ids": ["a", "b"]}, "user_ids, keys"),
        ({"keys": []}, "user_ids, keys"),
        ({"eligible": [[1, 0, 1, 1]]}, "eligible"),
        ({"withhold": [[True]]}, "withhold"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    good = {"value": [[0, 1, 2, 3]], "cost": [[0, 1, 1, 1]], "user_ids": ["u"], "keys": ["d"]}
    with pytest.raises(InputError, match=rf"^{field}(\[.*\])?: got"):
        choose(POLICY, **(good | change))  # type: ignore[arg-type]
