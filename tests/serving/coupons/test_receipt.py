"""Formulas and splits of the receipt: the requirement's own examples, who bears what, and laws for every order."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.wallets import NOW, carts, give, margins, stack_rules, wallets
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.combinations import after_activities, walk
from oracles.coupons import unit_prices
from serving.coupons.bearers import settle, split_bearers
from serving.coupons.cart import Activity, Cart, Line
from serving.coupons.kinds import Freight, Kind, NoThreshold, ThresholdCut
from serving.coupons.margin import Margin
from serving.coupons.money import InvalidError
from serving.coupons.pricing import Candidate, Rates, price_set, quote
from serving.coupons.receipt import Receipt, receipt_from_data, receipt_to_data
from serving.coupons.scope import Scope
from serving.coupons.stacking import Stacking
from serving.coupons.template import Bearers, Template
from serving.coupons.validity import DaysFromClaim

DEFAULT = Rates()


def owned(coupon_id: str, kind: Kind, **more: Any) -> Candidate:
    return give(coupon_id, Template(f"t-{coupon_id}", "t", kind, DaysFromClaim(7), **more))


def priced(bought: Cart, *wallet: Candidate, rates: Rates = DEFAULT) -> Receipt:
    answer = price_set(wallet, "u", bought, NOW, rates)
    assert isinstance(answer, Receipt), answer
    return answer


def paid_lines(receipt: Receipt) -> list[int]:
    return [receipt.line_paid_cents(index) for index in range(len(receipt.lines))]


@pytest.mark.requirement("F112")
def test_200_of_goods_and_10_of_freight_less_50_is_160() -> None:
    receipt = priced(Cart((Line(1, "a", "x", 1, 20000),), freight_cents=1000), owned("c", ThresholdCut(20000, 5000)))
    assert receipt.payable_cents == 16000


@pytest.mark.requirement("F113")
def test_the_discount_is_activity_10_and_coupon_20_and_points_5() -> None:
    bought = Cart((Line(1, "a", "x", 1, 20000),), activities=(Activity("member", 1000),), points=500)
    receipt = priced(bought, owned("c", NoThreshold(2000)))
    assert (receipt.activity_cents, receipt.coupon_cents, receipt.points_cents) == (1000, 2000, 500)
    assert receipt.discount_cents == 3500
    assert receipt.payable_cents == 16500


@pytest.mark.requirement("F114")
def test_sixty_and_forty_with_ten_off_are_54_and_36() -> None:
    receipt = priced(Cart((Line(1, "a", "x", 1, 6000), Line(2, "b", "x", 1, 4000))), owned("c", NoThreshold(1000)))
    assert paid_lines(receipt) == [5400, 3600]


@pytest.mark.requirement("F115")
def test_discounts_of_two_goods_stack_by_item_and_the_freight_is_free() -> None:
    """The source's numbers are a picture; ours: A 100 less 10 and 5, B 60 less 6, freight 8 paid by a coupon."""
    bought = Cart(
        (Line(1, "a", "x", 1, 10000), Line(2, "b", "x", 1, 6000)),
        freight_cents=800,
        activities=(
            Activity("limited_time", 1000, (1,)),
            Activity("single_item", 500, (1,)),
            Activity("member", 600, (2,)),
        ),
    )
    receipt = priced(bought, owned("f", Freight(1000)))
    assert paid_lines(receipt) == [8500, 5400]
    assert receipt.freight_paid_cents == 0
    assert receipt.payable_cents == 13900


@pytest.mark.requirement("F116")
def test_thirty_over_a_hundred_and_two_fifties_is_15_and_7_50_for_each_unit() -> None:
    receipt = priced(Cart((Line(1, "c", "x", 1, 10000), Line(2, "d", "x", 2, 5000))), owned("c", NoThreshold(3000)))
    assert receipt.coupons[0].shares == (1500, 1500)
    assert [receipt.unit_components(1, unit)[1] for unit in (1, 2)] == [750, 750]
    single = priced(Cart((Line(1, "c", "x", 1, 10000), Line(2, "d", "x", 1, 5000))), owned("c", NoThreshold(3000)))
    assert single.coupons[0].shares == (2000, 1000)


@pytest.mark.requirement("F117")
def test_a_coupon_of_14_after_an_item_discount_is_split_9_and_5() -> None:
    bought = Cart(
        (Line(1, "e", "x", 1, 10000), Line(2, "f", "x", 1, 5000)), activities=(Activity("single_item", 1000, (1,)),)
    )
    receipt = priced(bought, owned("c", NoThreshold(1400)))
    assert receipt.coupons[0].shares == (900, 500)


@pytest.mark.requirement("F118")
def test_the_refund_of_one_line_is_its_paid_price() -> None:
    receipt = priced(Cart((Line(1, "a", "x", 3, 2000), Line(2, "b", "x", 1, 4000))), owned("c", NoThreshold(1000)))
    units = [receipt.unit_paid_cents(0, unit) for unit in (1, 2, 3)]
    assert sum(units) == paid_lines(receipt)[0] == 5400
    assert units == unit_prices(2000, 3, 600)


@pytest.mark.requirement("F123")
def test_thirty_off_shared_40_to_60_is_12_and_18() -> None:
    bought = Cart((Line(1, "a", "x", 1, 10000, merchant_id="m1"),))
    receipt = priced(bought, owned("c", NoThreshold(3000), bearers=Bearers(40, 60)))
    assert receipt.coupons[0].borne == ((1200, 1800, 0),)
    assert settle(receipt) == {("platform", None): 1200, ("merchant", "m1"): 1800}


