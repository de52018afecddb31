"""What a cart costs: usable and unusable coupons, sets that the customer chooses, and laws for every cart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes.wallets import NOW, carts, give, kinds, margins, stack_rules, wallets
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.coupons import discount
from serving.coupons.cart import Cart, Line
from serving.coupons.kinds import Freight, Gift, GiftItem, Kind, NoThreshold, Percent, ThresholdCut
from serving.coupons.margin import Margin
from serving.coupons.money import InvalidError
from serving.coupons.pricing import Candidate, Rates, price_set, quote
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.scope import Scope
from serving.coupons.stacking import Stacking
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim

DEFAULT = Rates()


def owned(coupon_id: str, kind: Kind, days: int = 6, **more: Any) -> Candidate:
    template = Template(f"t-{coupon_id}", "t", kind, DaysFromClaim(7), **more)
    return give(coupon_id, template, NOW + timedelta(days=days))


def cart(*prices: int, quantity: int = 1, floor: int = 0) -> Cart:
    return Cart(tuple(Line(n, f"s{n}", "shoes", quantity, cents, floor) for n, cents in enumerate(prices, 1)))


def ask(bought: Cart, *wallet: Candidate, rates: Rates = DEFAULT) -> Receipt | Refuse:
    return price_set(wallet, "u", bought, NOW, rates)


def pay(bought: Cart, *wallet: Candidate) -> int:
    answer = ask(bought, *wallet)
    assert isinstance(answer, Receipt), answer
    return answer.payable_cents


@pytest.mark.requirement("F001")
def test_a_cart_of_250_with_200_minus_50_pays_200() -> None:
    assert pay(cart(25000), owned("c", ThresholdCut(20000, 5000))) == 20000


@pytest.mark.requirement("F004")
def test_ten_percent_of_200_is_20_and_of_2000_is_capped_at_50() -> None:
    assert pay(cart(20000), owned("c", Percent(10, 5000))) == 18000
    assert pay(cart(200000), owned("c", Percent(10, 5000))) == 195000


@pytest.mark.requirement("F103")
@pytest.mark.requirement("F007")
def test_a_cart_of_12_with_10_off_pays_2_and_a_cart_of_8_pays_nothing() -> None:
    assert pay(cart(1200), owned("c", NoThreshold(1000))) == 200
    assert pay(cart(800), owned("c", NoThreshold(1000))) == 0


@pytest.mark.requirement("F010")
def test_a_freight_coupon_takes_from_the_freight_alone() -> None:
    assert pay(replace(cart(5000), freight_cents=1200), owned("c", Freight(1000))) == 5200
    assert pay(replace(cart(5000), freight_cents=800), owned("c", Freight(1000))) == 5000
    assert ask(cart(5000), owned("c", Freight(1000))) == Refuse("nothing_to_deduct")


@pytest.mark.requirement("F045")
def test_a_category_coupon_ignores_other_lines_in_threshold_and_split() -> None:
    bought = Cart((Line(1, "a", "shoes", 1, 6000), Line(2, "b", "books", 1, 9000)))
    shoes = Scope("category", ("shoes",))
    assert ask(bought, owned("c", ThresholdCut(10000, 1000), scope=shoes)) == Refuse("amount_short", 4000, "cents")
    reached = ask(bought, owned("c", ThresholdCut(5000, 1000), scope=shoes))
    assert isinstance(reached, Receipt)
    assert reached.coupons[0].shares == (1000, 0)


def test_no_line_goes_below_its_floor() -> None:
    bought = Cart((Line(1, "a", "x", 2, 500, 400), Line(2, "b", "x", 1, 500)))
    answer = ask(bought, owned("c", NoThreshold(1000)))
    assert isinstance(answer, Receipt)
    assert answer.coupons[0].shares == (200, 500)


def test_nothing_left_to_deduct_is_said_and_the_coupon_kept() -> None:
    assert ask(cart(500, floor=500), owned("c", NoThreshold(1000))) == Refuse("nothing_to_deduct")
    assert ask(
        cart(500), owned("a", NoThreshold(1000)), owned("b", Percent(10, 100)), owned("c", Freight(5))
    ) == Refuse("nothing_to_deduct")


def test_a_gift_takes_nothing_off_but_is_usable_and_can_be_chosen() -> None:
    gift = owned("g", Gift((GiftItem("mug", 2),), 300, 1000))
    found = quote([gift], "u", cart(2000), NOW, Rates())
    assert [one.saving_cents for one in found.usable] == [0]
    assert found.best.receipt is None
    chosen = ask(cart(2000), gift, owned("c", NoThreshold(100)))
    assert isinstance(chosen, Receipt)
    assert {coupon.coupon_id: coupon.gifts for coupon in chosen.coupons} == {"g": (("mug", 2),), "c": ()}
    assert chosen.payable_cents == 1900


@pytest.mark.requirement("F099")
def test_the_wallet_is_split_into_usable_best_first_and_unusable_with_reasons() -> None:
    wallet = [
        owned("small", NoThreshold(500)),
        owned("far", ThresholdCut(20000, 5000)),
        owned("late", NoThreshold(900), days=3),
        owned("early", NoThreshold(900), days=2),
    ]
    found = quote(wallet, "u", cart(10000), NOW, Rates())
    assert [one.candidate.coupon.coupon_id for one in found.usable] == ["early", "late", "small"]
    assert [(c.coupon.coupon_id, refused) for c, refused in found.unusable] == [
        ("far", Refuse("amount_short", 10000, "cents"))
    ]


@pytest.mark.requirement("F102")
def test_the_best_usable_coupon_is_chosen_by_itself() -> None:
    wallet = [owned("a", NoThreshold(500)), owned("pushed", NoThreshold(900), delivery="push")]
    found = quote(wallet, "u", cart(10000), NOW, Rates())
    assert found.best.receipt is not None
    assert [coupon.coupon_id for coupon in found.best.receipt.coupons] == ["pushed"]
    assert found.payable_cents == 9100


def test_a_chosen_coupon_that_cannot_be_used_is_refused_with_its_own_reason_first() -> None:
    good, short = owned("good", NoThreshold(500)), owned("short", ThresholdCut(20000, 5000))
    assert ask(cart(10000), good, short) == Refuse("amount_short", 10000, "cents")
    foreign = Candidate(replace(good.coupon, user_id="other"), good.template)
    assert ask(cart(10000), short, foreign) == Refuse("amount_short", 10000, "cents")
    assert ask(cart(10000), foreign, short) == Refuse("coupon_unknown")
    with pytest.raises(InvalidError, match="coupon_ids"):
        ask(cart(10000), good, good)


def test_a_minimum_on_what_is_left_can_refuse_a_pair_that_would_apply_on_the_price() -> None:
    cut, other = ThresholdCut(9000, 2000), Percent(20, 10**6, 9000)
    on_left = [owned("a", cut, minimum_on="left"), owned("b", other, minimum_on="left")]
    assert ask(cart(10000), *on_left) == Refuse("amount_short", 1000, "cents")
    assert pay(cart(10000), owned("a", cut), owned("b", other)) == 6000


@given(kinds, carts())
def test_the_first_three_kinds_take_what_the_requirement_says(kind: Kind, bought: Cart) -> None:
    if not isinstance(kind, NoThreshold | Percent | ThresholdCut):
        return
    plain = replace(bought, activities=(), points=0)
    answer = ask(plain, owned("c", kind))
    if isinstance(answer, Receipt):
        capacity = sum(line.capacity_cents for line in bought.lines)
        words = {"face": getattr(kind, "face_cents", 0), "percent": getattr(kind, "percent_off", 0)}
        expected = discount(kind.TAG, bought.goods_cents, capacity, cap=getattr(kind, "cap_cents", 0), **words)
        assert answer.coupon_cents == expected


@settings(max_examples=60)
@given(wallets(), carts(), stack_rules(), margins)
def test_another_coupon_never_raises_the_price_and_the_best_is_at_least_every_single_one(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], margin: Margin
) -> None:
    rates = Rates(Stacking.from_data(rules), margin=margin)
    quotes = [quote(wallet[:n], "u", bought, NOW, rates) for n in range(len(wallet) + 1)]
    assert all(found.best.exact for found in quotes)
    paid = [found.payable_cents for found in quotes]
    assert paid == sorted(paid, reverse=True)
    assert quotes[-1].best.saving_cents >= max([one.saving_cents for one in quotes[-1].usable], default=0)
    assert len(quotes[-1].usable) + len(quotes[-1].unusable) == len(wallet)


@settings(max_examples=60)
@given(wallets(), carts(), stack_rules(), st.randoms(use_true_random=False))
def test_a_quote_is_the_price_of_the_same_set_in_any_order_of_wallet_and_choice(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], rng: Any
) -> None:
    rates = Rates(Stacking.from_data(rules))
    found = quote(wallet, "u", bought, NOW, rates)
    shuffled = list(wallet)
    rng.shuffle(shuffled)
    assert quote(shuffled, "u", bought, NOW, rates) == found
    for one in found.usable:
        assert ask(bought, one.candidate, rates=rates) == one.receipt
    for candidate, refused in found.unusable:
        assert ask(bought, candidate, rates=rates) == refused
    if found.best.receipt is not None:
        names = {coupon.coupon_id for coupon in found.best.receipt.coupons}
        chosen = [one for one in shuffled if one.coupon.coupon_id in names]
        assert ask(bought, *chosen, rates=rates) == found.best.receipt
    assert ask(bought, rates=rates) == found.plain


def test_of_equal_coupons_the_one_that_ends_first_is_used() -> None:
    wallet = [owned(f"c{n}", NoThreshold(500), days=9 - n) for n in range(3)]
    best = quote(wallet, "u", cart(1000), NOW, Rates()).best
    assert best.receipt is not None
    assert [coupon.coupon_id for coupon in best.receipt.coupons] == ["c2"]
