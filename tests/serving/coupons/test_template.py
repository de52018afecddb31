"""What a template may be, what it means for users and carts, and that what is stored reads back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from fakes.counter import NOON, ZONE, coupon, goods, line, local, order, pays, template
from fakes.templates import templates
from hypothesis import given
from hypothesis import strategies as st

from serving.coupons.audience import Audience, Shopper
from serving.coupons.cart import Cart
from serving.coupons.catalogue import template_from_data, template_to_data
from serving.coupons.claiming import Ask, check_claim
from serving.coupons.classes import ACTIVITY_NAMES, CLASS_NAMES, CLASSES, KIND_NAMES, check_class
from serving.coupons.coupon import USED, Coupon, ImpossibleError, apply
from serving.coupons.events import Claimed, Held, Redeemed
from serving.coupons.facets import FUNCTIONS, LEVERS, facets, levers
from serving.coupons.kinds import (
    KINDS,
    CategoryPercent,
    GiftPack,
    LuckyDraw,
    NoThreshold,
    Percent,
    Prize,
    RandomAmount,
    Rate,
    Special,
    SpecialPrice,
    ThresholdCut,
)
from serving.coupons.money import InvalidError
from serving.coupons.purpose import PROMISES
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.scope import Scope
from serving.coupons.template import CHANNELS, DELIVERIES, PLACES, Bearers, Campaign, Card, Limits, Template
from serving.coupons.validity import DaysFromClaim, FixedDates, MinutesFromClaim
from serving.coupons.windows import Slot, Window

CASH = NoThreshold(1000)
LOST = Audience(tags=("lost_60_days",))


def claims(of: Template, source: str = "claim", at: datetime = NOON, **shopper: Any) -> str:
    """``yes``, or the code of the refusal, for a user of whom ``shopper`` is known."""
    who = Shopper("u", known=True, **shopper)
    verdict = check_claim(Ask(of.opened("open"), who, at, ZONE, source))
    return verdict.code if isinstance(verdict, Refuse) else "yes"


def refused(**values: Any) -> str:
    """The field that makes a template impossible."""
    with pytest.raises(InvalidError) as caught:
        template(**{"kind": CASH, **values})
    return caught.value.field


@pytest.mark.requirement("F011")
def test_a_newcomer_coupon_is_for_users_without_orders() -> None:
    of = template(CASH, coupon_class="newcomer", audience=Audience(newcomer=True))
    assert [claims(of, orders=orders) for orders in (0, 1)] == ["yes", "newcomer_only"]
    assert refused(coupon_class="newcomer") == "audience.newcomer"


@pytest.mark.requirement("F013")
def test_a_first_order_cut_comes_by_itself_with_the_first_order_only() -> None:
    asks = Audience(first_order=True)
    of = template(CASH, coupon_class="first_order", audience=asks, delivery="automatic")
    assert [claims(of, "automatic", orders=orders) for orders in (0, 1)] == ["yes", "first_order_only"]
    assert claims(of, "claim") == "not_claimable"
    plain = order(goods(8000))
    assert isinstance(plain, Receipt)
    assert (pays(of, goods(8000)), plain.payable_cents) == (7000, 8000)


@pytest.mark.requirement("F015")
def test_zone_coupons_see_their_zone() -> None:
    for zone, other in (("beauty", "fresh"), ("fresh", "beauty")):
        of = template(CASH, coupon_class="category_zone", scope=Scope("category", (zone,)))
        assert pays(of, goods(5000, category=zone)) == 4000
        assert pays(of, goods(5000, category=other)) == "scope_mismatch"
    trial = template(SpecialPrice((Special("cream-new", 990),), 9000), coupon_class="trial")
    assert pays(trial, goods(5000, sku="cream-new")) == 990
    assert refused(coupon_class="category_zone") == "scope"


@pytest.mark.requirement("F016")
def test_a_new_product_coupon_sees_goods_tagged_new() -> None:
    of = template(CASH, coupon_class="new_product", scope=Scope("tag", ("new",)))
    assert pays(of, goods(5000, tags=("new", "hit"))) == 4000
    assert pays(of, goods(5000, tags=("hit",))) == "scope_mismatch"


@pytest.mark.requirement("F021")
@pytest.mark.requirement("F023")
def test_viral_social_and_game_coupons_keep_where_they_came_from() -> None:
    for coupon_class, source in (("viral", "invite"), ("social", "social"), ("game", "game")):
        of = template(CASH, coupon_class=coupon_class)
        assert claims(of, source) == "yes"
        assert _claimed(source=source).source == source


def _claimed(uses: int = 1, source: str = "claim") -> Coupon:
    start, end = NOON, NOON + timedelta(days=7)
    event = Claimed("c", NOON, "u", "t", 1, None, None, 1000, start, end, None, None, None, uses, source, "ref")
    return apply(None, event)


@pytest.mark.requirement("F022")
def test_a_shop_coupon_is_for_the_lines_of_that_shop_and_a_member_coupon_for_members() -> None:
    own = Scope("merchant", ("m1",))
    of = template(CASH, coupon_class="shop", owner="merchant", merchant_id="m1", scope=own)
    cart = Cart((line(1, 5000, merchant_id="m1"), line(2, 5000, merchant_id="m2")))
    receipt = order(cart, coupon(of))
    assert isinstance(receipt, Receipt)
    assert receipt.coupons[0].shares == (1000, 0)
    assert pays(of, goods(5000, merchant_id="m2")) == "scope_mismatch"
    assert refused(owner="merchant", scope=own) == "merchant_id"
    assert refused(owner="merchant", merchant_id="m1") == "scope"
    assert refused(owner="merchant", merchant_id="m2", scope=own) == "scope"
    assert refused(merchant_id="m1") == "merchant_id"
    member = template(CASH, coupon_class="member", audience=Audience(member_tiers=("gold",)))
    assert [claims(member, member_tier=tier) for tier in ("gold", None)] == ["yes", "tier_mismatch"]


@pytest.mark.requirement("F024")
def test_only_enrolled_goods_accept_a_platform_coupon() -> None:
    of = template(CASH, scope=Scope("tag", ("enrolled:spring",)))
    assert of.owner == "platform"
    cart = Cart((line(1, 5000, merchant_id="m1", tags=("enrolled:spring",)), line(2, 5000, merchant_id="m2")))
    receipt = order(cart, coupon(of))
    assert isinstance(receipt, Receipt)
    assert receipt.coupons[0].shares == (1000, 0)


@pytest.mark.requirement("F025")
def test_a_segment_coupon_asks_for_the_tag_of_its_segment() -> None:
    segments = {"vip": "vip", "return_gift": "returning", "special_care": "care"}
    for coupon_class, tag in segments.items():
        of = template(CASH, coupon_class=coupon_class, audience=Audience(tags=(tag,)))
        assert claims(of, tags=frozenset({tag, "x"})) == "yes"
        assert claims(of, tags=frozenset({"x"})) == "audience_mismatch"
        assert refused(coupon_class=coupon_class) == "audience.tags"
    first = template(CASH, coupon_class="first_order", audience=Audience(first_order=True))
    assert [claims(first, orders=orders) for orders in (0, 1)] == ["yes", "first_order_only"]
    percent = template(Percent(10, 5000), coupon_class="member", audience=Audience(member_tiers=("gold",)))
    assert claims(percent, member_tier="silver") == "tier_mismatch"


@pytest.mark.requirement("F026")
def test_a_birthday_coupon_is_taken_in_the_month_of_the_birthday() -> None:
    of = template(CASH, coupon_class="birthday", audience=Audience(birthday_month=True))
    assert [claims(of, birthday=date(1990, month, 31)) for month in (5, 7)] == ["yes", "birthday_mismatch"]
    assert refused(coupon_class="festival") == "validity"
    assert refused(coupon_class="member_day") == "windows"


@pytest.mark.requirement("F027")
def test_a_churn_coupon_is_a_large_coupon_on_hit_goods_for_lost_users() -> None:
    of = template(NoThreshold(5000), coupon_class="churn", audience=LOST, scope=Scope("sku", ("hit-1", "hit-2")))
    assert claims(of, tags=frozenset({"lost_60_days"})) == "yes"
    assert claims(of, tags=frozenset({"active"})) == "audience_mismatch"
    assert (pays(of, goods(9900, sku="hit-1")), pays(of, goods(9900))) == (4900, "scope_mismatch")


@pytest.mark.requirement("F029")
def test_activity_types_are_an_enumeration() -> None:
    assert set(ACTIVITY_NAMES) == {"limited_time_discount", "platform_coupon", "preorder"}
    for activity_type in (*ACTIVITY_NAMES, None):
        assert template(CASH, activity_type=activity_type).activity_type == activity_type
    assert refused(activity_type="raffle") == "activity_type"


@pytest.mark.requirement("F030")
def test_coupons_can_be_filtered_in_four_ways() -> None:
    shelf = [
        template(CASH, template_id="a", stackable=False),
        template(CASH, template_id="b", delivery="push", card=Card(places=("product_page",))),
        template(CASH, template_id="c", coupon_class="churn", audience=LOST),
        template(CASH, template_id="d", delivery="automatic"),
        template(CASH, template_id="e", delivery="code"),
    ]

    def those(field: str, value: Any) -> str:
        return "".join(of.template_id for of in shelf if getattr(facets(of), field) == value)

    assert (those("stackable", False), those("issue", "active"), those("issue", "pushed")) == ("a", "ace", "bd")
    assert (those("places", ("product_page",)), those("function", "win_back")) == ("b", "c")
    assert those("function", "promote") == "abde"


@pytest.mark.requirement("F031")
def test_a_kind_offers_its_classes_and_no_others() -> None:
    assert set(CLASSES) == set(KIND_NAMES) == set(KINDS)
    for classes in CLASSES.values():
        assert "general" in classes
        assert set(classes) < set(CLASS_NAMES)
        assert len(set(classes)) == len(classes)
    assert "remote_area" not in CLASSES["threshold_cut"]
    assert refused(kind=ThresholdCut(2000, 1000), coupon_class="remote_area") == "coupon_class"
    assert refused(coupon_class="nonsense") == "coupon_class"
    assert set(PROMISES) < set(CLASS_NAMES)
    assert all(names.en and names.zh for names in (*KIND_NAMES.values(), *CLASS_NAMES.values(), *FUNCTIONS.values()))
    with pytest.raises(InvalidError, match="kind"):
        check_class("cheque", "general")


@pytest.mark.requirement("F032")
def test_a_name_has_one_to_fifty_characters() -> None:
    for name in ("x", "券" * 50, "🎁" * 50):
        assert template(CASH, name=name).name == name
    for name in ("", "   ", "\u200b", "x" * 51, "券" * 51):
        assert refused(name=name) == "name"
        with pytest.raises(InvalidError, match="name"):
            Campaign("c", name, 1)


@pytest.mark.requirement("F034")
def test_links_look_like_links() -> None:
    for link in ("https://shop.example/a", "http://shop.example", "shop://beauty", "weixin://dl/x?y=1"):
        assert Card(link=link, image="https://img.example/a.png", description="使用说明").link == link
    for bad in (
        "beauty",
        "//shop",
        "javascript://alert",
        "data:text/html,x",
        "https://",
        "https:// a",
        "file:///etc",
        "",
    ):
        with pytest.raises(InvalidError, match=r"card\.link"):
            Card(link=bad)
        with pytest.raises(InvalidError, match=r"card\.image"):
            Card(image=bad)
    for values in ({"image": "shop://a"}, {"link": "https://a/" + "a" * 2000}, {"description": "x" * 501}):
        with pytest.raises(InvalidError, match=r"card\."):
            Card(**values)  # type: ignore[arg-type]


@pytest.mark.requirement("F039")
@pytest.mark.requirement("F041")
def test_limits_are_at_least_one_or_unlimited() -> None:
    for field in ("quantity", "per_user", "per_user_day", "per_device", "per_ip", "per_address", "day_quota"):
        assert getattr(Limits(**{field: 500}), field) == 500
        assert getattr(Limits(), field) is None
        for bad in (0, -1, 1.5, True):
            with pytest.raises(InvalidError, match=field):
                Limits(**{field: bad})


@pytest.mark.requirement("F044")
def test_a_coupon_of_the_finance_app_is_not_for_the_main_app() -> None:
    of = template(CASH, terminals=("finance_app",))
    assert pays(of, replace(goods(5000), terminal="finance_app")) == 4000
    assert pays(of, replace(goods(5000), terminal="app")) == "terminal_mismatch"
    assert refused(terminals=("app", "app")) == "terminals"


@pytest.mark.requirement("F045")
def test_a_category_coupon_ignores_other_lines_in_threshold_and_split() -> None:
    of = template(ThresholdCut(10000, 2000), scope=Scope("category", ("beauty",)))
    short = Cart((line(1, 9900, category="beauty"), line(2, 90000)))
    assert pays(of, short) == "amount_short"
    receipt = order(Cart((line(1, 10000, category="beauty"), line(2, 90000))), coupon(of))
    assert isinstance(receipt, Receipt)
    assert receipt.coupons[0].shares == (2000, 0)
    named = template(CASH, scope=Scope("sku", ("a",)))
    assert (pays(named, goods(5000, sku="a")), pays(named, goods(5000, sku="b"))) == (4000, "scope_mismatch")
    rates = CategoryPercent((Rate("beauty", 20),), 5000)
    assert refused(kind=rates) == "scope"
    assert refused(kind=rates, scope=Scope("category", ("beauty", "shoes"))) == "scope"


@pytest.mark.requirement("F046")
def test_a_coupon_on_a_first_level_accepts_a_leaf_of_the_third() -> None:
    of = template(CASH, scope=Scope("category", ("beauty",)))
    for category in ("beauty", "beauty/skin", "beauty/skin/cream"):
        assert pays(of, goods(5000, category=category)) == 4000
    assert pays(of, goods(5000, category="beautyful/skin")) == "scope_mismatch"
    leaf = template(CASH, scope=Scope("category", ("beauty/skin/cream",)))
    assert pays(leaf, goods(5000, category="beauty/skin")) == "scope_mismatch"


@pytest.mark.requirement("F047")
def test_a_brand_coupon_sees_its_brand() -> None:
    of = template(CASH, scope=Scope("brand", ("B",)))
    assert (pays(of, goods(5000, brand="B")), pays(of, goods(5000, brand="C"))) == (4000, "scope_mismatch")
    assert pays(of, goods(5000)) == "scope_mismatch"


@pytest.mark.requirement("F048")
def test_special_price_goods_do_not_count_towards_the_threshold() -> None:
    of = template(ThresholdCut(10000, 2000), scope=Scope(regular_only=True))
    cart = Cart((line(1, 6000, special=True), line(2, 6000)))
    answer = order(cart, coupon(of))
    assert answer == Refuse("amount_short", 4000, "cents")
    assert pays(template(ThresholdCut(10000, 2000)), cart) == 10000


@pytest.mark.requirement("F049")
def test_a_coupon_of_two_uses_is_redeemed_twice_and_not_a_third_time() -> None:
    held = _claimed(uses=2)
    assert held.live_cents == 2000
    for n in (1, 2):
        held = apply(held, Held("c", NOON, f"h{n}", f"o{n}", NOON + timedelta(hours=1), 1000))
        held = apply(held, Redeemed("c", NOON, f"h{n}", f"r{n}", False))
    assert (held.state, held.used, held.live_cents) == (USED, 2, 0)
    with pytest.raises(ImpossibleError):
        apply(held, Held("c", NOON, "h3", "o3", NOON + timedelta(hours=1), 1000))
    assert template(CASH, uses=2).uses == 2
    assert refused(uses=0) == "uses"


@pytest.mark.requirement("F050")
def test_a_coupon_is_shown_in_its_display_area_only() -> None:
    of = template(CASH, card=Card(places=("coupon_centre",)))
    assert [of.shown_at(place) for place in PLACES] == [place == "coupon_centre" for place in PLACES]
    with pytest.raises(InvalidError, match=r"card\.places"):
        Card(places=("lobby",))


@pytest.mark.requirement("F062")
def test_the_levers_of_a_template_are_time_quantity_and_depth() -> None:
    slot = Limits(slots=(Slot(time(10), time(11), 5),))
    assert levers(template(ThresholdCut(10000, 2000))) == ()
    assert levers(template(ThresholdCut(10000, 3000))) == ("deep_discount",)
    assert levers(template(Percent(29, 1), validity=MinutesFromClaim(120))) == ("limited_time",)
    assert levers(template(Percent(10, 1), limits=Limits(quantity=5))) == ("limited_quantity",)
    assert levers(template(RandomAmount(1, 5, 10), limits=slot)) == tuple(LEVERS)
    assert levers(template(GiftPack(("a", "b")))) == ()


@pytest.mark.requirement("F069")
def test_the_channels_of_a_push_are_known_ones() -> None:
    case = Card(channels=("sms", "in_app", "official_account"))
    assert set(case.channels) < set(CHANNELS)
    assert len(CHANNELS) == 7
    with pytest.raises(InvalidError, match=r"card\.channels"):
        Card(channels=("pigeon",))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"template_id": "none"}, "template_id"),
        ({"template_id": ""}, "template_id"),
        ({"access": "ajar"}, "access"),
        ({"delivery": "drone"}, "delivery"),
        ({"owner": "state"}, "owner"),
        ({"minimum_on": "after"}, "minimum_on"),
        ({"pool_cents": 100}, "pool_cents"),
        ({"kind": RandomAmount(5, 10), "pool_cents": 4}, "pool_cents"),
        ({"kind": GiftPack(("a", "b")), "delivery": "automatic"}, "delivery"),
        ({"kind": RandomAmount(5, 10), "delivery": "automatic"}, "delivery"),  # a quote could not promise it
        ({"kind": LuckyDraw((Prize("a"),)), "uses": 2}, "uses"),
        ({"coupon_class": "early_bird"}, "windows"),
        ({"coupon_class": "limited_time", "validity": DaysFromClaim(7)}, "validity"),
        ({"coupon_class": "shop"}, "owner"),
        ({"coupon_class": "new_product"}, "scope"),
        ({"coupon_class": "first_order"}, "audience.first_order"),
        ({"coupon_class": "member"}, "audience.member_tiers"),
        ({"coupon_class": "birthday"}, "audience.birthday_month"),
    ],
)
def test_a_template_that_cannot_be_names_its_field(values: dict[str, Any], field: str) -> None:
    assert refused(**values) == field


def test_bearers_are_percentages_of_the_whole() -> None:
    with pytest.raises(InvalidError, match="bearers"):
        Bearers(50, 49)
    with pytest.raises(InvalidError, match=r"bearers\.merchant"):
        Bearers(0, 101, -1)


@given(templates(), st.sampled_from(["closed", "open"]))
def test_a_stored_template_reads_back_as_it_was(of: Template, access: str) -> None:
    stored = json.loads(json.dumps(template_to_data(of)))
    assert template_from_data(stored, access) == of.opened(access)


def test_a_template_stored_before_the_newer_fields_still_reads() -> None:
    """The row of the first release, to the letter."""
    stored = {
        "template_id": "flat_8",
        "name": "Eight off",
        "kind": {"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": 800, "strict": False},
        "validity": {"kind": "fixed", "first": "2026-05-01", "last": "2026-05-31"},
        "scope": "category:shoes",
        "without": ["sku9"],
        "terminals": ["app"],
        "quantity": 500,
        "per_user": 1,
        "per_user_day": None,
        "campaign_id": "spring",
        "version": 3,
    }
    assert template_from_data(stored, "open") == Template(
        "flat_8",
        "Eight off",
        ThresholdCut(2000, 800),
        FixedDates(date(2026, 5, 1), date(2026, 5, 31)),
        Scope("category", ("shoes",), ("sku9",)),
        Limits(500, 1),
        terminals=("app",),
        campaign_id="spring",
        access="open",
        version=3,
    )


def test_a_stored_name_that_nobody_knows_is_an_error_and_not_a_rule_lost() -> None:
    stored = template_to_data(template(CASH, windows=(Window(time(8), time(10)),)))
    for broken, field in (
        ({**stored, "sunday_only": True}, "template"),
        ({**stored, "card": {**stored["card"], "video": "x"}}, "card"),
        ({**stored, "windows": [{**stored["windows"][0], "moon": "full"}]}, "windows"),
    ):
        with pytest.raises(InvalidError) as caught:
            template_from_data(broken)
        assert caught.value.field == field


def test_every_way_to_deliver_is_active_or_pushed() -> None:
    assert {delivery: facets(template(CASH, delivery=delivery)).issue for delivery in DELIVERIES} == {
        "claim": "active",
        "code": "active",
        "push": "pushed",
        "automatic": "pushed",
    }
    assert local("2026-05-01 12:00") == NOON
