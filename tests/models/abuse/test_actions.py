"""Graded actions by expected loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.abuse.decision.actions import ACTIONS, REMEDIES, Decider, Remedy, Thresholds
from models.abuse.decision.budgets import GRID, Caps, capped, review_price, solve
from models.abuse.decision.review_queue import reviewed_on
from oracles.backtest import cheapest, queue

chances = st.floats(0, 1)
cents = st.floats(0, 1e7)


@given(p=chances, stake=cents, price=st.floats(0, 5000))
def test_the_cheapest_action_that_the_guard_rails_allow_is_taken(p: float, stake: float, price: float) -> None:
    decider = Decider(review_price_cents=price)
    taken = str(decider.actions([p], [stake])[0])
    assert p >= 0.25 or taken == "allow"
    assert p >= 0.7 or taken != "withhold"
    expected = cheapest(p, stake, 0.25, 0.7, price)
    by = dict(zip(ACTIONS, decider.losses([p], [stake])[0], strict=True))
    assert taken == expected or math.isclose(by[taken], by[expected], rel_tol=1e-12)


@given(p=chances, less=cents, more=cents)
def test_more_at_stake_never_makes_the_action_milder(p: float, less: float, more: float) -> None:
    less, more = sorted((less, more))
    mild, strict = Decider().actions([p, p], [less, more])
    assert ACTIONS.index(mild) <= ACTIONS.index(strict)


@given(p=chances, stake=cents, scale=st.floats(0.01, 100))
def test_the_rule_is_the_same_in_every_currency(p: float, stake: float, scale: float) -> None:
    here = Decider().losses([p], [stake])
    there = Decider(coupon_cents=2000 * scale).losses([p], [stake * scale])
    assert np.allclose(here * scale, there)


@given(p=st.floats(0.25, 1), stake=st.floats(1, 50), accounts=st.integers(1, 50))
def test_with_reviewers_to_spare_whoever_reaches_the_threshold_is_kept_from_coupons(
    p: float, stake: float, accounts: int
) -> None:
    assert Decider(coupon_cents=1.0).actions([p], [stake], accounts)[0] in ("hold", "withhold")


@given(p=st.lists(chances, min_size=1, max_size=8), stake=cents)
def test_a_ring_shares_the_work_of_one_review(p: list[float], stake: float) -> None:
    alone, together = (Decider().losses(p, np.full(len(p), stake), n) for n in (1, 10))
    hold = ACTIONS.index("hold")
    assert np.allclose(alone[:, hold] - together[:, hold], 0.13 * 2000 * 0.9)


def test_a_review_that_costs_more_than_it_saves_gives_way_to_the_next_best() -> None:
    free, dear = Decider(), Decider(review_price_cents=100_000)
    assert free.actions([0.5], [5000]).tolist() == ["hold"]
    assert dear.actions([0.5], [5000]).tolist() == ["cap"]
    assert dear.gain_of_review([0.5], [5000]) == pytest.approx(free.gain_of_review([0.5], [5000]))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (lambda: Decider().actions([1.2], [1]), "p"),
        (lambda: Decider().losses([float("nan")], [1]), "p"),
        (lambda: Decider().actions([0.5], [-1]), "stake_cents"),
        (lambda: Decider().actions([0.5], [1], 0), "accounts"),
        (lambda: Decider(review_price_cents=-1), "review_price_cents"),
        (lambda: Decider(coupon_cents=0), "coupon_cents"),
        (lambda: Decider(remedies={"allow": REMEDIES["allow"]}), "remedies"),
        (lambda: Remedy(1.1, 0, 0), "passes"),
        (lambda: Remedy(0.5, -1, 0), "friction"),
        (lambda: Thresholds(0.8, 0.7), "thresholds"),
        (lambda: Caps(0.03, 0.02), "caps"),
        (lambda: reviewed_on(np.array([0]), np.array([1.0]), -1, 1), "per_day"),
        (lambda: review_price(np.array([1.0]), 1, 0), "days"),
    ],
    ids=range(13),
)
def test_what_makes_no_sense_is_refused_by_name(bad: Callable[[], object], field: str) -> None:
    with pytest.raises(InputError) as refused:
        bad()
    assert refused.value.field == field


@given(
    cases=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=25),
    per_day=st.integers(0, 4),
)
def test_the_queue_takes_the_largest_losses_first_every_day(cases: list[tuple[int, int]], per_day: int) -> None:
    days, losses = [d for d, _ in cases], [float(loss) for _, loss in cases]
    found = reviewed_on(np.array(days, np.int64), np.array(losses), per_day, 7)
    assert found.tolist() == queue(days, losses, per_day, 7)


@given(best=st.lists(chances, min_size=1, max_size=400), cap=st.sampled_from([0.01, 0.05, 0.2]))
def test_a_promised_cap_holds_on_the_past_and_the_next_lower_threshold_would_not(best: list[float], cap: float) -> None:
    scores = np.array(best)
    threshold, promised = capped(scores, cap, 0.25)
    if not promised:
        assert threshold == 0.25
        assert (np.sum(scores >= GRID[-1]) + 1) / (len(scores) + 1) > cap
        return
    assert np.mean(scores >= threshold) <= cap
    lower = [t for t in GRID if t < threshold]
    assert not lower or (np.sum(scores >= lower[-1]) + 1) / (len(scores) + 1) > cap


def test_the_cap_holds_on_the_next_look_alike_on_average() -> None:
    """Conformal risk control: over many pasts of 300, the next one is met in at most 2 % of them."""
    rng = np.random.default_rng(3)
    met = []
    for _ in range(3000):
        draws = rng.beta(0.4, 4, 301)
        threshold, _ = capped(draws[:300], 0.02, 0.25)
        met.append(draws[300] >= threshold)
    assert np.mean(met) <= 0.02 + 2 * math.sqrt(0.02 * 0.98 / 3000)


@given(gains=st.lists(st.integers(-5, 60), max_size=30), per_day=st.integers(1, 4), days=st.integers(1, 5))
def test_at_the_price_no_more_cases_are_worth_a_review_than_fit(gains: list[int], per_day: int, days: int) -> None:
    worth = np.array(gains, np.float64)
    price = review_price(worth, per_day, days)
    assert np.sum(worth > price) <= per_day * days
    if price > 0:
        assert np.sum(worth >= price) > per_day * days


def test_fewer_reviewers_make_a_review_dearer_and_caps_move_the_guard_rails() -> None:
    rng = np.random.default_rng(1)
    accounts = pd.DataFrame({"p": rng.uniform(0, 1, 500), "stake_cents": 5000.0, "case": np.arange(500) // 2})
    innocent = rng.beta(0.5, 8, 2000)
    few, many = (solve(Decider(), innocent, Caps(), accounts, n, 10) for n in (2, 20))
    assert few.decider.review_price_cents > many.decider.review_price_cents
    assert few.promised == {"review": True, "automatic": True}
    assert np.mean(innocent >= few.decider.thresholds.review) <= 0.02
    assert np.mean(innocent >= few.decider.thresholds.automatic) <= 0.005
    unknown = solve(Decider(), innocent[:20], Caps(), accounts, 2, 10)
    assert unknown.promised == {"review": False, "automatic": False}
    assert unknown.decider.thresholds == Thresholds()
    assert replace(few.decider, thresholds=Thresholds()).remedies == REMEDIES
