"""What an explanation says would turn a decision does turn it, and less does not."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy.assign import NONE, REASONS, Case, Policy, Prices, choose, explain_decisions, settle
from models.policy.draws import Draws
from models.policy.explain import Explained
from models.policy.reasons import Why

ARMS = (NONE, "a", "b", "c")
PRICES = Prices(("",), (0.6,), ((0.0, 0.0, 30.0, 0.0),), 1e-5)
POLICY = Policy(ARMS, PRICES, 0.0, 0.0, "salt")
NUDGE = 1e-3  # cents, or profit per cent: far above what separates ties, far below what matters


def shop(users: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    value, cost = rng.normal(40, 120, (users, 4)), rng.gamma(2, 50, (users, 4))
    value[:, 0] = cost[:, 0] = 0
    return value, cost, [f"u{number}" for number in range(users)]


def explained(value: np.ndarray, cost: np.ndarray, users: list[str], eligible: np.ndarray | None = None) -> Explained:
    case = Case.of(POLICY, value, cost, eligible)
    return explain_decisions(POLICY, case, settle(POLICY, case, Draws.of("salt", users, users)))


def decide(value: np.ndarray, cost: np.ndarray, users: list[str], prices: Prices = PRICES) -> np.ndarray:
    return choose(dataclasses.replace(POLICY, prices=prices), value, cost, users, users).best


def priced(cents: float, unit: float = 30.0) -> Prices:
    return Prices(("",), (cents,), ((0.0, 0.0, unit, 0.0),), 1e-5)


@given(st.integers(0, 300))
def test_a_price_of_the_budget_turns_the_choice_just_where_it_says(seed: int) -> None:
    value, cost, users = shop(12, seed)
    found = explained(value, cost, users)
    for i in range(12):
        row = (value[[i]], cost[[i]], [users[i]])
        for at, offer, side in (
            (found.price_below[i], found.offer_below[i], -1),
            (found.price_above[i], found.offer_above[i], 1),
        ):
            if math.isnan(at):
                assert offer == -1
                far = priced(0.0) if side < 0 else priced(1e9)
                assert decide(*row, far)[0] == found.offer[i]
                continue
            assert decide(*row, priced(at - side * NUDGE))[0] == found.offer[i]
            if at + side * NUDGE >= 0:
                assert decide(*row, priced(at + side * NUDGE))[0] == offer


@given(st.integers(0, 300))
def test_a_cost_or_a_unit_price_turns_the_choice_to_the_runner_up(seed: int) -> None:
    value, cost, users = shop(12, seed)
    found = explained(value, cost, users)
    for i in range(12):
        best, second = found.offer[i], found.runner_up[i]

        def with_cost(offer: int, cents: float, i: int = i) -> int:
            changed = cost[[i]].copy()
            changed[0, offer] = cents
            profit = value[[i]] + cost[[i]] - changed  # the margin stays, the coupon's cost changes
            return int(decide(profit, changed, [users[i]])[0])

        if not math.isnan(found.cost_below[i]):
            assert with_cost(second, found.cost_below[i] + NUDGE) == best
            assert with_cost(second, found.cost_below[i] - NUDGE) == second
        elif second > 0:
            assert with_cost(second, 0.0) == best  # not even for nothing
        if not math.isnan(found.cost_above[i]):
            assert second == 0
            assert with_cost(best, found.cost_above[i] - NUDGE) == best
            assert with_cost(best, found.cost_above[i] + NUDGE) == 0
        if not math.isnan(found.unit_below[i]):
            row = (value[[i]], cost[[i]], [users[i]])
            assert second == 2  # the only offer with a price of its own
            assert decide(*row, priced(0.6, found.unit_below[i] + NUDGE))[0] == best
            assert decide(*row, priced(0.6, found.unit_below[i] - NUDGE))[0] == second


def test_the_runner_up_is_second_and_the_lead_is_the_distance() -> None:
    value, cost, users = shop(200, 1)
    found = explained(value, cost, users)
    score = PRICES.scores(value, cost, Draws.of("salt", users, users).lot)
    order = np.argsort(-score, axis=1)
    assert np.array_equal(found.offer, order[:, 0])
    assert np.array_equal(found.runner_up, order[:, 1])
    ranked = np.take_along_axis(score, order, axis=1)
    assert found.lead == pytest.approx(ranked[:, 0] - ranked[:, 1])


def test_where_nothing_else_may_be_given_there_is_no_runner_up() -> None:
    value, cost, users = shop(3, 1)
    found = explained(value, cost, users, np.tile([True, False, False, False], (3, 1)))
    assert (found.runner_up == -1).all()
    assert np.isnan([found.lead, found.price_below, found.price_above, found.cost_below, found.cost_above]).all()
    assert Why.of(found, ARMS, value, cost, 0).runner_up is None


def test_sentences_name_offers_amounts_and_changes_in_both_languages() -> None:
    value, cost, users = np.array([[0.0, 300, 250, -50]]), np.array([[0.0, 100, 40, 10]]), ["u"]
    why = Why.of(explained(value, cost, users), ARMS, value, cost, 0)
    english, chinese = why.sentences("best")
    # a: 300 - 60 = 240, b: 250 - 24 - 30 = 196, so a leads by 44 cents.
    assert english.startswith("a: ¥4.00 more margin, less ¥1.00 of coupon, ¥0.60 for the budget, leaves ¥2.40, ¥0.44")
    assert "ahead of b." in english
    assert "b if that were expected to cost less than ¥0.1" in english
    assert "b if ¥1 of budget had to earn more than ¥1.33 (now ¥0.60)" in english
    assert chinese.startswith("a：毛利预计增加 ¥4.00，券成本 ¥1.00，预算占用 ¥0.60，净得 ¥2.40，领先 b ¥0.44。")
    assert "b 预期成本低于 ¥0.1" in chinese


def test_every_reason_has_words_in_both_languages() -> None:
    value, cost, users = shop(1, 4)
    why = Why.of(explained(value, cost, users), ARMS, value, cost, 0)
    texts = {reason: why.sentences(reason) for reason in REASONS}
    assert all(english and chinese and english != chinese for english, chinese in texts.values())
    assert len({english for english, _ in texts.values()}) == len(REASONS) - 1  # best and no_gain: the offer says which
    nothing = Why.of(explained(-np.abs(value), cost, users), ARMS, -np.abs(value), cost, 0)
    assert nothing.sentences("no_gain")[0].startswith("No coupon earns its price: the best, ")


@pytest.mark.parametrize("price", [-3.0, -1.0])
def test_where_spending_is_subsidised_a_cheaper_coupon_is_not_said_to_win(price: float) -> None:
    value, cost, users = shop(200, 5)
    subsidised = dataclasses.replace(POLICY, prices=priced(price))
    case = Case.of(subsidised, value, cost)
    found = explain_decisions(subsidised, case, settle(subsidised, case, Draws.of("salt", users, users)))
    assert np.isnan(found.cost_below).all()
    assert np.isnan(found.cost_above).all()
    cheaper, rows = cost.copy(), np.arange(200)
    second = found.runner_up > 0
    cheaper[rows[second], found.runner_up[second]] -= 10
    still = choose(subsidised, value - (cheaper - cost), cheaper, users, users).best
    assert (still[second] == found.offer[second]).all()