@pytest.mark.requirement("F150")
def test_each_supplier_bears_the_part_of_its_own_lines() -> None:
    bought = Cart(
        (
            Line(1, "a", "x", 1, 6000, supplier_id="p1"),
            Line(2, "b", "x", 1, 3000, supplier_id="p2"),
            Line(3, "c", "x", 1, 1000),
        )
    )
    receipt = priced(bought, owned("c", NoThreshold(1000), bearers=Bearers(50, 0, 50)))
    assert settle(receipt) == {("platform", None): 550, ("supplier", "p1"): 300, ("supplier", "p2"): 150}


def test_the_part_of_a_party_that_a_line_does_not_name_falls_to_the_platform() -> None:
    line = Line(1, "a", "x", 1, 9900)
    assert split_bearers(100, Bearers(20, 30, 50), line) == (100, 0, 0)
    named = Line(1, "a", "x", 1, 9900, merchant_id="m", supplier_id="p")
    assert split_bearers(1, Bearers(33, 33, 34), named) == (0, 0, 1)
    assert split_bearers(1, Bearers(50, 50), named) == (1, 0, 0), "ties go to the platform first"


def test_an_activity_that_takes_a_line_below_its_floor_is_an_error_of_the_input() -> None:
    bought = Cart((Line(1, "a", "x", 1, 1000, 900),), activities=(Activity("member", 101),))
    with pytest.raises(InvalidError, match="discount_cents"):
        priced(bought)


@pytest.mark.requirement("F053")
def test_price_100_cost_80_and_a_coupon_of_15_leave_5_9_percent_and_warn() -> None:
    bought = Cart((Line(1, "a", "x", 1, 10000, unit_cost_cents=8000),))
    wallet = [owned("c", NoThreshold(1500))]
    found = quote(wallet, "u", bought, NOW, Rates())
    assert found.best.saving_cents == 1500
    assert [warning.text() for warning in found.warnings] == ["Line 1 earns 5.9 % after coupons, less than 10 %."]
    assert [warning.text("zh") for warning in found.warnings] == ["第 1 行券后利润率 5.9 %，低于 10 %。"]
    refusing = quote(wallet, "u", bought, NOW, Rates(margin=Margin(10, "refuse")))
    assert refusing.best.receipt is None
    assert [refused.code for _, refused in refusing.unusable] == ["margin_guard"]
    flooring = quote(wallet, "u", bought, NOW, Rates(margin=Margin(10, "floor")))
    assert flooring.best.saving_cents == 1111, "a unit of cost 80 must bring 88.89"
    assert flooring.warnings == ()


@pytest.mark.requirement("F053")
def test_a_coupon_that_leaves_the_margin_or_takes_nothing_from_a_line_is_not_warned_of() -> None:
    bought = Cart((Line(1, "a", "x", 1, 10000, unit_cost_cents=8000), Line(2, "b", "y", 1, 100, unit_cost_cents=99)))
    kept = [owned("c", NoThreshold(1000), scope=Scope("sku", ("a",)))]
    assert quote(kept, "u", bought, NOW, Rates()).warnings == ()
    free = [owned("c", NoThreshold(10**6))]
    rates = [warning.basis_points for warning in quote(free, "u", bought, NOW, Rates()).warnings]
    assert rates == [None, None]


@settings(max_examples=150)
@given(wallets(), carts(), stack_rules(), margins, st.sampled_from([1, 100, 1000]))
def test_every_receipt_adds_up_to_the_cent(
    wallet: list[Candidate], bought: Cart, rules: dict[str, Any], margin: Margin, per_yuan: int
) -> None:
    rates = Rates(Stacking.from_data(rules), points_per_yuan=per_yuan, margin=margin)
    found = quote(wallet, "u", bought, NOW, rates)
    receipts = [found.plain, *(one.receipt for one in found.usable)]
    if found.best.receipt is not None:
        receipts.append(found.best.receipt)
    faces = {one.coupon.coupon_id: (one.template, one.coupon.face_cents) for one in wallet}
    before = after_activities(bought)
    for receipt in receipts:
        assert receipt_from_data(receipt_to_data(receipt)) == receipt
        assert receipt.payable_cents >= 0
        assert receipt.payable_cents == sum(paid_lines(receipt)) + receipt.freight_paid_cents
        assert receipt.freight_paid_cents >= 0
        assert [line.price_cents - line.activity_cents for line in receipt.lines] == before
        assert 0 <= receipt.points <= bought.points
        assert receipt.points_cents <= receipt.points * 100 // per_yuan
        owned_faces = [faces[coupon.coupon_id] for coupon in receipt.coupons]
        walked = walk(owned_faces, bought, range(len(owned_faces)), (margin.mode, margin.least_percent))
        assert walked is not None
        assert [coupon.shares for coupon in receipt.coupons] == list(walked.shares)
        assert receipt.coupon_cents == walked.saving
        for coupon in receipt.coupons:
            assert coupon.goods_cents + coupon.freight_cents == coupon.discount_cents
            assert [sum(borne) for borne in coupon.borne] == list(coupon.shares)
            assert all(part >= 0 for borne in coupon.borne for part in borne)
        for index, line in enumerate(bought.lines):
            assert min(receipt.components(index)) >= 0
            assert sum(receipt.components(index)) <= line.capacity_cents
            units = [receipt.unit_components(index, unit) for unit in range(1, line.quantity + 1)]
            assert [sum(parts) for parts in zip(*units, strict=True)] == list(receipt.components(index))
            assert all(receipt.unit_paid_cents(index, unit + 1) >= line.unit_floor_cents for unit in range(len(units)))
        assert sum(settle(receipt).values()) == receipt.coupon_cents
