"""The ladder of checks: its order, what each refusal says is missing, and the states that a user sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from fakes.wallets import NOW, give

from serving.coupons import refusals
from serving.coupons.cart import Activity, Cart, Line
from serving.coupons.coupon import EXPIRED, HELD, REVOKED, UNUSED, USED, Coupon, Lock, apply
from serving.coupons.events import Claimed, Expired, Held, Redeemed, RolledBack
from serving.coupons.kinds import QuantityCut, ThresholdCut
from serving.coupons.margin import Margin
from serving.coupons.opening import Opening, Piece
from serving.coupons.refusals import PASS, Refuse
from serving.coupons.rules import LADDER, Use, check
from serving.coupons.scope import Scope
from serving.coupons.stacking import STACKING, Stacking
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim
from serving.coupons.windows import Window

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEMPLATE = Template(
    "t", "t", ThresholdCut(10000, 1000), DaysFromClaim(2), Scope("category", ("shoes",)), terminals=("app",)
)
COUPON = give("c", TEMPLATE, NOW + timedelta(days=1)).coupon
CART = Cart((Line(1, "s", "shoes", 1, 10000),), "app")


def ask(
    coupon: Coupon | None = COUPON,
    cart: Cart = CART,
    template: Template = TEMPLATE,
    user: str = "u",
    now: datetime = NOW,
    stacking: Stacking = STACKING,
) -> object:
    opening = Opening.of(cart, Margin())
    piece = Piece.of(coupon or COUPON, template, opening)
    seen = piece.seen(piece.coverage.look(opening.before), cart.freight_cents)
    return check(Use(coupon, template, seen, user, cart, now, SHANGHAI, stacking))


def test_a_coupon_that_meets_every_rule_passes() -> None:
    assert ask() == PASS


@pytest.mark.requirement("F100")
def test_a_wrong_terminal_and_a_short_amount_name_the_terminal() -> None:
    assert ask(cart=Cart((Line(1, "s", "shoes", 1, 10),), "web")) == Refuse("terminal_mismatch")


@pytest.mark.requirement("F100")
def test_the_first_rung_that_fails_is_named_and_the_rungs_are_in_their_order() -> None:
    wrong = Cart((Line(1, "s", "books", 1, 10),), "web")
    used = replace(COUPON, state=USED)
    assert ask(None, wrong) == Refuse("coupon_unknown")
    assert ask(used, wrong) == Refuse("coupon_used")
    assert ask(COUPON, wrong) == Refuse("terminal_mismatch")
    assert ask(COUPON, replace(wrong, terminal="app")) == Refuse("scope_mismatch")
    assert ask(COUPON, Cart((Line(1, "s", "shoes", 1, 10),), "app")) == Refuse("amount_short", 9990, "cents")
    tags = [rule.TAG for rule in LADDER]
    assert tags == ["has_coupon", "valid_and_unused", "terminal", "scope", "amount", "activity", "points"]


@pytest.mark.requirement("F100")
def test_promotions_and_points_are_asked_last() -> None:
    strict = Stacking.from_data(
        {"activities": {"except": [["threshold_cut", "flash_sale"]]}, "points": {"except": ["threshold_cut"]}}
    )
    busy = replace(CART, activities=(Activity("flash_sale", 1),), points=5)
    assert ask(cart=busy, stacking=strict) == Refuse("amount_short", 1, "cents")
    roomy = replace(busy, lines=(Line(1, "s", "shoes", 1, 20000),))
    assert ask(cart=roomy, stacking=strict) == Refuse("activity_excluded")
    assert ask(cart=replace(roomy, activities=()), stacking=strict) == Refuse("points_excluded")
    assert ask(cart=roomy) == PASS


def test_a_foreign_coupon_is_refused_like_one_that_does_not_exist() -> None:
    assert ask(COUPON, user="other") == ask(None) == Refuse("coupon_unknown")


@pytest.mark.requirement("F101")
def test_the_minimum_is_reached_by_equal_unless_the_template_wants_more() -> None:
    assert ask() == PASS
    strict = replace(TEMPLATE, kind=ThresholdCut(10000, 1000, strict=True))
    assert ask(template=strict) == Refuse("amount_short", 1, "cents")


@pytest.mark.requirement("F048")
def test_special_price_goods_do_not_count_for_100_minus_20() -> None:
    regular = Template("t", "t", ThresholdCut(10000, 2000), DaysFromClaim(2), Scope(regular_only=True))
    cart = Cart((Line(1, "a", "x", 1, 6000, special=True), Line(2, "b", "x", 1, 6000)))
    assert ask(template=regular, cart=cart) == Refuse("amount_short", 4000, "cents")
    assert ask(template=replace(regular, scope=Scope()), cart=cart) == PASS


def test_a_number_of_pieces_is_told_in_pieces() -> None:
    two = replace(TEMPLATE, kind=QuantityCut(3, 500))
    assert ask(template=two) == Refuse("pieces_short", 2, "pieces")


def test_time_before_the_start_is_told_in_seconds_and_the_end_is_the_end() -> None:
    assert ask(replace(COUPON, valid_from=NOW + timedelta(seconds=90))) == Refuse("not_yet_valid", 90, "seconds")
    assert ask(now=COUPON.valid_until - timedelta(seconds=1)) == PASS
    assert ask(now=COUPON.valid_until) == Refuse("coupon_expired")
    assert ask(replace(COUPON, state=EXPIRED)) == Refuse("coupon_expired")
    assert ask(replace(COUPON, state=REVOKED)) == Refuse("coupon_revoked")


def test_a_hold_locks_the_coupon_until_its_deadline() -> None:
    held = replace(COUPON, state=HELD, hold=Lock("h", "o", NOW + timedelta(seconds=30), 10))
    assert ask(held) == Refuse("coupon_held", 30, "seconds")
    assert ask(held, now=NOW + timedelta(seconds=30)) == PASS


def test_outside_its_hours_a_coupon_says_how_long_to_wait() -> None:
    early = replace(TEMPLATE, windows=(Window(time(8), time(10)),))
    at = datetime(2026, 5, 1, 23, 59)  # 07:59 of the next day in the shop
    assert ask(template=early, now=at) == Refuse("outside_hours", 60, "seconds")
    assert ask(template=early, now=at + timedelta(minutes=1)) == PASS
    too_late = replace(COUPON, valid_until=at + timedelta(seconds=30))
    assert ask(too_late, template=early, now=at) == Refuse("outside_hours")


@pytest.mark.requirement("F108")
def test_an_activity_on_other_lines_is_no_obstacle() -> None:
    strict = Stacking.from_data({"activities": {"together": False}})
    cart = replace(CART, lines=(*CART.lines, Line(2, "b", "books", 1, 500)))
    assert ask(cart=replace(cart, activities=(Activity("member", 10, (2,)),)), stacking=strict) == PASS
    touching = replace(cart, lines=(replace(cart.lines[0], quantity=2), cart.lines[1]))
    assert ask(cart=replace(touching, activities=(Activity("member", 10, (1,)),)), stacking=strict) == Refuse(
        "activity_excluded"
    )


@pytest.mark.requirement("F098")
def test_a_coupon_goes_from_unused_to_used_and_back_or_expires() -> None:
    claimed = apply(None, Claimed("c", NOW, "u", "t", 1, None, None, 1000, NOW, NOW, None, None, None))
    held = apply(claimed, Held("c", NOW, "h", "o", NOW, 10))
    used = apply(held, Redeemed("c", NOW, "h", "r", late=False))
    back = apply(used, RolledBack("c", NOW, "r", "order_cancelled", returned=True, spent_cents=10))
    assert [claimed.state, used.state, back.state] == [UNUSED, USED, UNUSED]
    assert apply(back, Expired("c", NOW)).state == EXPIRED


def test_every_refusal_speaks_both_languages() -> None:
    for code, entry in refusals.CATALOGUE.items():
        assert entry.en.endswith(".") or "…" in entry.en, code
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.zh), code
        assert 400 <= entry.status < 500
