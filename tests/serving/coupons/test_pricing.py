"""What a cart costs: the requirement's own examples, and laws for every cart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.coupons import discount
from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import Kind, NoThreshold, Percent, ThresholdCut
from serving.coupons.pricing import Priced, price, quote
from serving.coupons.refusals import Refuse
from serving.coupons.rules import Use
from serving.coupons.scope import Scope
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim

NOW = datetime(2026, 5, 1, 12)


def template(kind: Kind, scope: Scope | None = None, template_id: str = "t") -> Template:
    return Template(template_id, template_id, kind, DaysFromClaim(7), scope or Scope())


def coupon(coupon_id: str = "c", user_id: str = "u", template_id: str = "t") -> Coupon:
    return Coupon(
        coupon_id, user_id, template_id, 1, None, None, 0, NOW, NOW - timedelta(days=1), NOW + timedelta(days=6)
    )


def cart(*prices: int, quantity: int = 1, floor: int = 0) -> Cart:
    return Cart(tuple(Line(n, f"s{n}", "shoes", quantity, cents, floor) for n, cents in enumerate(prices, 1)))


def pay(kind: Kind, bought: Cart, scope: Scope | None = None) -> int:
    answer = price(Use(coupon(), template(kind, scope), "u", bought, NOW))
    assert isinstance(answer, Priced), answer
    return bought.goods_cents - answer.discount_cents


@pytest.mark.requirement("F001")
def test_a_cart_of_250_with_200_minus_50_pays_200() -> None:
    assert pay(ThresholdCut(20000, 5000), cart(25000)) == 20000


@pytest.mark.requirement("F004")
def test_ten_percent_of_200_is_20_and_of_2000_is_capped_at_50() -> None:
    assert pay(Percent(10, 5000), cart(20000)) == 18000
    assert pay(Percent(10, 5000), cart(200000)) == 195000


@pytest.mark.requirement("F007")
def test_a_cart_of_12_with_10_off_pays_2_and_a_cart_of_8_pays_nothing() -> None:
    assert pay(NoThreshold(1000), cart(1200)) == 200
    assert pay(NoThreshold(1000), cart(800)) == 0


@pytest.mark.requirement("F116")
def test_thirty_over_a_hundred_and_two_fifties_is_15_and_7_50_each() -> None:
    bought = Cart((Line(1, "c", "x", 1, 10000), Line(2, "d", "x", 2, 5000)))
    answer = price(Use(coupon(), template(NoThreshold(3000)), "u", bought, NOW))
    assert isinstance(answer, Priced)
    assert [line.share_cents for line in answer.split] == [1500, 1500]


@pytest.mark.requirement("F114")
def test_sixty_and_forty_with_ten_off_are_54_and_36() -> None:
    answer = price(Use(coupon(), template(NoThreshold(1000)), "u", cart(6000, 4000), NOW))
    assert isinstance(answer, Priced)
    assert [line.share_cents for line in answer.split] == [600, 400]


@pytest.mark.requirement("F045")
def test_a_category_coupon_ignores_other_lines_in_threshold_and_split() -> None:
    bought = Cart((Line(1, "a", "shoes", 1, 6000), Line(2, "b", "books", 1, 9000)))
    shoes = Scope("category", ("shoes",))
    short = price(Use(coupon(), template(ThresholdCut(10000, 1000), shoes), "u", bought, NOW))
    assert short == Refuse("amount_short", 4000, "cents")
    reached = price(Use(coupon(), template(ThresholdCut(5000, 1000), shoes), "u", bought, NOW))
    assert isinstance(reached, Priced)
    assert [line.share_cents for line in reached.split] == [1000, 0]


def test_no_line_goes_below_its_floor() -> None:
    bought = Cart((Line(1, "a", "x", 2, 500, 400), Line(2, "b", "x", 1, 500)))
    answer = price(Use(coupon(), template(NoThreshold(1000)), "u", bought, NOW))
    assert isinstance(answer, Priced)
    assert answer.discount_cents == 700
    assert [line.share_cents for line in answer.split] == [200, 500]


def test_nothing_left_to_deduct_is_said_and_the_coupon_kept() -> None:
    assert price(Use(coupon(), template(NoThreshold(1000)), "u", cart(500, floor=500), NOW)) == Refuse(
        "nothing_to_deduct"
    )


kinds = st.one_of(
    st.builds(NoThreshold, st.integers(1, 10**6)),
    st.builds(Percent, st.integers(1, 99), st.integers(1, 10**6), st.integers(0, 10**5), st.booleans()),
    st.tuples(st.integers(1, 10**5), st.integers(1, 10**5), st.booleans()).map(
        lambda v: ThresholdCut(v[0] + v[1], v[0], v[2])
    ),
)
lines = st.tuples(st.integers(1, 9), st.integers(0, 10**5), st.integers(0, 10**5), st.sampled_from(["shoes", "books"]))
carts = st.lists(lines, min_size=1, max_size=8).map(
    lambda found: Cart(tuple(Line(n, f"s{n}", c, q, max(p, f), min(p, f)) for n, (q, p, f, c) in enumerate(found, 1)))
)
scopes = st.sampled_from([Scope(), Scope("category", ("shoes",)), Scope("sku", ("s1", "s2"))])


@given(kinds, scopes, carts)
def test_a_usable_coupon_takes_off_what_the_requirement_says_and_its_split_adds_up(
    kind: Kind, scope: Scope, bought: Cart
) -> None:
    answer = price(Use(coupon(), template(kind, scope), "u", bought, NOW))
    if isinstance(answer, Refuse):
        return
    seen = [line for line in bought.lines if scope.covers(line)]
    base = sum(line.price_cents for line in seen)
    capacity = sum(line.quantity * (line.unit_price_cents - line.unit_floor_cents) for line in seen)
    words = {"face": getattr(kind, "face_cents", 0), "percent": getattr(kind, "percent_off", 0)}
    assert answer.discount_cents == discount(kind.TAG, base, capacity, cap=getattr(kind, "cap_cents", 0), **words)
    assert sum(line.share_cents for line in answer.split) == answer.discount_cents
    for line, part in zip(bought.lines, answer.split, strict=True):
        assert 0 <= part.share_cents <= line.capacity_cents
        assert part.share_cents == 0 or scope.covers(line)


@given(st.lists(st.tuples(kinds, scopes), max_size=6), carts)
def test_another_coupon_never_raises_the_price_and_the_best_is_the_best(
    owned: list[tuple[Kind, Scope]], bought: Cart
) -> None:
    wallet = [
        (coupon(f"c{i}", template_id=f"t{i}"), template(kind, scope, f"t{i}")) for i, (kind, scope) in enumerate(owned)
    ]
    paid = [quote(wallet[:n], "u", bought, NOW).payable_cents for n in range(len(wallet) + 1)]
    assert paid == sorted(paid, reverse=True)
    found = quote(wallet, "u", bought, NOW)
    assert len(found.usable) + len(found.unusable) == len(wallet)
    singles = [bought.goods_cents - priced.discount_cents for priced in found.usable]
    assert found.payable_cents == min([bought.goods_cents, *singles])
    assert found.payable_cents >= 0


@given(kinds, carts)
def test_the_order_of_the_wallet_does_not_matter(kind: Kind, bought: Cart) -> None:
    wallet = [(replace(coupon(f"c{i}"), valid_until=NOW + timedelta(days=9 - i)), template(kind)) for i in range(3)]
    forward, backward = quote(wallet, "u", bought, NOW), quote(wallet[::-1], "u", bought, NOW)
    assert forward.best == backward.best
    if forward.best is not None:
        assert forward.best.coupon.coupon_id == "c2", "of equal coupons the one that ends first is used"
