"""What every kind takes off: the requirements' own examples in cents, laws, and refused fields by name."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from fakes.counter import coupon, goods, line, order, pays, template
from fakes.templates import KINDS_AT_RANDOM, kinds
from hypothesis import given
from hypothesis import strategies as st

from oracles import kinds as oracle
from serving.coupons.audience import Audience
from serving.coupons.cart import Activity, Cart
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
    Kind,
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
    kind_from_data,
    kind_to_data,
    linked,
    minimum_of,
    prices,
)
from serving.coupons.money import InvalidError
from serving.coupons.receipt import Receipt
from serving.coupons.scope import Scope
from serving.coupons.seen import Missing, Seen
from serving.coupons.validity import DaysFromClaim

TIERS = TieredCut((Step(10000, 1500), Step(20000, 3500), Step(30000, 6000)))


def seen(cart: Cart, left: list[int] | None = None, face: int = 0) -> Seen:
    """What a coupon for all goods sees; ``left`` after earlier coupons."""
    before = tuple(one.price_cents for one in cart.lines)
    remains = tuple(left) if left is not None else before
    room = tuple(max(0, have - one.floor_cents) for have, one in zip(remains, cart.lines, strict=True))
    return Seen(cart.lines, before, remains, room, sum(before), sum(remains), cart.freight_cents, face)


def taken(kind: Kind, look: Seen) -> int:
    """What a kind takes off goods and freight."""
    found = kind.take(look)
    return (sum(found.goods) if isinstance(found.goods, tuple) else found.goods) + found.freight


@pytest.mark.requirement("F001")
def test_a_threshold_cut_takes_its_face_from_its_minimum_on() -> None:
    assert pays(ThresholdCut(20000, 5000), goods(25000)) == 20000
    assert pays(ThresholdCut(10000, 2000), goods(10000)) == 8000
    assert pays(ThresholdCut(50000, 10000), goods(25000, 25000)) == 40000
    assert pays(ThresholdCut(50000, 10000), goods(49999)) == "amount_short"


@pytest.mark.requirement("F002")
def test_the_highest_tier_that_is_reached_applies() -> None:
    assert pays(TIERS, goods(25000)) == 25000 - 3500
    assert pays(TIERS, goods(30000)) == 30000 - 6000
    assert pays(TIERS, goods(9900)) == "amount_short"
    assert TIERS.missing(seen(goods(9900))) == Missing(100)
    assert taken(TIERS, seen(goods(9900))) == 0


@pytest.mark.requirement("F003")
def test_a_percent_coupon_takes_its_share_of_the_whole_cart() -> None:
    assert pays(Percent(10, 10**6), goods(20000)) == 18000
    assert pays(Percent(20, 10**6), goods(12000, 8000)) == 16000


@pytest.mark.requirement("F004")
def test_a_percent_coupon_stops_at_its_cap_and_waits_for_its_minimum() -> None:
    assert pays(Percent(10, 5000), goods(20000)) == 18000
    assert pays(Percent(10, 5000), goods(200000)) == 195000
    assert pays(Percent(10, 5000, minimum_cents=10000), goods(9999)) == "amount_short"


@pytest.mark.requirement("F005")
def test_each_category_has_its_own_percentage() -> None:
    kind = CategoryPercent((Rate("beauty", 20), Rate("apparel", 30)), 10**6)
    of = template(kind, scope=Scope("category", ("beauty", "apparel")))
    cart = Cart((line(1, 10000, category="beauty/skin"), line(2, 10000, category="apparel"), line(3, 9900)))
    receipt = order(cart, coupon(of))
    assert isinstance(receipt, Receipt)
    assert receipt.coupons[0].shares == (2000, 3000, 0)
    nested = CategoryPercent((Rate("beauty", 20), Rate("beauty/skin", 50)), 10**6)
    assert nested.take(seen(cart)).goods == (5000, 0, 0)
    capped = CategoryPercent((Rate("beauty", 20), Rate("apparel", 30)), 2500)
    assert capped.take(seen(cart)).goods == (1000, 1500, 0)


@pytest.mark.requirement("F006")
def test_a_special_price_holds_for_the_named_goods_only() -> None:
    kind = SpecialPrice((Special("A", 7900),), 10000)
    cart = Cart((line(1, 10000, sku="A"), line(2, 5000, sku="B")))
    receipt = order(cart, coupon(template(kind)))
    assert isinstance(receipt, Receipt)
    assert (receipt.line_paid_cents(0), receipt.line_paid_cents(1)) == (7900, 5000)
    assert pays(kind, goods(5000, sku="B")) == "pieces_short"
    assert pays(kind, goods(7900, sku="A")) == "nothing_to_deduct"
    assert taken(SpecialPrice((Special("A", 7900),), 10**6, 2), seen(goods(10000, sku="A", quantity=5))) == 4200
    assert taken(kind, seen(goods(10000, sku="A", quantity=50))) == 10000


@pytest.mark.requirement("F007")
def test_a_coupon_without_threshold_is_spend_nothing_take_some() -> None:
    assert [pays(NoThreshold(face), goods(1200)) for face in (500, 1000, 2000)] == [700, 200, 0]


@pytest.mark.requirement("F010")
def test_a_freight_coupon_pays_the_freight_and_leaves_the_goods() -> None:
    for freight, left in ((1200, 200), (800, 0)):
        receipt = order(goods(5000, freight=freight), coupon(template(Freight(1000))))
        assert isinstance(receipt, Receipt)
        assert (receipt.freight_paid_cents, receipt.line_paid_cents(0)) == (left, 5000)
    assert pays(Freight(1000), goods(5000)) == "nothing_to_deduct"


@pytest.mark.requirement("F012")
def test_the_newcomer_pack_is_a_no_threshold_a_threshold_and_a_percent_coupon_or_the_case_of_the_source() -> None:
    newcomer = {"coupon_class": "newcomer", "audience": Audience(newcomer=True), "validity": DaysFromClaim(7)}
    case = [
        template(kind, template_id=name, **newcomer)
        for name, kind in (
            ("cash_10", NoThreshold(1000)),
            ("save_99_20", ThresholdCut(9900, 2000)),
            ("save_199_50", ThresholdCut(19900, 5000)),
        )
    ]
    pack = template(GiftPack(tuple(of.template_id for of in case)), template_id="pack", **newcomer)
    assert linked(pack.kind) == ("cash_10", "save_99_20", "save_199_50")
    assert [pays(of, goods(19900)) for of in case] == [18900, 17900, 14900]
    assert not prices(pack.kind)
    assert pack.kind.most_cents == 0
    assert pays(pack, goods(19900)) == "nothing_to_deduct"
    trio = [NoThreshold(1000), ThresholdCut(9900, 2000), Percent(10, 5000)]
    assert [pays(kind, goods(10000)) for kind in trio] == [9000, 8000, 9000]


@pytest.mark.requirement("F014")
def test_a_flash_price_for_newcomers_is_a_special_price_for_a_newcomer_template() -> None:
    kind = SpecialPrice((Special("hit", 990),), 2000, 1)
    of = template(kind, coupon_class="newcomer", audience=Audience(newcomer=True))
    assert pays(of, goods(2990, sku="hit")) == 990
    plain = order(goods(2990, sku="hit"))
    assert isinstance(plain, Receipt)
    assert plain.payable_cents == 2990


@pytest.mark.requirement("F028")
def test_quantity_gift_give_back_and_bundle_promotions_as_coupons() -> None:
    two = QuantityCut(2, 500)
    assert pays(two, goods(3000, quantity=2)) == 5500
    assert pays(two, goods(3000)) == "pieces_short"
    assert pays(two, goods(3000, quantity=5)) == 14500
    assert pays(QuantityCut(2, 500, 2), goods(3000, quantity=5)) == 14000
    sample = order(goods(5000), coupon(template(Gift((GiftItem("sample"),), 300, minimum_cents=5000))))
    assert isinstance(sample, Receipt)
    assert (sample.payable_cents, sample.coupons[0].gifts) == (5000, (("sample", 1),))
    for give, points, money in (("points", 500, 0), ("red_packet", 0, 500), ("virtual_money", 0, 500)):
        back = order(goods(5000), coupon(template(GiveBack(5000, give, 500, 500))))
        assert isinstance(back, Receipt)
        assert (back.payable_cents, back.coupons[0].points, back.coupons[0].red_packet_cents) == (5000, points, money)
    pair = (BundleItem("A"), BundleItem("B", 2))
    cart = Cart((line(1, 3000, sku="A"), line(2, 2000, sku="B", quantity=3), line(3, 900, sku="C")))
    assert pays(Bundle(pair, face_cents=1000), cart) == 9900 - 1000
    assert pays(Bundle(pair, price_cents=5000, cap_cents=9000), cart) == 9900 - 2000
    assert pays(Bundle(pair, face_cents=1000), goods(3000, sku="A")) == "pieces_short"


@pytest.mark.requirement("F028")
def test_the_shops_own_promotions_are_taken_off_before_any_coupon() -> None:
    for kind in ("full_reduction", "quantity", "single_item", "bundle", "flash_sale", "member"):
        cart = Cart((line(1, 10000), line(2, 5000)), activities=(Activity(kind, 1000, (1,)),))
        assert pays(ThresholdCut(14000, 2000), cart) == 12000
        assert pays(ThresholdCut(14001, 2000), cart) == "amount_short"


@pytest.mark.parametrize("tag", KINDS)
@given(data=st.data())
def test_every_kind_reads_back_as_it_was_stored(tag: str, data: st.DataObject) -> None:
    kind = data.draw(KINDS_AT_RANDOM[tag])
    assert tag == kind.TAG
    assert kind_from_data(kind_to_data(kind)) == kind
    assert minimum_of(kind) >= 0
    assert prices(kind) == (not linked(kind))


def named(kind: Kind) -> list[str]:
    """SKUs and categories that a kind speaks of."""
    parts = [part for name in getattr(kind, "PARTS", ()) for part in getattr(kind, name)]
    return sorted({part[0] for part in parts if isinstance(part[0], str)} or {"a"})


@st.composite
def looks(draw: st.DrawFn) -> tuple[Kind, Seen, int]:
    """A kind, lines of which it knows most and of which earlier coupons have taken some, and more that may be left."""
    kind = draw(kinds)
    words = named(kind)
    bought = [*words, *draw(st.lists(st.sampled_from([*words, "other"]), max_size=4))]
    cart = Cart(
        tuple(
            line(
                n,
                draw(st.integers(0, 40_000)),
                sku=word,
                category=draw(st.sampled_from([word, f"{word}/x", "other"])),
                quantity=draw(st.integers(1, 12)),
            )
            for n, word in enumerate(bought, 1)
        ),
        freight_cents=draw(st.integers(0, 2000)),
    )
    left = [draw(st.integers(0, one.price_cents)) for one in cart.lines]
    return kind, seen(cart, left, draw(st.integers(0, 50_000))), draw(st.integers(0, 9000))


@given(looks())
def test_no_kind_takes_more_than_is_left_or_than_it_may_cost(case: tuple[Kind, Seen, int]) -> None:
    kind, look, _ = case
    if kind.missing(look) is not None:
        return
    found = kind.take(look)
    goods_taken = sum(found.goods) if isinstance(found.goods, tuple) else found.goods
    assert 0 <= goods_taken <= look.left_cents
    assert 0 <= found.freight <= look.freight_cents
    assert goods_taken + found.freight <= kind.most_cents or not prices(kind)
    if isinstance(found.goods, tuple):
        assert all(0 <= off <= room for off, room in zip(found.goods, look.room, strict=True))


@given(looks())
def test_an_order_with_more_left_never_saves_less(case: tuple[Kind, Seen, int]) -> None:
    kind, look, more = case
    left = tuple(min(have + more, most) for have, most in zip(look.left, look.before, strict=True))
    richer = replace(look, left=left, room=left, left_cents=sum(left))
    if kind.missing(look) is None:
        assert taken(kind, richer) >= taken(kind, look)


units = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.integers(0, 900)), min_size=1, max_size=4
)  # SKU, quantity, amount of each unit


@given(units, st.none() | st.integers(1, 6), st.integers(1, 3000), st.integers(1, 900), st.integers(1, 900))
def test_a_special_price_is_the_best_choice_of_units(
    rows: list[tuple[str, int, int]], most: int | None, cap: int, a: int, b: int
) -> None:
    cart = Cart(tuple(line(n, each, sku=sku, quantity=many) for n, (sku, many, each) in enumerate(rows, 1)))
    single = [(sku, each) for sku, many, each in rows for _ in range(many)]
    kind = SpecialPrice((Special("a", a), Special("b", b)), cap, most)
    if kind.missing(seen(cart)) is None:
        assert taken(kind, seen(cart)) == oracle.special(single, {"a": a, "b": b}, most, cap)


@given(units, st.integers(1, 3), st.integers(1, 900), st.integers(1, 3000))
def test_a_bundle_price_is_what_its_units_cost_less_the_price(
    rows: list[tuple[str, int, int]], times: int, price: int, cap: int
) -> None:
    cart = Cart(tuple(line(n, each, sku=sku, quantity=many) for n, (sku, many, each) in enumerate(rows, 1)))
    single = [(sku, each) for sku, many, each in rows for _ in range(many)]
    kind = Bundle((BundleItem("a", 2), BundleItem("b")), price_cents=price, cap_cents=cap, max_times=times)
    if kind.missing(seen(cart)) is None:
        assert taken(kind, seen(cart)) == oracle.bundle_price(single, {"a": 2, "b": 1}, price, times, cap)


@given(st.lists(st.tuples(st.sampled_from(["a", "a/x", "a/x/y", "ab", "c"]), st.integers(0, 9999)), min_size=1))
def test_category_percentages_follow_the_path_of_the_line(rows: list[tuple[str, int]]) -> None:
    cart = Cart(tuple(line(n, left, category=category) for n, (category, left) in enumerate(rows[:50], 1)))
    kind = CategoryPercent((Rate("a", 10), Rate("a/x", 33), Rate("c", 99)), 10**9)
    assert list(kind.take(seen(cart)).goods) == oracle.by_category(rows[:50], {"a": 10, "a/x": 33, "c": 99})  # type: ignore[arg-type]


@given(st.integers(0, 40_000))
def test_tiers_are_a_maximum(base: int) -> None:
    expected = oracle.tiered([(10000, 1500), (20000, 3500), (30000, 6000)], base)
    assert taken(TIERS, seen(goods(base))) == expected


REFUSED: list[tuple[type[Any], dict[str, Any], str]] = [
    (ThresholdCut, {"minimum_cents": 2000, "face_cents": 2000}, "minimum_cents"),
    (ThresholdCut, {"minimum_cents": 2000, "face_cents": 3000}, "minimum_cents"),
    (ThresholdCut, {"minimum_cents": 0, "face_cents": 1}, "minimum_cents"),
    (ThresholdCut, {"minimum_cents": 2000, "face_cents": True}, "face_cents"),
    (TieredCut, {"steps": ()}, "steps"),
    (TieredCut, {"steps": (Step(100, 100),)}, "steps.minimum_cents"),
    (TieredCut, {"steps": (Step(200, 20), Step(200, 30))}, "steps.minimum_cents"),
    (TieredCut, {"steps": (Step(200, 20), Step(300, 20))}, "steps.face_cents"),
    (Percent, {"percent_off": 100, "cap_cents": 1}, "percent_off"),
    (Percent, {"percent_off": 0, "cap_cents": 1}, "percent_off"),
    (Percent, {"percent_off": 10, "cap_cents": 0}, "cap_cents"),
    (CategoryPercent, {"rates": (), "cap_cents": 1}, "rates.category"),
    (CategoryPercent, {"rates": (Rate("a", 1), Rate("a", 2)), "cap_cents": 1}, "rates.category"),
    (CategoryPercent, {"rates": (Rate("a|b", 1),), "cap_cents": 1}, "rates.category"),
    (CategoryPercent, {"rates": (Rate("a", 100),), "cap_cents": 1}, "rates.percent_off"),
    (SpecialPrice, {"prices": (Special("a", 0),), "cap_cents": 1}, "prices.price_cents"),
    (SpecialPrice, {"prices": (Special("a", 1), Special("a", 2)), "cap_cents": 1}, "prices.sku"),
    (SpecialPrice, {"prices": (Special("a", 1),), "cap_cents": 0}, "cap_cents"),
    (SpecialPrice, {"prices": (Special("a", 1),), "cap_cents": 1, "max_units": 0}, "max_units"),
    (NoThreshold, {"face_cents": 0}, "face_cents"),
    (Freight, {"face_cents": 0}, "face_cents"),
    (Freight, {"face_cents": 5, "minimum_cents": 5}, "minimum_cents"),
    (RandomAmount, {"low_cents": 0, "high_cents": 5}, "low_cents"),
    (RandomAmount, {"low_cents": 6, "high_cents": 5}, "low_cents"),
    (RandomAmount, {"low_cents": 1, "high_cents": 5, "minimum_cents": 5}, "minimum_cents"),
    (QuantityCut, {"pieces": 0, "face_cents": 5}, "pieces"),
    (QuantityCut, {"pieces": 2, "face_cents": 10**12, "max_times": 2}, "face_cents"),
    (Gift, {"gifts": (), "cost_cents": 5}, "gifts.sku"),
    (Gift, {"gifts": (GiftItem("a", 0),), "cost_cents": 5}, "gifts.quantity"),
    (GiveBack, {"minimum_cents": 9, "give": "cash", "amount": 1, "cost_cents": 1}, "give"),
    (GiveBack, {"minimum_cents": 9, "give": "red_packet", "amount": 5, "cost_cents": 4}, "cost_cents"),
    (GiveBack, {"minimum_cents": 9, "give": "points", "amount": 5, "cost_cents": 9}, "minimum_cents"),
    (Bundle, {"items": (BundleItem("a"),), "face_cents": 1}, "items.quantity"),
    (Bundle, {"items": (BundleItem("a", 2),)}, "price_cents"),
    (Bundle, {"items": (BundleItem("a", 2),), "face_cents": 1, "price_cents": 1}, "price_cents"),
    (Bundle, {"items": (BundleItem("a", 2),), "price_cents": 1}, "cap_cents"),
    (GiftPack, {"templates": ("a",)}, "templates"),
    (GiftPack, {"templates": ("a", "a")}, "templates"),
    (LuckyDraw, {"prizes": ()}, "prizes.template_id"),
    (LuckyDraw, {"prizes": (Prize("a", 0),)}, "prizes.weight"),
    (LuckyDraw, {"prizes": (Prize("none", 1),)}, "prizes.template_id"),
]


@pytest.mark.requirement("F033")
@pytest.mark.parametrize(("kind", "values", "field"), REFUSED)
def test_a_condition_that_cannot_be_names_its_field(kind: type[Any], values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        kind(**values)
    assert caught.value.field == field


@pytest.mark.requirement("F033")
def test_spend_x_must_be_more_than_take_y() -> None:
    assert ThresholdCut(10000, 2000).most_cents == 2000
    for minimum, face in ((2000, 2000), (2000, 3000)):
        with pytest.raises(InvalidError, match=f"minimum_cents: got {minimum}, expected more than face_cents"):
            ThresholdCut(minimum, face)


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "cheque", "face_cents": 1},
        {"face_cents": 1},
        {"kind": "no_threshold"},
        {"kind": "no_threshold", "face_cents": 1, "more": 2},
        {"kind": "tiered_cut"},
        {"kind": "tiered_cut", "steps": [{"minimum_cents": 5}]},
    ],
)
def test_a_stored_kind_that_nobody_knows_is_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match="kind"):
        kind_from_data(data)


@pytest.mark.parametrize("strict", [False, True])
def test_every_kind_with_a_minimum_reads_both_readings_of_it(strict: bool) -> None:
    with_minimum = (
        ThresholdCut(5000, 1, strict),
        TieredCut((Step(5000, 1),), strict),
        Percent(10, 100, 5000, strict),
        CategoryPercent((Rate("shoes", 10),), 100, 5000, strict),
        Freight(10, 5000, strict),
        RandomAmount(1, 5, 5000, strict),
        Gift((GiftItem("a"),), 5, 5000, strict=strict),
        GiveBack(5000, "points", 5, 5, strict),
    )
    for kind, base in itertools.product(with_minimum, (4999, 5000, 5001)):
        enough = base > 5000 if strict else base >= 5000
        assert (kind.missing(seen(goods(base))) is None) == enough
