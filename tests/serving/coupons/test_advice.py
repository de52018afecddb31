"""Advice for whoever sets up a template: the requirements' figures, no advice without facts, never an error."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fakes.counter import template
from fakes.templates import templates
from hypothesis import given
from hypothesis import strategies as st

from serving.coupons.advice import RULES, Guide, ShopFacts, advise
from serving.coupons.audience import Audience
from serving.coupons.golden import GOLDEN_RULES, checklist
from serving.coupons.kinds import (
    CategoryPercent,
    GiftPack,
    NoThreshold,
    Percent,
    RandomAmount,
    Rate,
    Step,
    ThresholdCut,
    TieredCut,
)
from serving.coupons.money import InvalidError
from serving.coupons.scope import Scope
from serving.coupons.shop_facts import margin_after, suggested_threshold
from serving.coupons.template import Limits, Template
from serving.coupons.validity import DaysFromClaim, FixedDates, MinutesFromClaim

FEW = Limits(quantity=500, per_user=1)
NEW = {"coupon_class": "newcomer", "audience": Audience(newcomer=True)}


def codes(of: Template, guide: Guide | None = None, **facts: Any) -> set[str]:
    return {advice.code for advice in advise(of, ShopFacts(**facts), guide)}


def cut(minimum: int, face: int, **values: Any) -> Template:
    return template(ThresholdCut(minimum, face), limits=FEW, **values)


def cash(face: int, **values: Any) -> Template:
    return template(NoThreshold(face), **{"limits": FEW, **values})


@pytest.mark.requirement("F008")
def test_more_no_threshold_coupons_than_the_configured_cap_are_a_warning() -> None:
    for quantity, warned in ((500, False), (501, True), (None, True)):
        assert ("no_threshold_many" in codes(cash(1000, limits=Limits(quantity, 1)))) == warned
    assert "no_threshold_many" not in codes(cash(1000, limits=Limits(501, 1)), Guide(no_threshold_quantity=501))
    assert "no_threshold_many" not in codes(template(ThresholdCut(2000, 1000), limits=Limits(10_000, 1)))


@pytest.mark.requirement("F009")
def test_a_no_threshold_face_is_best_a_little_below_the_cheapest_item() -> None:
    for face, warned in ((1000, False), (1199, False), (1200, True), (1500, True)):
        assert ("face_over_cheapest" in codes(cash(face), cheapest_item_cents=1200)) == warned


@pytest.mark.requirement("F038")
def test_newcomer_coupons_do_best_with_3_to_7_days_and_general_ones_with_7_to_14() -> None:
    for days, newcomer, general in (
        (2, True, True),
        (3, False, True),
        (7, False, False),
        (8, True, False),
        (20, True, True),
    ):
        validity = DaysFromClaim(days)
        assert ("validity_unusual" in codes(cash(1000, validity=validity, **NEW))) == newcomer
        assert ("validity_unusual" in codes(cash(1000, validity=validity))) == general
    long = FixedDates(date(2026, 5, 1), date(2026, 5, 20))
    assert "validity_unusual" in codes(cash(1000, validity=long, **NEW))
    assert "validity_unusual" not in codes(cash(1000, validity=FixedDates(long.first, long.first)))
    assert "validity_unusual" not in codes(cash(1000, validity=MinutesFromClaim(120)))


@pytest.mark.requirement("F040")
def test_a_coupon_without_a_limit_is_told_of_scarcity() -> None:
    unlimited = advise(cash(1000, limits=Limits(per_user=1)))
    assert "three times" in next(advice.en for advice in unlimited if advice.code == "quantity_unlimited")
    assert "quantity_unlimited" not in codes(cash(1000))
    assert "quantity_unlimited" not in codes(cash(1000, limits=Limits(), delivery="automatic"))


@pytest.mark.requirement("F043")
def test_an_account_should_claim_one_to_three() -> None:
    for per_user, warned in ((1, False), (3, False), (4, True), (None, True)):
        assert ("per_account_high" in codes(cash(1000, limits=Limits(500, per_user)))) == warned
    assert "per_account_high" not in codes(cash(1000, limits=Limits(500, per_user_day=1)))


@pytest.mark.requirement("F052")
def test_the_face_follows_from_the_margin_and_the_value_of_the_user() -> None:
    facts = {"gross_margin_percent": 30, "user_value_cents": 20000}
    assert "face_over_value" not in codes(cash(6000), **facts)
    assert "face_over_value" in codes(cash(6001), **facts)
    assert "face_over_value" in codes(cash(3001, uses=2), **facts)
    said = next(advice for advice in advise(cash(9000), ShopFacts(**facts)) if advice.code == "face_over_value")
    assert ("30 %" in said.en, "60" in said.en, "60" in said.zh) == (True, True, True)
    assert "face_over_value" not in codes(template(GiftPack(("a", "b"))), **facts)


@pytest.mark.requirement("F053")
def test_a_sale_of_100_that_cost_80_earns_5_9_percent_after_a_coupon_of_15() -> None:
    facts = ShopFacts(item_price_cents=10000, item_cost_cents=8000)
    rate = margin_after(NoThreshold(1500), facts)
    assert rate is not None
    assert round(rate, 1) == 5.9
    found = [advice for advice in advise(cash(1500), facts) if advice.code == "margin_thin"]
    assert "5.9 %" in found[0].en
    assert "5.9%" in found[0].zh
    assert "margin_thin" not in codes(cash(1000), item_price_cents=10000, item_cost_cents=8000)
    # 100 - 11.11 = 88.89 earns 10.001 %, one cent more off earns less than 10 %
    assert "margin_thin" not in codes(cash(1111), item_price_cents=10000, item_cost_cents=8000)
    assert "margin_thin" in codes(cash(1112), item_price_cents=10000, item_cost_cents=8000)


def test_the_margin_is_that_of_the_order_that_the_coupon_asks_for() -> None:
    facts = ShopFacts(average_order_cents=10000, gross_margin_percent=20)
    assert margin_after(ThresholdCut(20000, 3000), facts) == pytest.approx(100 * 1000 / 17000)
    assert margin_after(Percent(15, 10**6), facts) == pytest.approx(100 * 500 / 8500)
    assert margin_after(Percent(15, 1000), facts) == pytest.approx(100 * 1000 / 9000)
    steps = TieredCut((Step(10000, 500), Step(20000, 3000)))
    assert margin_after(steps, facts) == pytest.approx(100 * 1000 / 17000)
    assert margin_after(RandomAmount(1, 1500), facts) == pytest.approx(100 * 500 / 8500)
    assert margin_after(NoThreshold(10000), facts) == -100
    assert margin_after(GiftPack(("a", "b")), facts) is None
    assert margin_after(NoThreshold(1), ShopFacts(average_order_cents=10000)) is None


@pytest.mark.requirement("F054")
def test_the_threshold_lies_a_little_above_the_average_order() -> None:
    examples = ((8000, 10000, 1500), (15000, 20000, 3000), (30000, 40000, 6000))
    for average, minimum, face in examples:
        assert suggested_threshold(average) == (minimum, face)
        assert "threshold_unfit" not in codes(cut(minimum, face), average_order_cents=average)
        for factor in (110, 115, 120):
            assert "threshold_unfit" not in codes(cut(average * factor // 100, face), average_order_cents=average)
        for unfit in (average * 109 // 100, minimum + 1):
            assert "threshold_unfit" in codes(cut(unfit, face), average_order_cents=average)
    said = advise(cut(8000, 1500), ShopFacts(average_order_cents=8000))
    assert any("ask for 100 and take 15 off" in advice.en for advice in said)


@given(st.integers(1, 10**9))
def test_a_suggested_threshold_is_at_least_120_percent_and_a_coupon_that_can_be(average: int) -> None:
    minimum, face = suggested_threshold(average)
    assert average * 12 <= minimum * 10 <= average * 12 * 3 // 2 + 100
    assert ThresholdCut(minimum, face).face_cents * 100 <= max(100, minimum * 15)


@pytest.mark.requirement("F055")
def test_a_percentage_deeper_than_the_gross_margin_loses_money() -> None:
    for percent, warned in ((20, False), (25, False), (30, True)):
        of = template(Percent(percent, 5000), limits=FEW)
        assert ("percent_deep" in codes(of, gross_margin_percent=25)) == warned
    rates = CategoryPercent((Rate("a", 10), Rate("b", 30)), 5000)
    assert "percent_deep" in codes(template(rates, scope=Scope("category", ("a", "b"))), gross_margin_percent=25)


@pytest.mark.requirement("F176")
def test_more_than_fifteen_days_are_clearly_worse() -> None:
    for days, warned in ((7, False), (15, False), (16, True), (30, True)):
        assert ("validity_long" in codes(cash(1000, validity=DaysFromClaim(days)))) == warned
    assert "validity_long" not in codes(cash(1000, validity=DaysFromClaim(30)), Guide(longest_days=30))


@pytest.mark.requirement("F177")
def test_saving_a_template_shows_the_five_golden_rules() -> None:
    assert list(GOLDEN_RULES) == ["depth", "threshold", "deadline", "quantity", "scene"]
    facts = ShopFacts(average_order_cents=8000, gross_margin_percent=40)
    good = cut(10000, 1500, **NEW)
    assert [check.holds for check in checklist(good, facts)] == [True] * 5
    bad = template(ThresholdCut(50000, 40000), validity=DaysFromClaim(60))
    found = {check.rule: check for check in checklist(bad, facts)}
    assert [check.holds for check in found.values()] == [False] * 5
    assert {advice.code for advice in found["quantity"].advice} == {"quantity_unlimited", "per_account_high"}
    unknown = {check.rule: check.holds for check in checklist(good)}
    assert unknown == {"depth": None, "threshold": None, "deadline": True, "quantity": True, "scene": True}
    assert all(check.en and check.zh for check in found.values())


@pytest.mark.requirement("F204")
def test_the_validity_fits_what_the_coupon_is_for() -> None:
    one = date(2026, 11, 11)
    member = {"coupon_class": "member", "audience": Audience(member_tiers=("gold",))}
    assert "validity_use" not in codes(cash(1000, coupon_class="festival", validity=FixedDates(one, one)))
    assert "validity_use" not in codes(cash(1000, validity=DaysFromClaim(30), **member))
    assert "validity_use" in codes(cash(1000, validity=DaysFromClaim(31), **member))
    timed = {"coupon_class": "limited_time", "limits": FEW}
    assert "validity_use" not in codes(template(NoThreshold(1), validity=DaysFromClaim(3), **timed))


@given(templates())
def test_advice_never_fails_and_says_itself_in_both_languages(of: Template) -> None:
    facts = ShopFacts(1200, 8000, 25, 20000, 10000, 8000)
    found = advise(of, facts)
    assert {advice.requirement for advice in found} <= {
        "F008", "F009", "F038", "F040", "F043", "F052", "F053", "F054", "F055", "F176", "F204",
    }  # fmt: skip
    assert all(advice.en and advice.zh and advice.en != advice.zh for advice in found)
    assert len({advice.code for advice in found}) == len(found) <= len(RULES)
    assert {check.rule for check in checklist(of, facts)} == set(GOLDEN_RULES)


def test_facts_that_cannot_be_name_their_field() -> None:
    for field, value in (("cheapest_item_cents", 0), ("gross_margin_percent", 101), ("item_cost_cents", -1)):
        with pytest.raises(InvalidError, match=field):
            ShopFacts(**{field: value})
    assert replace(ShopFacts(), item_price_cents=5).sale is None
