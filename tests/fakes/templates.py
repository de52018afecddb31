"""Random templates of every kind, with every field in use, for the laws of what is stored."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

from hypothesis import strategies as st

from serving.coupons.audience import Audience
from serving.coupons.classes import CLASSES
from serving.coupons.kinds import (
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
    prices,
)
from serving.coupons.money import InvalidError
from serving.coupons.scope import Scope
from serving.coupons.template import CHANNELS, DELIVERIES, PLACES, Bearers, Card, Limits, Template
from serving.coupons.validity import DaysFromClaim, FixedDates, MinutesFromClaim
from serving.coupons.windows import Slot, Window

cents = st.integers(1, 50_000)
counts = st.integers(1, 9)
limit = st.none() | st.integers(1, 1000)
names = st.text("abcxyz019", min_size=1, max_size=6)
# What people write: any characters but control characters.
texts = st.text(st.characters(exclude_categories=("C",)), max_size=50)
some_names = st.lists(names, max_size=3, unique=True).map(tuple)
skus = st.lists(names, min_size=1, max_size=4, unique=True)


def _parts(part: Any, keys: st.SearchStrategy[list[str]], values: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return keys.flatmap(
        lambda found: st.lists(values, min_size=len(found), max_size=len(found)).map(
            lambda given: tuple(part(*pair) for pair in zip(found, given, strict=True))
        )
    )


def _above(kind: Any, *more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A kind of (minimum, face, …) with the minimum above the face."""
    pair = st.tuples(cents, cents).map(lambda v: (v[0] + v[1], v[0]))
    return st.tuples(pair, *more).map(lambda v: kind(*v[0], *v[1:]))


KINDS_AT_RANDOM: dict[str, st.SearchStrategy[Kind]] = {
    "threshold_cut": _above(ThresholdCut, st.booleans()),
    "tiered_cut": st.tuples(st.lists(st.tuples(cents, cents), min_size=1, max_size=4), st.booleans()).map(
        lambda v: TieredCut(
            tuple(
                Step(sum(a + b for a, b in v[0][: n + 1]), sum(a for a, _ in v[0][: n + 1])) for n in range(len(v[0]))
            ),
            v[1],
        )
    ),
    "percent": st.builds(Percent, st.integers(1, 99), cents, cents | st.just(0), st.booleans()),
    "category_percent": st.builds(
        CategoryPercent, _parts(Rate, skus, st.integers(1, 99)), cents, cents | st.just(0), st.booleans()
    ),
    "special_price": st.builds(SpecialPrice, _parts(Special, skus, cents), cents, st.none() | counts),
    "no_threshold": st.builds(NoThreshold, cents),
    "freight": st.builds(Freight, cents),
    "random_amount": st.tuples(cents, cents).map(lambda v: RandomAmount(v[0], v[0] + v[1])),
    "quantity_cut": st.builds(QuantityCut, counts, cents, counts),
    "gift": st.builds(Gift, _parts(GiftItem, skus, counts), cents, cents | st.just(0), counts | st.just(0)),
    "give_back": _above(
        lambda minimum, amount, give, strict: GiveBack(minimum, give, amount, amount, strict),
        st.sampled_from(["points", "red_packet", "virtual_money"]),
        st.booleans(),
    ),
    "bundle": st.builds(
        lambda items, face, price: Bundle((*items, BundleItem("∞")), face, None if face else price, 999, 3),
        _parts(BundleItem, skus, counts),
        st.none() | cents,
        cents,
    ),
    "gift_pack": st.lists(names, min_size=2, max_size=4, unique=True).map(lambda found: GiftPack(tuple(found))),
    "lucky_draw": _parts(Prize, skus, counts).map(LuckyDraw),
}
kinds: st.SearchStrategy[Kind] = st.one_of(*KINDS_AT_RANDOM.values())
clocks = st.times().map(lambda at: at.replace(microsecond=0)) | st.sampled_from([time(0), time(8), time(23, 59)])
days = st.lists(st.integers(1, 7), max_size=3, unique=True).map(tuple)
windows = st.lists(st.builds(Window, clocks, clocks, days, days, days), max_size=3).map(tuple)
validities = st.one_of(
    st.integers(1, 3660).map(DaysFromClaim),
    st.integers(1, 10_000).map(MinutesFromClaim),
    st.tuples(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400)).map(
        lambda v: FixedDates(v[0], v[0] + timedelta(days=v[1]))
    ),
)
SLOTS = (Slot(time(10), time(10, 30), 100), Slot(time(20), time(0), 7))


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    slots = draw(st.sampled_from([(), SLOTS[:1], SLOTS]))
    return Limits(*(draw(limit) for _ in range(7)), slots=slots, carry=bool(slots) and draw(st.booleans()))


cards = st.builds(
    Card,
    st.sampled_from([None, "https://shop.example/a?b=1", "shop://beauty/1"]),
    st.sampled_from([None, "https://img.example/1.png"]),
    texts,
    st.lists(st.sampled_from(PLACES), unique=True, max_size=6).map(tuple),
    st.lists(st.sampled_from(CHANNELS), unique=True, max_size=7).map(tuple),
)
audiences = st.builds(
    Audience, some_names, some_names, some_names, *([st.booleans()] * 4), st.booleans()
)  # tags, without, tiers and five questions


@st.composite
def scopes(draw: st.DrawFn, kind: Kind) -> Scope:
    without, regular = draw(some_names), draw(st.booleans())
    if isinstance(kind, CategoryPercent):
        return Scope("category", tuple(rate.category for rate in kind.rates), without, regular)
    of = draw(st.sampled_from(["all", "category", "sku", "brand", "tag"]))
    return Scope(of, () if of == "all" else tuple(draw(skus)), without, regular)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """A template that holds together; its class is a random one whose promise it happens to keep."""
    kind = draw(kinds)
    priced, merchant = prices(kind), draw(st.none() | st.just("m1"))
    by_itself = priced and not isinstance(kind, RandomAmount)
    values: dict[str, Any] = {
        "template_id": draw(names),
        "name": draw(texts.filter(str.strip)),
        "kind": kind,
        "validity": draw(validities),
        "scope": draw(scopes(kind)) if merchant is None else Scope("merchant", ("m1",)),
        "limits": draw(limits()),
        "audience": draw(audiences),
        "terminals": draw(some_names),
        "windows": draw(windows),
        "delivery": draw(st.sampled_from(DELIVERIES if by_itself else DELIVERIES[:3])),
        "owner": "platform" if merchant is None else "merchant",
        "merchant_id": merchant,
        "bearers": draw(st.sampled_from([Bearers(), Bearers(30, 50, 20)])),
        "uses": draw(counts) if priced else 1,
        "stackable": draw(st.booleans()),
        "minimum_on": draw(st.sampled_from(["before", "left"])),
        "pool_cents": draw(st.none() | st.just(10**6)) if isinstance(kind, RandomAmount) else None,
        "card": draw(cards),
        "activity_type": draw(st.sampled_from([None, "platform_coupon", "preorder"])),
        "campaign_id": draw(st.none() | names),
        "version": draw(counts),
    }
    try:
        return Template(coupon_class=draw(st.sampled_from(CLASSES[kind.TAG])), **values)
    except InvalidError:
        return Template(**values)
