"""Random small carts, wallets and stack rules of every kind, scope and matrix, for the laws of pricing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from serving.coupons.cart import ACTIVITIES, Activity, Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import (
    Bundle,
    BundleItem,
    CategoryPercent,
    Freight,
    Gift,
    GiftItem,
    GiveBack,
    Kind,
    NoThreshold,
    Percent,
    QuantityCut,
    RandomAmount,
    Rate,
    Special,
    SpecialPrice,
    Step,
    ThresholdCut,
    TieredCut,
)
from serving.coupons.margin import MODES, Margin
from serving.coupons.pricing import Candidate
from serving.coupons.scope import Scope
from serving.coupons.template import Bearers, Template
from serving.coupons.validity import DaysFromClaim

NOW = datetime(2026, 5, 1, 12)
SKUS = ("s1", "s2", "s3", "s4")
PRICING_TAGS = (
    "threshold_cut", "tiered_cut", "percent", "category_percent", "special_price", "no_threshold", "freight",
    "random_amount", "quantity_cut", "gift", "give_back", "bundle",
)  # fmt: skip

cents = st.one_of(st.integers(1, 60), st.integers(1, 1_500), st.sampled_from([100, 500, 1000]))
percents = st.sampled_from([1, 7, 10, 15, 20, 33, 50, 90])
strict = st.booleans()
minimums = st.one_of(st.just(0), st.integers(1, 1_500))


def over(least: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    """(face, minimum) with the minimum above the face."""
    return st.tuples(least, st.integers(1, 1_500)).map(lambda pair: (pair[0], pair[0] + pair[1]))


kinds: st.SearchStrategy[Kind] = st.one_of(
    over(cents).flatmap(lambda v: st.builds(ThresholdCut, st.just(v[1]), st.just(v[0]), strict)),
    st.tuples(cents, cents, st.integers(1, 900)).map(
        lambda v: TieredCut((Step(v[0] + v[2], v[0]), Step(v[0] + v[1] + 2 * v[2], v[0] + v[1])))
    ),
    st.builds(Percent, percents, cents, minimums, strict),
    st.builds(Percent, percents, st.just(10**9), minimums, strict),
    st.builds(
        CategoryPercent,
        st.sampled_from([(Rate("a", 20), Rate("b", 30)), (Rate("a", 10), Rate("a/x", 50), Rate("b", 7))]),
        cents,
        minimums,
    ),
    st.builds(
        SpecialPrice,
        st.lists(
            st.builds(Special, st.sampled_from(SKUS), cents), min_size=1, max_size=2, unique_by=lambda s: s.sku
        ).map(tuple),
        cents,
        st.one_of(st.none(), st.integers(1, 3)),
    ),
    st.builds(NoThreshold, cents),
    st.builds(Freight, cents),
    st.builds(lambda low, more: RandomAmount(low, low + more), cents, st.integers(0, 500)),
    st.builds(QuantityCut, st.integers(1, 4), cents, st.integers(1, 3)),
    st.builds(lambda minimum: Gift((GiftItem("mug"),), 300, minimum), minimums),
    over(cents).map(lambda v: GiveBack(v[1], "points", v[0], v[0])),
    st.builds(
        lambda price, cap, times: Bundle((BundleItem("s1", 2), BundleItem("s2", 1)), None, price, cap, times),
        cents,
        cents,
        st.integers(1, 2),
    ),
    st.builds(lambda face: Bundle((BundleItem("s1", 2),), face), cents),
)
scopes = st.sampled_from(
    [
        *[Scope()] * 8,
        Scope(regular_only=True),
        Scope("category", ("a",)),
        Scope("category", ("b", "a/x")),
        Scope("sku", ("s1", "s3")),
        Scope("sku", ("s2",)),
        Scope("brand", ("nova",)),
        Scope("merchant", ("m1",)),
        Scope("tag", ("new",), ("s4",)),
    ]
)
BEARERS = (Bearers(), Bearers(40, 60), Bearers(33, 33, 34), Bearers(0, 100), Bearers(10, 0, 90))


@st.composite
def lines(draw: st.DrawFn, line_no: int) -> Line:
    price = draw(st.one_of(st.integers(0, 50), st.integers(100, 3_000), st.sampled_from([999, 1000, 333, 2500])))
    return Line(
        line_no,
        draw(st.sampled_from(("s1", *SKUS))),
        draw(st.sampled_from(["a", "a/x", "b"])),
        draw(st.integers(1, 4)),
        price,
        draw(st.sampled_from([0, 0, price // 3, price])),
        draw(st.sampled_from([None, "nova"])),
        draw(st.sampled_from(["m1", None, "m2"])),
        draw(st.sampled_from([None, "p1"])),
        draw(st.sampled_from([(), ("new",)])),
        draw(st.integers(0, 3)) == 0,
        draw(st.one_of(st.none(), st.integers(0, price))),
    )


@st.composite
def carts(draw: st.DrawFn, most_lines: int = 5) -> Cart:
    bought = tuple(draw(lines(n)) for n in range(1, draw(st.integers(1, most_lines)) + 1))
    # Each activity takes at most half of what its line has above the floor, so that several fit.
    activities = []
    for line in bought:
        if line.capacity_cents >= 4 and draw(st.integers(0, 4)) == 0:
            off = draw(st.integers(1, line.capacity_cents // 4))
            activities.append(Activity(draw(st.sampled_from(ACTIVITIES)), off, (line.line_no,)))
    room = sum(line.capacity_cents for line in bought) - sum(activity.discount_cents for activity in activities)
    if room >= 4 and draw(st.integers(0, 4)) == 0:
        activities.append(Activity("full_reduction", draw(st.integers(1, room // 4))))
    freight = draw(st.one_of(st.just(0), cents))
    points = draw(st.one_of(st.just(0), st.just(0), st.integers(0, 5_000)))
    return Cart(bought, "web", freight, tuple(activities), points)


@st.composite
def candidates(draw: st.DrawFn, place: int) -> Candidate:
    kind, owner = draw(kinds), draw(st.sampled_from(["platform"] * 5 + ["merchant"]))
    scope = draw(st.sampled_from([Scope("category", ("a",)), Scope("category", ("b", "a/x"))]))
    if owner == "merchant":
        scope = Scope("merchant", ("m1",), regular_only=draw(st.booleans()))
    elif not isinstance(kind, CategoryPercent):
        scope = draw(scopes)
    template_no = draw(st.sampled_from([place, place, place, 0]))
    template = Template(
        f"t{template_no}",
        f"t{template_no}",
        kind,
        DaysFromClaim(7),
        scope,
        bearers=draw(st.sampled_from(BEARERS)),
        owner=owner,
        merchant_id="m1" if owner == "merchant" else None,
        stackable=draw(st.integers(0, 9)) > 0,
        minimum_on=draw(st.sampled_from(["before", "before", "left"])),
        version=place + 1,
    )
    return give(f"c{place}", template, NOW + timedelta(days=draw(st.integers(1, 3))), face=draw(cents))


def give(coupon_id: str, template: Template, until: datetime | None = None, face: int | None = None) -> Candidate:
    """A coupon of ``u`` that is valid now; a random amount has drawn ``face`` (within its range)."""
    kind = template.kind
    drawn = kind.most_cents
    if isinstance(kind, RandomAmount) and face is not None:
        drawn = min(max(face, kind.low_cents), kind.high_cents)
    coupon = Coupon(
        coupon_id, "u", template.template_id, template.version, None, None, drawn,
        NOW, NOW - timedelta(days=1), until or NOW + timedelta(days=6),
    )  # fmt: skip
    return Candidate(coupon, template)


@st.composite
def wallets(draw: st.DrawFn, most: int = 5) -> list[Candidate]:
    made = [
        draw(candidates(n))
        for n in range(draw(st.integers(0, most) if draw(st.integers(0, 9)) == 0 else st.integers(min(3, most), most)))
    ]
    if made and draw(st.integers(0, 3)) == 0:  # a second coupon of the same template version
        twin = made[0]
        made.append(give("twin", twin.template, NOW + timedelta(days=2), twin.coupon.face_cents))
    return made


@st.composite
def stack_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Data of stack rules: none, few or many exclusions."""
    pairs = st.lists(st.tuples(st.sampled_from(PRICING_TAGS), st.sampled_from(PRICING_TAGS)), max_size=9)
    return {
        "mode": draw(st.sampled_from(["stack"] * 9 + ["single"])),
        "max_coupons": draw(st.sampled_from([2, 3, 5, 5])),
        "same_kind": draw(st.sampled_from([True, True, False])),
        "kinds": {
            "together": draw(st.sampled_from([True, True, True, False])),
            "except": [[a, b] for a, b in draw(pairs) if a != b],
        },
        "points": {"together": True, "except": draw(st.lists(st.sampled_from(PRICING_TAGS), max_size=2))},
        "owners": {"together": draw(st.sampled_from([True, True, False]))},
    }


margins = st.builds(Margin, st.sampled_from([0, 10, 30]), st.sampled_from(MODES))
