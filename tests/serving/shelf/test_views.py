"""What answers say: cards with their fields in both languages, and receipts whose every cent adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes.shelf import flat

from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import EXPIRED, HELD, REVOKED, STATES, UNUSED, USED, Coupon, Lock
from serving.coupons.kinds import (
    KINDS,
    Bundle,
    BundleItem,
    CategoryPercent,
    Freight,
    Gift,
    GiftItem,
    GiftPack,
    GiveBack,
    LuckyDraw,
    NoThreshold,
    Percent,
    Prize,
    QuantityCut,
    RandomAmount,
    Rate,
    Special,
    SpecialPrice,
    Step,
    ThresholdCut,
    TieredCut,
)
from serving.coupons.pricing import Candidate, Rates, quote
from serving.coupons.receipt import Applied, Receipt, ReceiptLine
from serving.coupons.template import Card
from serving.views import card_view, quote_view, receipt_view, totals_view, visible_state
from serving.wording import condition

NOW = datetime(2026, 5, 1, 4)
KINDS_SAID: list[tuple[Any, str, str]] = [
    (ThresholdCut(9_900, 2_000), "Spend 99, save 20", "满99元减20元"),
    (ThresholdCut(9_900, 2_000, strict=True), "Spend more than 99, save 20", "超过99元减20元"),
    (
        TieredCut((Step(10_000, 1_500), Step(20_000, 3_500))),
        "Spend 100, save 15; Spend 200, save 35",
        "满100元减15元，满200元减35元",
    ),
    (Percent(10, 5_000), "10% off, at most 50", "9折，最多减50元"),
    (Percent(15, 5_000, 20_000), "Spend 200, 15% off, at most 50", "满200元8.5折，最多减50元"),
    (
        CategoryPercent((Rate("beauty", 20), Rate("apparel", 30)), 9_000),
        "20% off beauty, 30% off apparel, at most 90",
        "beauty 8折，apparel 7折，最多减90元",
    ),
    (SpecialPrice((Special("a", 7_900),), 5_000), "Special price 79", "特价79元"),
    (SpecialPrice((Special("a", 7_900), Special("b", 990)), 5_000), "Special prices from 9.90", "特价9.90元起"),
    (NoThreshold(1_000), "Save 10 on any order", "无门槛减10元"),
    (Freight(1_000), "Up to 10 of the freight free", "减运费10元"),
    (RandomAmount(100, 10_000), "Save 1 to 100", "随机减1至100元"),
    (QuantityCut(2, 500), "Buy 2, save 5", "满2件减5元"),
    (QuantityCut(2, 500, 3), "Save 5 for every 2, up to 3 times", "每满2件减5元，最多3次"),
    (Gift((GiftItem("sample", 1),), 300, 5_000), "Spend 50, get 1 × sample free", "满50元赠sample×1"),
    (Gift((GiftItem("sample", 2),), 300, 0, 2), "Buy 2, get 2 × sample free", "满2件赠sample×2"),
    (GiveBack(10_000, "points", 500, 500), "Spend 100, get 500 points back", "满100元返500积分"),
    (GiveBack(10_000, "red_packet", 500, 500), "Spend 100, get 5 in a red packet back", "满100元返5元红包"),
    (Bundle((BundleItem("a"), BundleItem("b", 2)), 1_000), "1 × a + 2 × b, save 10", "1 × a + 2 × b 立减10元"),
    (GiftPack(("a", "b", "c")), "3 coupons at once", "一次领取3张券"),
    (LuckyDraw((Prize("a"), Prize("b"))), "One of 2 coupons by chance", "2种券随机抽取1张"),
]


def coupon(state: str = UNUSED, **values: Any) -> Coupon:
    lock = Lock("hold_1", "o1", NOW + timedelta(minutes=30), 800) if state == HELD else None
    until = NOW + timedelta(days=7)
    return Coupon("cpn_1", "u", "flat_8", 1, None, None, 800, NOW, NOW, until, state, lock, **values)


@pytest.mark.parametrize(("kind", "en", "zh"), KINDS_SAID)
def test_every_kind_says_its_condition_in_both_languages(kind: Any, en: str, zh: str) -> None:
    assert condition(kind) == (en, zh)


def test_no_kind_is_left_without_words() -> None:
    assert {kind.TAG for kind, _, _ in KINDS_SAID} == set(KINDS)


def test_a_drawn_amount_is_said_instead_of_the_range() -> None:
    assert condition(RandomAmount(100, 10_000, 20_000), 1_234) == ("Spend 200, save 12.34", "满200元减12.34元")


@pytest.mark.requirement("F096")
def test_a_card_has_name_type_tag_validity_image_link_condition_and_description() -> None:
    template = flat(
        kind=ThresholdCut(9_900, 2_000),
        card=Card("shop://beauty", "https://img.example.com/c.png", "For your first order."),
    )
    card = card_view(coupon(), template, NOW)
    assert card["name"] == "flat_8"
    assert (card["kind"], card["type"]) == ("threshold_cut", {"en": "Spend and save", "zh": "满减券"})
    assert (card["valid_from"], card["valid_until"]) == ("2026-05-01T04:00:00Z", "2026-05-08T04:00:00Z")
    assert card["image"] == "https://img.example.com/c.png"
    assert card["use_link"] == "shop://beauty"
    assert card["condition"] == {"en": "Spend 99, save 20", "zh": "满99元减20元"}
    assert card["description"] == "For your first order."


@pytest.mark.requirement("F098")
def test_people_see_three_states_whatever_the_coupon_is() -> None:
    seen = {state: visible_state(coupon(state)) for state in STATES}
    assert seen == {UNUSED: UNUSED, HELD: UNUSED, USED: USED, EXPIRED: EXPIRED, REVOKED: EXPIRED}
    over = NOW + timedelta(days=7)
    assert visible_state(coupon(), over) == EXPIRED, "before the sweeper has come"
    assert visible_state(coupon(HELD), over) == UNUSED, "an order holds it"
    assert visible_state(coupon(USED), over) == USED


def receipt() -> Receipt:
    lines = (
        ReceiptLine(1, "a", 3, 3_333, activity_cents=100, points_cents=7),
        ReceiptLine(2, "b", 1, 5_000),
    )
    coupons = (
        Applied("c1", "t1", 1, "threshold_cut", (667, 333), 0, ((400, 267, 0), (333, 0, 0))),
        Applied("c2", "t2", 4, "freight", (0, 0), 500, (), (("sample", 1),), 12),
    )
    return Receipt(lines, coupons, 1_200, 700)


def test_units_add_up_to_lines_and_lines_to_the_order() -> None:
    view = receipt_view(receipt())
    assert [part["coupon_id"] for part in view["coupons"]] == ["c1", "c2"], "in the order applied"
    for line in view["lines"]:
        assert sum(line["unit_paid_cents"]) == line["paid_cents"]
        taken = line["activity_cents"] + line["coupon_cents"] + line["points_cents"]
        assert line["price_cents"] - taken == line["paid_cents"]
    first = view["coupons"][0]
    for part in first["lines"]:
        assert sum(part["unit_share_cents"]) == part["share_cents"] == sum(part["borne"].values())
    assert first["lines"][0]["borne"] == {"platform": 400, "merchant": 267, "supplier": 0}
    assert view["coupons"][1]["lines"] == []
    assert view["coupons"][1]["gifts"] == [{"sku": "sample", "quantity": 1}]
    paid = sum(line["paid_cents"] for line in view["lines"]) + view["freight_paid_cents"]
    assert paid == view["payable_cents"]


@pytest.mark.requirement("F112")
def test_payable_is_goods_plus_freight_less_the_discount() -> None:
    """200 + 10 − 50 = 160."""
    applied = Applied("c", "t", 1, "threshold_cut", (5_000,))
    totals = totals_view(Receipt((ReceiptLine(1, "a", 1, 20_000),), (applied,), 1_000))
    assert (totals["goods_cents"], totals["freight_cents"], totals["discount_cents"]) == (20_000, 1_000, 5_000)
    assert totals["payable_cents"] == 16_000


@pytest.mark.requirement("F113")
def test_the_discount_is_activities_plus_coupons_plus_points() -> None:
    """10 + 20 + 5 = 35."""
    line = ReceiptLine(1, "a", 1, 10_000, activity_cents=1_000, points_cents=500)
    totals = totals_view(Receipt((line,), (Applied("c", "t", 1, "threshold_cut", (2_000,)),)))
    assert (totals["activity_cents"], totals["coupon_cents"], totals["points_cents"]) == (1_000, 2_000, 500)
    assert totals["discount_cents"] == 3_500


def test_a_quote_shows_the_price_with_the_best_and_why_the_others_are_not_usable() -> None:
    good, short = flat(kind=ThresholdCut(9_900, 2_000)), flat("big", kind=ThresholdCut(90_000, 5_000))
    wallet = [
        Candidate(coupon(), good),
        Candidate(replace(coupon(), coupon_id="cpn_2", template_id="big"), short),
    ]
    found = quote(wallet, "u", Cart((Line(1, "a", "shoes", 1, 10_000),), freight_cents=500), NOW, Rates())
    view = quote_view(found)
    assert (view["payable_cents"], view["best"]["coupon_ids"], view["best"]["exact"]) == (8_500, ["cpn_1"], True)
    assert [(use["coupon_id"], use["saving_cents"]) for use in view["usable"]] == [("cpn_1", 2_000)]
    assert view["unusable"][0]["distance"] == {"amount": 80_000, "unit": "cents"}
    nothing = quote_view(quote([], "u", found.cart, NOW, Rates()))
    assert (nothing["best"], nothing["payable_cents"]) == (None, 10_500)
