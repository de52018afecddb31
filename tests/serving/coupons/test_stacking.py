"""Stack rules: what may meet is data; the requirement's own examples."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.wallets import NOW, PRICING_TAGS, candidates, give, stack_rules
from hypothesis import given
from hypothesis import strategies as st

from oracles.combinations import may_meet
from serving.coupons.cart import Activity, Cart, Line
from serving.coupons.kinds import Freight, Kind, NoThreshold, Percent, ThresholdCut
from serving.coupons.money import InvalidError
from serving.coupons.pricing import Candidate, Rates, price_set, quote
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import PASS, Refuse
from serving.coupons.scope import Scope
from serving.coupons.stacking import Stacking
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim

CUT, TENTH = ThresholdCut(20000, 5000), Percent(10, 10**6)


def owned(coupon_id: str, kind: Kind, **more: Any) -> Candidate:
    return give(coupon_id, Template(f"t-{coupon_id}", "t", kind, DaysFromClaim(7), **more))


def cart(cents: int, **more: Any) -> Cart:
    return Cart((Line(1, "s", "x", 1, cents),), **more)


def pay(bought: Cart, *wallet: Candidate, **rules: Any) -> int | str:
    answer = price_set(wallet, "u", bought, NOW, Rates(Stacking.from_data(rules)))
    return answer.payable_cents if isinstance(answer, Receipt) else answer.code


@pytest.mark.requirement("F104")
def test_in_single_mode_a_second_coupon_is_refused() -> None:
    assert pay(cart(20000), owned("a", CUT), mode="single") == 15000
    assert pay(cart(20000), owned("a", CUT), owned("b", TENTH), mode="single") == "one_coupon_per_order"


@pytest.mark.requirement("F105")
def test_two_coupons_of_one_kind_are_refused_with_the_reason() -> None:
    assert pay(cart(40000), owned("a", CUT), owned("b", CUT)) == "same_kind"
    assert pay(cart(40000), owned("a", TENTH), owned("b", TENTH)) == "same_kind"
    assert pay(cart(40000), owned("a", CUT), owned("b", CUT), same_kind=True) == 30000


@pytest.mark.requirement("F106")
def test_threshold_and_percent_pay_130_in_the_best_order_and_the_receipt_states_it() -> None:
    wallet = [owned("a", CUT), owned("b", TENTH)]
    best = quote(wallet, "u", cart(20000), NOW, Rates()).best
    assert best.receipt is not None
    assert best.receipt.payable_cents == 13000
    assert [coupon.kind for coupon in best.receipt.coupons] == ["percent", "threshold_cut"]
    # With the minimum on what is left, the cut must come first: (200 - 50) * 0.9.
    on_left = [owned("a", CUT, minimum_on="left"), owned("b", TENTH)]
    other = price_set(on_left, "u", cart(20000), NOW, Rates())
    assert isinstance(other, Receipt)
    assert other.payable_cents == 13500
    assert [coupon.kind for coupon in other.coupons] == ["threshold_cut", "percent"]


@pytest.mark.requirement("F107")
def test_100_minus_20_and_500_points_pay_75() -> None:
    wallet = [owned("a", ThresholdCut(10000, 2000))]
    assert pay(cart(10000, points=500), *wallet) == 7500
    assert pay(cart(10000, points=500), *wallet, points={"except": ["threshold_cut"]}) == "points_excluded"


@pytest.mark.requirement("F107")
def test_points_never_take_more_than_the_goods_cost_and_the_rest_stays_with_the_customer() -> None:
    answer = price_set([owned("a", NoThreshold(2000))], "u", cart(3000, points=5000), NOW, Rates())
    assert isinstance(answer, Receipt)
    assert (answer.payable_cents, answer.points_cents, answer.points) == (0, 1000, 1000)


@pytest.mark.requirement("F108")
@pytest.mark.parametrize("activity", ["full_reduction", "limited_time", "member"])
def test_each_pair_of_coupon_and_activity_is_allowed_or_denied_by_the_matrix(activity: str) -> None:
    bought = cart(30000, activities=(Activity(activity, 1000),))
    assert pay(bought, owned("a", CUT)) == 24000
    assert pay(bought, owned("a", CUT), activities={"except": [["threshold_cut", activity]]}) == "activity_excluded"
    denied = {"together": False, "except": [["threshold_cut", activity]]}
    assert pay(bought, owned("a", CUT), activities=denied) == 24000
    assert pay(bought, owned("b", TENTH), activities=denied) == "activity_excluded"


@pytest.mark.requirement("F109")
def test_the_matrix_is_data_and_a_pair_of_kinds_can_be_denied_or_allowed() -> None:
    pair = [owned("a", CUT), owned("b", TENTH)]
    assert pay(cart(20000), *pair, kinds={"except": [["percent", "threshold_cut"]]}) == "kinds_excluded"
    assert pay(cart(20000), *pair, kinds={"together": False}) == "kinds_excluded"
    assert pay(cart(20000), *pair, kinds={"together": False, "except": [["percent", "threshold_cut"]]}) == 13000


@pytest.mark.requirement("F110")
def test_of_30_percent_and_40_off_on_100_the_40_is_chosen() -> None:
    wallet = [owned("a", Percent(30, 10**6)), owned("b", NoThreshold(4000))]
    best = quote(wallet, "u", cart(10000), NOW, Rates(Stacking(mode="single"))).best
    assert best.receipt is not None
    assert [coupon.coupon_id for coupon in best.receipt.coupons] == ["b"]
    assert best.saving_cents == 4000


@pytest.mark.requirement("F111")
def test_with_a_coupon_that_does_not_stack_the_others_are_dropped() -> None:
    alone = owned("alone", NoThreshold(9000), stackable=False)
    others = [owned("a", CUT), owned("b", TENTH)]
    best = quote([alone, *others], "u", cart(20000), NOW, Rates()).best
    assert best.receipt is not None
    assert [coupon.coupon_id for coupon in best.receipt.coupons] == ["alone"]
    assert pay(cart(20000), alone, others[0]) == "not_stackable"


def test_more_coupons_than_an_order_takes_are_refused() -> None:
    three = [owned("a", CUT), owned("b", TENTH), owned("c", Freight(100))]
    assert pay(cart(20000, freight_cents=500), *three, max_coupons=2) == "too_many_coupons"
    assert pay(cart(20000, freight_cents=500), *three, max_coupons=3) == 13400


def test_platform_and_merchant_coupons_meet_unless_the_rules_say_no() -> None:
    shop = owned("a", CUT, owner="merchant", merchant_id="m1", scope=Scope("merchant", ("m1",)))
    bought = Cart((Line(1, "s", "x", 1, 20000, merchant_id="m1"),))
    assert pay(bought, shop, owned("b", TENTH)) == 13000
    assert pay(bought, shop, owned("b", TENTH), owners={"together": False}) == "kinds_excluded"


@given(stack_rules(), st.data())
def test_two_coupons_meet_exactly_when_the_words_of_the_rules_say_so(
    rules: dict[str, Any], data: st.DataObject
) -> None:
    one, other = (data.draw(candidates(n)).template for n in (0, 1))
    stacking = Stacking.from_data(rules)
    assert (stacking.pair(one, other) == PASS) == may_meet(one, other, rules)
    assert (stacking.pair(other, one) == PASS) == may_meet(one, other, rules)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"mode": "some"}, "stacking.mode"),
        ({"max_coupons": 0}, "stacking.max_coupons"),
        ({"max_coupons": True}, "stacking.max_coupons"),
        ({"same_kind": 1}, "stacking.same_kind"),
        ({"kinds": {"except": [["percent", "free_lunch"]]}}, "stacking.kinds.except"),
        ({"kinds": {"except": [["percent", "percent"]]}}, "stacking.kinds.except"),
        ({"kinds": {"except": [["percent"]]}}, "stacking.kinds.except"),
        ({"kinds": {"together": "yes"}}, "stacking.kinds.together"),
        ({"activities": {"except": [["percent", "party"]]}}, "stacking.activities.except"),
        ({"points": {"except": ["free_lunch"]}}, "stacking.points.except"),
        ({"owners": {"except": ["merchant"]}}, "stacking.owners.except"),
        ({"kinds": []}, "stacking.kinds"),
        ({"colour": "red"}, "stacking.colour"),
    ],
)
def test_rules_that_cannot_be_are_refused_by_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Stacking.from_data(data)
    assert caught.value.field == field


def test_the_first_pair_that_cannot_meet_is_named() -> None:
    a, b, c = (owned(n, kind).template for n, kind in (("a", CUT), ("b", TENTH), ("c", CUT)))
    assert Stacking().check([a, b, c]) == Refuse("same_kind")
    assert Stacking().check([a, b]) == PASS
    assert all(tag in PRICING_TAGS for tag in (a.kind.TAG, b.kind.TAG))
