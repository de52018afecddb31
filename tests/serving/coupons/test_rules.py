"""The ladder of checks, the words of refusals, and the values that rules are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from serving.coupons import refusals
from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import EXPIRED, HELD, USED, Coupon, Hold
from serving.coupons.kinds import NoThreshold, Percent, ThresholdCut, kind_from_data, kind_to_data
from serving.coupons.money import InvalidError
from serving.coupons.refusals import Pass, Refuse
from serving.coupons.rules import Use, check
from serving.coupons.scope import Scope
from serving.coupons.template import Template, template_from_data, template_to_data
from serving.coupons.validity import DaysFromClaim, FixedDates, validity_from_data, validity_to_data

NOW = datetime(2026, 5, 1, 12)
SHANGHAI = ZoneInfo("Asia/Shanghai")
COUPON = Coupon("c", "u", "t", 1, None, None, 0, NOW, NOW - timedelta(days=1), NOW + timedelta(days=1))
TEMPLATE = Template(
    "t", "t", ThresholdCut(10000, 1000), DaysFromClaim(2), Scope("category", ("shoes",)), terminals=("app",)
)
CART = Cart((Line(1, "s", "shoes", 1, 10000),), "app")


def ask(coupon: Coupon | None = COUPON, cart: Cart = CART, template: Template = TEMPLATE, user: str = "u") -> object:
    return check(Use(coupon, template, user, cart, NOW))


def test_a_coupon_that_meets_every_rule_passes() -> None:
    assert ask() == Pass()


@pytest.mark.requirement("F100")
def test_the_first_rung_that_fails_is_named() -> None:
    wrong = Cart((Line(1, "s", "books", 1, 10),), "web")
    used = replace(COUPON, state=USED)
    assert ask(None, wrong) == Refuse("coupon_unknown")
    assert ask(used, wrong) == Refuse("coupon_used")
    assert ask(COUPON, wrong) == Refuse("terminal_mismatch")
    assert ask(COUPON, replace(wrong, terminal="app")) == Refuse("scope_mismatch")
    assert ask(COUPON, Cart((Line(1, "s", "shoes", 1, 10),), "app")) == Refuse("amount_short", 9990, "cents")


def test_a_foreign_coupon_is_refused_like_one_that_does_not_exist() -> None:
    assert ask(COUPON, user="other") == ask(None) == Refuse("coupon_unknown")


@pytest.mark.requirement("F101")
def test_the_minimum_is_reached_by_equal_unless_the_template_wants_more() -> None:
    assert ask(template=replace(TEMPLATE, kind=ThresholdCut(10000, 1000, strict=True))) == Refuse(
        "amount_short", 1, "cents"
    )


def test_validity_is_half_open_and_a_lock_counts_only_until_its_deadline() -> None:
    assert ask(replace(COUPON, valid_until=NOW)) == Refuse("coupon_expired")
    assert ask(replace(COUPON, valid_until=NOW + timedelta(microseconds=1))) == Pass()
    assert ask(replace(COUPON, valid_from=NOW + timedelta(seconds=5))) == Refuse("not_yet_valid", 5, "seconds")
    assert ask(replace(COUPON, state=EXPIRED)) == Refuse("coupon_expired")
    locked = replace(COUPON, state=HELD, hold=Hold("h", "o", NOW + timedelta(seconds=9), 1, 1, ()))
    assert ask(locked) == Refuse("coupon_held", 9, "seconds")
    assert ask(replace(locked, hold=Hold("h", "o", NOW, 1, 1, ()))) == Pass()


def test_every_refusal_has_a_status_and_words_in_both_languages() -> None:
    for code, entry in refusals.CATALOGUE.items():
        assert 400 <= entry.status < 500, code
        assert entry.en.endswith("."), code
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.zh), code
        assert "{" not in Refuse(code, 5, "cents").text("en") + Refuse(code, 5, "cents").text("zh")


@pytest.mark.requirement("F033")
@pytest.mark.parametrize("face", [20000, 30000])
def test_a_threshold_cut_must_take_less_than_its_minimum(face: int) -> None:
    with pytest.raises(InvalidError, match="minimum_cents"):
        ThresholdCut(20000, face)


@pytest.mark.requirement("F032")
@pytest.mark.parametrize(("name", "good"), [("x" * 50, True), ("x" * 51, False), ("", False), ("  ", False)])
def test_names_have_1_to_50_characters(name: str, good: bool) -> None:
    if good:
        assert Template("t", name, NoThreshold(1), DaysFromClaim(1)).name == name
    else:
        with pytest.raises(InvalidError, match="name"):
            Template("t", name, NoThreshold(1), DaysFromClaim(1))


@pytest.mark.parametrize("value", [True, 1.0, float("nan"), "1", -1, 0, 10**13, None])
def test_money_is_a_positive_integer_and_nothing_else(value: object) -> None:
    with pytest.raises(InvalidError, match="face_cents"):
        NoThreshold(value)  # type: ignore[arg-type]


@pytest.mark.requirement("F036")
def test_relative_validity_counts_the_day_of_the_claim_as_day_one() -> None:
    claimed = datetime(2026, 5, 1, 15, 59, 59)  # 23:59:59 of the 1st in Shanghai
    _, until = DaysFromClaim(7).window(claimed, SHANGHAI)
    assert until == datetime(2026, 5, 7, 16)
    _, later = DaysFromClaim(7).window(claimed + timedelta(seconds=1), SHANGHAI)
    assert later == until + timedelta(days=1)


def test_a_local_day_of_23_hours_ends_at_local_midnight() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start, until = FixedDates(date(2026, 3, 29), date(2026, 3, 29)).window(NOW, berlin)
    assert until - start == timedelta(hours=23)


@pytest.mark.requirement("F035")
def test_fixed_dates_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(InvalidError, match="first"):
        FixedDates(date(2026, 5, 2), date(2026, 5, 1))


@pytest.mark.parametrize("kind", [NoThreshold(5), Percent(10, 5, 3, True), ThresholdCut(9, 5)])
def test_what_is_stored_reads_back_as_it_was(kind: NoThreshold | Percent | ThresholdCut) -> None:
    assert kind_from_data(kind_to_data(kind)) == kind
    for validity in (DaysFromClaim(3), FixedDates(date(2026, 5, 1), date(2026, 5, 2))):
        assert validity_from_data(validity_to_data(validity)) == validity
        whole = Template("t", "n", kind, validity, Scope("sku", ("a", "b"), ("b",)), ("app",), 5, 2, 1, "c", "open")
        assert template_from_data(template_to_data(whole), "open") == whole


@pytest.mark.parametrize("text", ["", "sku", "sku:", "all:a", "brand:a", "sku:a||b"])
def test_a_scope_that_names_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="scope"):
        Scope.parse(text)


def test_unknown_tags_are_named() -> None:
    with pytest.raises(InvalidError, match="kind"):
        kind_from_data({"kind": "free_lunch"})
    with pytest.raises(InvalidError, match="validity"):
        validity_from_data({"kind": "forever"})
