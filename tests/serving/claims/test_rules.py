"""Who may have a coupon: the ladder of rules, in its order, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from fakes.desk import ZONE, template_of
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.coupons.audience import Audience, Shopper
from serving.coupons.claiming import LADDER, SOURCES, TAKEN, Ask, NewcomerLinks, check_claim, to_look_at
from serving.coupons.kinds import NoThreshold, SpecialPrice
from serving.coupons.refusals import Refuse
from serving.coupons.scope import Scope
from serving.coupons.template import PLACES, Card
from serving.coupons.validity import DaysFromClaim, FixedDates
from serving.coupons.windows import Slot, Window

KNOWN = Shopper("u1", known=True)


def local(day: str, clock: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE).astimezone(UTC).replace(tzinfo=None)


def said(shopper: Shopper = KNOWN, now: datetime | None = None, **template: Any) -> str:
    ask_of = {name: template.pop(name) for name in ("source", "place", "decided", "part", "links") if name in template}
    verdict = check_claim(Ask(template_of(**template), shopper, now or local("2026-05-01"), ZONE, **ask_of))
    return verdict.code if isinstance(verdict, Refuse) else "won"


def asks(**audience: Any) -> dict[str, Any]:
    return {"audience": Audience(**audience)}


@pytest.mark.requirement("F011")
def test_a_user_without_orders_is_a_newcomer_and_with_one_is_not() -> None:
    assert said(KNOWN, **asks(newcomer=True)) == "won"
    assert said(replace(KNOWN, orders=1), **asks(newcomer=True)) == "newcomer_only"
    assert said(Shopper("u1"), **asks(newcomer=True)) == "profile_required"


@pytest.mark.requirement("F014")
def test_the_flash_price_of_newcomers_is_for_newcomers() -> None:
    flash = {"kind": _special(), "scope": Scope("sku", ("a",)), **asks(newcomer=True)}
    assert said(KNOWN, **flash) == "won"
    assert said(replace(KNOWN, orders=3), **flash) == "newcomer_only"


def _special() -> SpecialPrice:
    from serving.coupons.kinds import Special

    return SpecialPrice((Special("a", 990),), cap_cents=2000)


@pytest.mark.requirement("F013")
def test_an_automatic_first_order_cut_cannot_be_claimed_by_hand_and_is_for_the_first_order() -> None:
    first = {"delivery": "automatic", **asks(first_order=True)}
    assert said(KNOWN, source="automatic", **first) == "won"
    assert said(replace(KNOWN, orders=1), source="automatic", **first) == "first_order_only"
    assert said(KNOWN, source="claim", **first) == "not_claimable"
    assert said(KNOWN, source="push", **first) == "not_pushable"


@pytest.mark.requirement("F022")
def test_a_member_coupon_is_for_members_of_its_tiers() -> None:
    assert said(replace(KNOWN, member_tier="gold"), **asks(member_tiers=("gold", "platinum"))) == "won"
    assert said(replace(KNOWN, member_tier="silver"), **asks(member_tiers=("gold", "platinum"))) == "tier_mismatch"
    assert said(KNOWN, **asks(member_tiers=("gold",))) == "tier_mismatch"


@pytest.mark.requirement("F025")
@pytest.mark.requirement("F070")
def test_a_tagged_coupon_is_for_users_with_the_tag() -> None:
    vip = replace(KNOWN, tags=frozenset({"vip", "beauty"}))
    assert said(vip, **asks(tags=("vip",))) == "won"
    assert said(KNOWN, **asks(tags=("vip",))) == "audience_mismatch"
    assert said(replace(KNOWN, tags=frozenset({"B"})), **asks(tags=("A",))) == "audience_mismatch"
    assert said(vip, **asks(without_tags=("beauty",))) == "audience_mismatch"
    assert said(Shopper("u1", tags=frozenset({"vip"})), **asks(tags=("vip",))) == "profile_required"


@pytest.mark.requirement("F026")
def test_a_birthday_coupon_is_given_in_the_month_of_the_birthday_on_the_shops_calendar() -> None:
    born = replace(KNOWN, birthday=date(1990, 5, 20))
    assert said(born, local("2026-05-01", "00:00"), **asks(birthday_month=True)) == "won"
    assert said(born, local("2026-04-30", "23:59:59"), **asks(birthday_month=True)) == "birthday_mismatch"
    assert said(born, local("2026-06-01", "00:00"), **asks(birthday_month=True)) == "birthday_mismatch"
    assert said(KNOWN, **asks(birthday_month=True)) == "birthday_mismatch"


@pytest.mark.requirement("F019")
def test_an_early_bird_coupon_may_be_taken_at_any_hour() -> None:
    early = {"windows": (Window(time(8), time(10)),)}
    assert said(KNOWN, local("2026-05-01", "03:00"), **early) == "won"


@pytest.mark.requirement("F058")
def test_a_coupon_is_taken_where_it_is_shown() -> None:
    shown = {"card": Card(places=("venue_page", "activity"))}
    assert [place for place in PLACES if said(place=place, **shown) == "won"] == ["venue_page", "activity"]
    assert said(place="coupon_centre", **shown) == "place_mismatch"
    assert said(**shown) == "won"


@pytest.mark.requirement("F066")
def test_phone_and_identity_are_asked_for_where_the_template_wants_them() -> None:
    assert said(KNOWN, **asks(phone_verified=True)) == "phone_unverified"
    assert said(replace(KNOWN, phone_verified=True), **asks(phone_verified=True)) == "won"
    both = asks(phone_verified=True, identity_verified=True)
    assert said(replace(KNOWN, phone_verified=True), **both) == "identity_unverified"
    verified = replace(KNOWN, phone_verified=True, identity_verified=True)
    assert said(verified, **both) == "won"
    assert said(replace(verified, identity_taken=True), **both) == "identity_taken"
    assert said(replace(verified, identity_taken=True), **asks(phone_verified=True)) == "won"


@pytest.mark.requirement("F208")
@pytest.mark.parametrize("kind", ["phone", "identity", "device"])
def test_a_second_account_of_an_old_user_is_no_newcomer(kind: str) -> None:
    assert said(replace(KNOWN, linked_old=frozenset({kind})), **asks(newcomer=True)) == "newcomer_linked"


@pytest.mark.requirement("F208")
def test_a_shared_address_is_a_reason_to_look_and_not_to_refuse_unless_the_shop_says_so() -> None:
    dormitory = replace(KNOWN, linked_old=frozenset({"address"}))
    assert said(dormitory, **asks(newcomer=True)) == "won"
    ask = Ask(template_of(**asks(newcomer=True)), dormitory, local("2026-05-01"), ZONE)
    assert to_look_at(ask) == ("address",)
    assert to_look_at(replace(ask, template=template_of())) == ()
    strict = NewcomerLinks(address="refuse", device="look")
    assert said(dormitory, links=strict, **asks(newcomer=True)) == "newcomer_linked"
    both = replace(KNOWN, linked_old=frozenset({"device"}))
    assert said(both, links=strict, **asks(newcomer=True)) == "won"


@pytest.mark.requirement("F204")
def test_a_coupon_of_one_day_can_be_taken_before_and_on_the_day_and_not_after() -> None:
    day = {"validity": FixedDates(date(2026, 11, 11), date(2026, 11, 11))}
    assert said(KNOWN, local("2026-11-10"), **day) == "won"
    assert said(KNOWN, local("2026-11-11", "23:59:59"), **day) == "won"
    assert said(KNOWN, local("2026-11-12", "00:00"), **day) == "claim_over"
    assert day["validity"].window(local("2026-11-10"), ZONE)[0] == local("2026-11-11", "00:00")


def test_access_and_delivery_decide_who_may_start_it() -> None:
    assert said(access="closed", source="push") == "template_closed"
    assert said(access="decision") == "decision_required"
    assert said(access="decision", decided=True) == "won"
    assert said(access="decision", source="push") == "won"
    assert said(access="decision", source="automatic", delivery="automatic") == "decision_required"
    assert said(delivery="push") == "not_claimable"
    assert said(delivery="push", decided=True) == "won"
    assert said(delivery="push", source="push") == "won"
    assert said(delivery="code") == "not_claimable"
    assert said(delivery="code", source="code") == "won"
    assert said(delivery="code", source="push") == "not_pushable"
    assert said(source="code") == "not_claimable"
    assert said(delivery="push", part=True) == "won"
    assert said(access="closed", part=True) == "template_closed"


def test_a_caller_may_name_only_sources_that_users_have() -> None:
    from typing import get_args

    from serving.api.claim_bodies import Place, Source

    assert get_args(Source) == TAKEN
    assert get_args(Place) == PLACES
    assert {"push", "code", "automatic"} <= set(SOURCES) - set(TAKEN)


AUDIENCES = st.builds(
    Audience,
    tags=st.sampled_from([(), ("a",)]),
    without_tags=st.sampled_from([(), ("b",)]),
    member_tiers=st.sampled_from([(), ("gold",)]),
    newcomer=st.booleans(),
    first_order=st.booleans(),
    phone_verified=st.booleans(),
    identity_verified=st.booleans(),
    birthday_month=st.booleans(),
)
SHOPPERS = st.builds(
    Shopper,
    st.just("u1"),
    known=st.booleans(),
    tags=st.frozensets(st.sampled_from(["a", "b"])),
    member_tier=st.sampled_from([None, "gold"]),
    birthday=st.sampled_from([None, date(2000, 5, 3), date(2000, 6, 3)]),
    orders=st.integers(0, 1),
    phone_verified=st.booleans(),
    identity_verified=st.booleans(),
    linked_old=st.frozensets(st.sampled_from(["phone", "identity", "device", "address"])),
)
ASKS = st.builds(
    lambda audience, access, delivery, places, last, slots, shopper, source, place, decided, part: Ask(
        template_of(
            audience=audience,
            access=access,
            delivery=delivery,
            card=Card(places=places),
            validity=DaysFromClaim(1) if last is None else FixedDates(date(2026, 4, 1), last),
            slots=slots,
            kind=NoThreshold(100),
        ),
        shopper,
        local("2026-05-01"),
        ZONE,
        source,
        place,
        decided,
        part,
    ),
    AUDIENCES,
    st.sampled_from(["open", "open", "decision", "closed"]),
    st.sampled_from(["claim", "push", "code", "automatic"]),
    st.sampled_from([("coupon_centre",), ("activity",)]),
    st.sampled_from([None, date(2026, 4, 30), date(2026, 5, 1)]),
    st.sampled_from([(), (Slot(time(11), time(13), 1),), (Slot(time(13), time(14), 1),)]),
    SHOPPERS,
    st.sampled_from(SOURCES),
    st.sampled_from([None, "coupon_centre"]),
    st.booleans(),
    st.booleans(),
)


def in_words(ask: Ask) -> list[str]:
    """Everything that speaks against the claim, in the order in which it is told."""
    template, shopper, audience = ask.template, ask.shopper, ask.template.audience
    by_user = ask.source in TAKEN
    excused = ask.decided or ask.part
    mine = {"code": ask.source == "code", "automatic": ask.source == "automatic"}.get(template.delivery)
    if mine is None:
        mine = ask.source not in ("code", "automatic") and (template.delivery == "claim" or not by_user or excused)
    mine = mine or (ask.part and ask.source in ("code", "automatic"))
    pushed = template.delivery in ("code", "automatic") and not by_user and ask.source not in ("code", "automatic")
    against = [
        ("template_closed", template.access == "closed"),
        ("decision_required", template.access == "decision" and (by_user or ask.source == "automatic") and not excused),
        ("not_pushable" if pushed else "not_claimable", not mine),
        ("place_mismatch", ask.place is not None and ask.place not in template.card.places and not ask.part),
        ("claim_over", isinstance(template.validity, FixedDates) and template.validity.last < date(2026, 5, 1)),
        ("profile_required", audience != Audience() and not shopper.known),
        ("audience_mismatch", bool(audience.tags) and "a" not in shopper.tags),
        ("audience_mismatch", bool(audience.without_tags) and "b" in shopper.tags),
        ("tier_mismatch", bool(audience.member_tiers) and shopper.member_tier != "gold"),
        ("birthday_mismatch", audience.birthday_month and (shopper.birthday is None or shopper.birthday.month != 5)),
        ("phone_unverified", audience.phone_verified and not shopper.phone_verified),
        ("identity_unverified", audience.identity_verified and not shopper.identity_verified),
        ("newcomer_only", audience.newcomer and shopper.orders > 0),
        ("newcomer_linked", audience.newcomer and bool(shopper.linked_old - {"address"})),
        ("first_order_only", audience.first_order and shopper.orders > 0),
        ("slot_closed", bool(template.limits.slots) and template.limits.slots[0].start.hour == 13),
    ]
    return [code for code, holds in against if holds]


@settings(max_examples=1500, deadline=None)
@given(ASKS)
def test_the_first_reason_in_the_fixed_order_is_the_answer(ask: Ask) -> None:
    verdict = check_claim(ask)
    expected = in_words(ask)
    assert (verdict.code if isinstance(verdict, Refuse) else None) == (expected[0] if expected else None)


def test_every_rule_has_a_tag_of_its_own() -> None:
    assert len({rule.TAG for rule in LADDER}) == len(LADDER)
