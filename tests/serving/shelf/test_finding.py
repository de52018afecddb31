"""Templates are found by index exactly as if every one had been read and asked."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from fakes.shelf import Hand, flat
from sqlalchemy import event

from serving.coupons.cart import Cart, Line
from serving.coupons.kinds import (
    Bundle,
    BundleItem,
    Gift,
    GiftItem,
    NoThreshold,
    QuantityCut,
    Special,
    SpecialPrice,
    ThresholdCut,
)
from serving.coupons.scope import Scope
from serving.coupons.template import Card, Template
from serving.coupons.validity import DaysFromClaim, FixedDates
from serving.store import rows, shelf
from serving.store.cursor import Cursor
from serving.store.scopes import SECTIONS

CATEGORIES = ("beauty", "beauty/skin", "beauty/skin/cream", "beautyful", "shoes")
PLACES = ("coupon_centre", "product_page", "venue_page")
# The order in which the answer comes: the narrowest reach first.
NEAREST = ("sku", "tag", "brand", "merchant", "category", "all")
PART = {"special_price": "flash_sale", "quantity_cut": "quantity", "bundle": "quantity", "gift": "gift"}


def random_template(rng: random.Random, number: int) -> Template:
    names = {
        "all": (),
        "sku": ("s1", "s2", "s3"),
        "category": CATEGORIES,
        "brand": ("b1", "b2"),
        "merchant": ("m1", "m2"),
        "tag": ("new", "hit"),
    }
    of = rng.choice(list(names))
    chosen = tuple(rng.sample(names[of], rng.randint(1, min(2, len(names[of]))))) if names[of] else ()
    without = ("s1",) if rng.random() < 0.2 else ()
    kind: Any = rng.choice(
        [
            NoThreshold(500),
            ThresholdCut(10_000, 1_000),
            SpecialPrice((Special("s1", 100), Special("s2", 100)), 5_000),
            QuantityCut(2, 500),
            Bundle((BundleItem("s1"), BundleItem("s3")), face_cents=100),
            Gift((GiftItem("g"),), 100),
        ]
    )
    return flat(
        f"t{number:03}",
        kind=kind,
        scope=Scope(of, chosen, without, rng.random() < 0.2),
        delivery=rng.choice(["claim", "claim", "automatic", "push", "code"]),
        access=rng.choice(["open", "open", "closed", "decision"]),
        card=Card(places=tuple(rng.sample(PLACES, rng.randint(1, 3)))),
        validity=rng.choice([DaysFromClaim(7), FixedDates(date(2026, 4, 1), date(2026, 4, 30))]),
    )


def random_line(rng: random.Random, number: int = 1) -> Line:
    return Line(
        number,
        rng.choice(["s1", "s2", "s3", "s4"]),
        rng.choice(CATEGORIES),
        1,
        1_000,
        brand=rng.choice(["b1", "b2", None]),
        merchant_id=rng.choice(["m1", None]),
        tags=tuple(rng.sample(["new", "hit", "other"], rng.randint(0, 2))),
        special=rng.random() < 0.3,
    )


def touches(template: Template, line: Line) -> bool:
    """Whether the template could take something off the line, asked of its parts one by one."""
    if not template.scope.covers(line):
        return False
    if template.scope.of != "all":
        return True
    match template.kind:
        case SpecialPrice(prices=prices):
            return line.sku in {special.sku for special in prices}
        case Bundle(items=items):
            return line.sku in {item.sku for item in items}
        case _:
            return True


def rank(template: Template) -> int:
    narrow = {"special_price": "sku", "bundle": "sku"}
    of = template.scope.of
    return NEAREST.index(narrow.get(template.kind.TAG, "all") if of == "all" else of)


def nearest(found: list[Template], limit: int) -> list[str]:
    return [found.template_id for found in sorted(found, key=lambda t: (rank(t), t.template_id))][:limit]


def test_a_product_page_finds_what_reading_every_template_would_find(hand: Hand) -> None:
    rng = random.Random(7)
    every = [random_template(rng, number) for number in range(200)]
    assert hand.adds(*every) == "done"
    for _ in range(60):
        line, place, part = random_line(rng), rng.choice(PLACES), rng.choice(SECTIONS)
        day, limit = rng.choice(["", "2026-04-30", "2026-05-01"]), rng.choice([1, 3, 50])
        expected = [
            template
            for template in every
            if template.access == "open"
            and template.delivery in ("claim", "automatic")
            and place in template.card.places
            and PART.get(template.kind.TAG, "coupon") == part
            and touches(template, line)
            and not (day == "2026-05-01" and isinstance(template.validity, FixedDates))
        ]
        found = hand.finds(lambda c: shelf.for_goods(c, line, place, limit, part=part, day=day))  # noqa: B023
        assert [entry.template.template_id for entry in found] == nearest(expected, limit)


def test_a_cart_finds_the_automatic_templates_of_all_its_lines(hand: Hand) -> None:
    rng = random.Random(8)
    every = [random_template(rng, number) for number in range(200)]
    hand.adds(*every)
    for _ in range(40):
        lines = tuple(random_line(rng, number + 1) for number in range(rng.randint(1, 5)))
        expected = [
            template
            for template in every
            if template.access == "open"
            and template.delivery == "automatic"
            and any(touches(template, line) for line in lines)
        ]
        found = hand.finds(lambda c: shelf.automatic_for(c, Cart(lines)))  # noqa: B023
        assert [template.template_id for template in found] == nearest(expected, 100)


def test_what_goods_are_left_out_hides_no_template_behind_it(small_hand: Hand) -> None:
    """The index finds all of these by their scope, but the first 60 leave the very SKU out."""
    card = Card(places=("product_page",))
    without = [flat(f"a{n:02}", scope=Scope("all", (), ("s1",)), card=card) for n in range(60)]
    small_hand.adds(*without, flat("z", card=card))
    found = small_hand.finds(lambda c: shelf.for_goods(c, Line(1, "s1", "shoes", 1, 1_000), "product_page", 2))
    assert [entry.template.template_id for entry in found] == ["z"]


@pytest.mark.requirement("F050")
def test_a_template_of_the_coupon_centre_is_not_found_for_the_product_page(hand: Hand) -> None:
    line = Line(1, "s1", "shoes", 1, 1_000)
    hand.adds(flat("centre", card=Card(places=("coupon_centre",))), flat("page", card=Card(places=("product_page",))))

    def at(place: str) -> list[str]:
        return [e.template.template_id for e in hand.finds(lambda c: shelf.claimable_at(c, place, Cursor())).rows]

    assert at("coupon_centre") == ["centre"]
    assert at("product_page") == ["page"]
    page = hand.finds(lambda c: shelf.for_goods(c, line, "product_page", 10))
    assert [entry.template.template_id for entry in page] == ["page"]
    hand.edits(flat("centre", card=Card(places=("coupon_centre", "product_page"))), 1)
    assert at("product_page") == ["centre", "page"]
    hand.opens("page", "closed")
    assert at("product_page") == ["centre"]


@pytest.mark.requirement("F030")
def test_lists_are_filtered_by_each_of_the_four_classes(hand: Hand) -> None:
    hand.adds(
        flat("alone", stackable=False),
        flat("pushed", delivery="push", access="closed"),
        flat("page", card=Card(places=("product_page",))),
        flat("cut", kind=ThresholdCut(10_000, 2_000), coupon_class="viral"),
    )

    def having(**facets: str) -> list[str]:
        named = {name.rstrip("_"): value for name, value in facets.items()}
        found = hand.finds(lambda c: shelf.list_templates(c, Cursor(), named))
        return [entry.template.template_id for entry in found.rows]

    assert having(stackable="no") == ["alone"]
    assert having(delivery="push") == having(issue="pushed") == ["pushed"]
    assert having(place="product_page") == ["page"]
    assert having(kind="threshold_cut") == having(class_="viral") == having(function="acquire") == ["cut"]
    assert having(kind="no_threshold", stackable="yes") == ["page", "pushed"]
    hand.edits(flat("alone", stackable=True), 1)
    assert having(stackable="no") == []


def test_pages_go_forwards_and_backwards_over_every_template_once(hand: Hand) -> None:
    hand.adds(*(flat(f"t{n}") for n in range(7)))

    def ids(cursor: Cursor) -> tuple[list[str], bool]:
        found = hand.finds(lambda c: shelf.list_templates(c, cursor, {"delivery": "claim"}))
        return [entry.template.template_id for entry in found.rows], found.has_more

    assert ids(Cursor(3)) == (["t0", "t1", "t2"], True)
    assert ids(Cursor(3, after="t2")) == (["t3", "t4", "t5"], True)
    assert ids(Cursor(3, after="t5")) == (["t6"], False)
    assert ids(Cursor(3, before="t6")) == (["t3", "t4", "t5"], True)
    assert ids(Cursor(3, before="t3")) == (["t0", "t1", "t2"], False)


def test_no_read_by_goods_or_place_walks_over_the_other_templates(
    small_hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan of SQLite names an index for every table that it reads."""
    statements: list[tuple[str, Any]] = []
    small_hand.adds(*(flat(f"t{n}", scope=Scope("sku", (f"s{n}",))) for n in range(50)))

    execute = rows.run

    def run(connection: Any, sql: str, values: Any, **more: Any) -> Any:
        statements.append((sql, values))
        return execute(connection, sql, values, **more)

    def explained(connection: Any) -> list[str]:
        event.listen(connection, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
        monkeypatch.setattr(rows, "run", run)
        shelf.for_goods(connection, Line(1, "s1", "shoes", 1, 1_000), "coupon_centre", 10)
        shelf.claimable_at(connection, "coupon_centre", Cursor())
        asked = [(text, values) for text, values in statements if "template_" in text]
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in asked]
        return [row[3] for plan in plans for row in plan]

    steps = small_hand.finds(explained)
    reads = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert any("template_scopes" in step for step in reads)
    assert any("template_facets" in step for step in reads)
    walks = {step for step in reads if step.startswith("SCAN") and "template" in step}
    assert walks == set()


def test_a_decision_is_offered_a_bounded_number_of_templates_and_first_those_made_for_decisions(hand: Hand) -> None:
    hand.campaign()
    hand.adds(
        *(flat(f"open{n}") for n in range(6)), flat("z_decided", access="decision"), flat("shut", access="closed")
    )
    hand.adds(flat("of_campaign", campaign_id="spring"), flat("shut_too", campaign_id="spring", access="closed"))

    def offered(campaign_id: str | None, limit: int) -> list[str]:
        return [found.template_id for found in hand.finds(lambda c: shelf.on_offer(c, campaign_id, limit))]

    assert offered(None, 100) == ["of_campaign", *(f"open{n}" for n in range(6)), "z_decided"]
    assert offered(None, 3) == ["of_campaign", "open0", "z_decided"]
    assert offered("spring", 100) == ["of_campaign"]
    hand.opens("z_decided", "closed")
    assert offered(None, 3) == ["of_campaign", "open0", "open1"]
