"""The best combination, proved against trying every order of every set, and what holds when the budget ends it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from benchmarks.quotes import ALL_MEET, cart_of, greedy, wallet_of
from fakes.wallets import NOW, candidates, carts, margins, stack_rules, wallets
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.combinations import best_set, every_sequence
from serving.coupons.cart import Cart
from serving.coupons.margin import Margin
from serving.coupons.opening import Opening, Piece
from serving.coupons.pricing import Candidate, Quote, Rates, price_set, quote
from serving.coupons.receipt import Receipt
from serving.coupons.relations import steady
from serving.coupons.stacking import Stacking
from serving.coupons.turn import Offer, offer


def rank(candidate: Candidate) -> tuple[Any, str]:
    return candidate.coupon.valid_until, candidate.coupon.coupon_id


def agrees_with_every_sequence(wallet: list[Candidate], bought: Cart, rules: dict[str, Any], margin: Margin) -> Quote:
    found = quote(wallet, "u", bought, NOW, Rates(Stacking.from_data(rules), margin=margin))
    usable = [one.candidate for one in found.usable]
    sequences = list(
        every_sequence(
            [(one.template, one.coupon.face_cents) for one in usable],
            bought,
            rules,
            (margin.mode, margin.least_percent),
        )
    )
    saving, names = best_set(sequences, [rank(one) for one in usable])
    assert found.best.exact
    assert found.best.saving_cents == found.best.bound_cents == saving
    applied = found.best.receipt.coupons if found.best.receipt is not None else ()
    ids = {coupon.coupon_id for coupon in applied}
    assert tuple(sorted(rank(one) for one in usable if one.coupon.coupon_id in ids)) == names
    return found


@settings(max_examples=60, deadline=None)
@given(wallets(4), carts(4), stack_rules(), margins)
def test_nothing_saves_more_than_the_best_combination(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], margin: Margin
) -> None:
    agrees_with_every_sequence(wallet, bought, rules, margin)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(wallets(), carts(), stack_rules(), margins)
def test_nothing_saves_more_than_the_best_combination_in_600_wallets_of_every_kind(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], margin: Margin
) -> None:
    agrees_with_every_sequence(wallet, bought, rules, margin)


@settings(max_examples=60, deadline=None)
@given(wallets(), carts(), stack_rules(), st.integers(0, 6))
def test_when_the_budget_ends_the_bound_holds_and_the_best_is_no_less_than_simple_choices(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], nodes: int
) -> None:
    stacking = Stacking.from_data(rules)
    cut = quote(wallet, "u", bought, NOW, Rates(stacking, search_nodes=nodes)).best
    whole = quote(wallet, "u", bought, NOW, Rates(stacking)).best
    assert cut.saving_cents <= whole.saving_cents <= cut.bound_cents
    assert cut.exact == (cut.saving_cents == cut.bound_cents)


@pytest.mark.parametrize("stacking", [Stacking(), ALL_MEET], ids=["default", "all_meet"])
def test_a_large_wallet_saves_at_least_what_one_pass_and_every_single_coupon_save(stacking: Stacking) -> None:
    for seed in range(4):
        rng = random.Random(seed)
        bought, wallet = cart_of(rng, 20), wallet_of(rng, 30)
        rates = Rates(stacking, search_nodes=40)
        found = quote(wallet, "u", bought, NOW, rates)
        assert found.best.saving_cents >= max(one.saving_cents for one in found.usable)
        assert found.best.saving_cents >= greedy(wallet, bought, rates)
        assert found.best.bound_cents >= quote(wallet, "u", bought, NOW, Rates(stacking)).best.saving_cents


def test_the_same_question_has_the_same_answer() -> None:
    rng = random.Random(3)
    bought, wallet = cart_of(rng), wallet_of(rng, 50)
    rates = Rates(ALL_MEET, search_nodes=100)
    first = quote(wallet, "u", bought, NOW, rates)
    assert quote(wallet[::-1], "u", bought, NOW, rates) == first


def test_more_than_five_coupons_in_an_order_are_ordered_too() -> None:
    rng = random.Random(5)
    bought, wallet = cart_of(rng, 20), wallet_of(rng, 12)
    rates = Rates(Stacking(same_kind=True, max_coupons=9))
    best = quote(wallet, "u", bought, NOW, rates).best
    assert best.receipt is not None
    chosen = [one for one in wallet if one.coupon.coupon_id in {coupon.coupon_id for coupon in best.receipt.coupons}]
    assert len(chosen) == 9
    assert price_set(chosen, "u", bought, NOW, rates) == best.receipt
    for dropped in range(3):
        fewer = price_set(chosen[:dropped] + chosen[dropped + 1 :], "u", bought, NOW, rates)
        assert isinstance(fewer, Receipt)
        assert fewer.coupon_cents <= best.saving_cents


@settings(max_examples=300, deadline=None)
@given(candidates(0), carts(), st.data())
def test_what_a_coupon_takes_never_grows_when_less_is_left(one: Candidate, bought: Cart, data: st.DataObject) -> None:
    """The law on which the bound of the search stands; kinds that choose among units are bounded by their most."""
    opening = Opening.of(bought, Margin())
    piece = Piece.of(one.coupon, one.template, opening)
    pairs = list(zip(opening.before, opening.floors, strict=True))
    more = [floor + data.draw(st.integers(0, before - floor)) for before, floor in pairs]
    less = [floor + data.draw(st.integers(0, left - floor)) for left, (_, floor) in zip(more, pairs, strict=True)]
    freight = data.draw(st.integers(0, bought.freight_cents))
    first = offer(piece, piece.coverage.look(more), bought.freight_cents)
    second = offer(piece, piece.coverage.look(less), freight)
    if isinstance(second, Offer):
        assert second.cents <= one.template.kind.most_cents
        if steady(piece):
            assert isinstance(first, Offer)
            assert second.cents <= first.cents
