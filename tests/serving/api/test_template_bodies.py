"""Templates as operators send them: old bodies stay valid, all fields are covered, refusals name their field."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date, time
from typing import Any, get_args

import pytest
from fakes.templates import templates
from hypothesis import given
from pydantic import ValidationError

from serving.api.kind_bodies import Deduction
from serving.api.template_bodies import CampaignBody, Channel, Place, TemplateBody
from serving.coupons.catalogue import template_to_data
from serving.coupons.kinds import (
    KINDS,
    Bundle,
    BundleItem,
    GiveBack,
    LuckyDraw,
    NoThreshold,
    Prize,
    Step,
    ThresholdCut,
    TieredCut,
)
from serving.coupons.money import InvalidError
from serving.coupons.scope import Scope
from serving.coupons.template import CHANNELS, PLACES, Campaign, Card, Limits, Template
from serving.coupons.validity import DaysFromClaim, FixedDates, MinutesFromClaim
from serving.coupons.windows import Slot, Window

FLAT = {
    "template_id": "t",
    "name": "t",
    "deduction": {"kind": "no_threshold", "face_cents": 800},
    "validity": {"kind": "days", "days": 7},
    "quantity": -1,
    "per_user": -1,
}


def read(**values: Any) -> Template:
    return TemplateBody.model_validate({**FLAT, **values}).value("tpl_1")


def refused(**values: Any) -> str:
    """The field that is named when a body is refused, by the body itself or by the domain."""
    try:
        read(**values)
    except ValidationError as error:
        return ".".join(str(part) for part in error.errors()[0]["loc"])
    except InvalidError as error:
        return error.field
    raise AssertionError(f"{values} was taken")


def test_a_body_of_the_first_release_with_its_limits_said_is_still_valid() -> None:
    found = read(
        deduction={"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": 800},
        validity={"kind": "fixed", "first": "2026-05-01", "last": "2026-05-31"},
        scope="category:shoes|bags",
        without=["sku9"],
        terminals=["app"],
        quantity=-1,
        per_user=2,
        per_user_day=None,
        campaign_id="spring",
        access="open",
    )
    assert found == Template(
        "t",
        "t",
        ThresholdCut(2000, 800),
        FixedDates(date(2026, 5, 1), date(2026, 5, 31)),
        Scope("category", ("shoes", "bags"), ("sku9",)),
        Limits(per_user=2),
        terminals=("app",),
        campaign_id="spring",
        access="open",
    )
    assert read() == Template("t", "t", NoThreshold(800), DaysFromClaim(7))


@pytest.mark.requirement("F039")
def test_a_quantity_of_minus_one_is_unlimited() -> None:
    assert [read(quantity=quantity).limits.quantity for quantity in (-1, 500)] == [None, 500]
    assert [refused(quantity=quantity) for quantity in (None, 0, -2, 1.5, "500", True)] == ["quantity"] * 6
    body = {name: value for name, value in FLAT.items() if name != "quantity"}
    with pytest.raises(ValidationError, match="quantity"):
        TemplateBody.model_validate(body)


@pytest.mark.requirement("F041")
def test_the_limit_per_user_is_one_of_unlimited_a_day_or_in_all() -> None:
    assert (read(per_user=-1).limits.per_user, read().limits.per_user_day) == (None, None)
    assert read(per_user=2).limits.per_user == 2
    assert read(per_user=None, per_user_day=1).limits.per_user_day == 1
    assert refused(per_user=2, per_user_day=1) == "per_user_day"
    assert refused(per_user=None) == "per_user"  # a limit that was forgotten is not one that is unlimited
    assert (refused(per_user=0), refused(per_user_day=-1)) == ("per_user", "per_user_day")


@pytest.mark.requirement("F051")
def test_a_template_without_an_id_gets_the_number_that_the_server_makes() -> None:
    assert (read(template_id=None).template_id, read().template_id) == ("tpl_1", "t")
    with pytest.raises(InvalidError, match="template_id"):
        TemplateBody.model_validate({**FLAT, "template_id": None}).value()


@pytest.mark.requirement("F035")
def test_validity_is_required_and_one_of_its_kinds() -> None:
    assert read(validity={"kind": "minutes", "minutes": 120}).validity == MinutesFromClaim(120)
    assert refused(validity=None) == "validity"
    for bad, field in (
        ({"kind": "days", "days": 0}, "validity.days.days"),
        ({"kind": "fixed", "first": "2026-05-01"}, "validity.fixed.last"),
        ({"kind": "fixed", "first": "01.05.2026", "last": "2026-05-02"}, "validity.fixed.first"),
        ({"kind": "fixed", "first": 1777777777, "last": "2026-05-02"}, "validity.fixed.first"),
        ({"kind": "fixed", "first": "2026-02-30", "last": "2026-05-02"}, "validity.fixed.first"),
        ({"kind": "fixed", "first": "2026-05-03", "last": "2026-05-02"}, "first"),
        ({"kind": "days", "days": 7, "first": "2026-05-01"}, "validity.days.first"),
        ({"kind": "weeks"}, "validity"),
    ):
        assert refused(validity=bad) == field


@pytest.mark.requirement("F033")
def test_condition_fields_follow_the_kind() -> None:
    assert read(deduction={"kind": "threshold_cut", "minimum_cents": 10000, "face_cents": 2000}).kind.most_cents == 2000
    for face in (2000, 3000):
        assert (
            refused(deduction={"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": face}) == "minimum_cents"
        )
    assert refused(deduction={"kind": "threshold_cut", "face_cents": 1}) == "deduction.threshold_cut.minimum_cents"
    wrong = {"kind": "no_threshold", "face_cents": 1, "minimum_cents": 2}
    assert refused(deduction=wrong) == "deduction.no_threshold.minimum_cents"
    assert refused(deduction={"kind": "percent", "percent_off": 100, "cap_cents": 1}) == "deduction.percent.percent_off"
    assert refused(deduction={"kind": "cheque"}) == "deduction"


def test_parts_of_a_kind_are_objects() -> None:
    steps = [{"minimum_cents": 10000, "face_cents": 1500}, {"minimum_cents": 20000, "face_cents": 3500}]
    tiers = read(deduction={"kind": "tiered_cut", "steps": steps})
    assert tiers.kind == TieredCut((Step(10000, 1500), Step(20000, 3500)))
    draw = read(deduction={"kind": "lucky_draw", "prizes": [{"template_id": "a", "weight": 3}, {"template_id": "b"}]})
    assert draw.kind == LuckyDraw((Prize("a", 3), Prize("b", 1)))
    back = read(deduction={"kind": "give_back", "minimum_cents": 5000, "give": "red_packet", "amount": 300})
    assert back.kind == GiveBack(5000, "red_packet", 300, 300)
    points = {"kind": "give_back", "minimum_cents": 5000, "give": "points", "amount": 300}
    assert refused(deduction=points) == "cost_cents"


def test_a_coupon_that_names_its_goods_is_scoped_to_them() -> None:
    rates = {"kind": "category_percent", "rates": [{"category": "a", "percent_off": 20}], "cap_cents": 100}
    special = {"kind": "special_price", "prices": [{"sku": "s", "price_cents": 100}], "cap_cents": 100}
    bundle = {"kind": "bundle", "items": [{"sku": "s"}, {"sku": "u"}], "face_cents": 100}
    assert [str(read(deduction=kind).scope) for kind in (rates, special, bundle)] == ["category:a", "sku:s", "sku:s|u"]
    assert read(deduction=bundle).kind == Bundle((BundleItem("s"), BundleItem("u")), face_cents=100)
    assert str(read(owner="merchant", merchant_id="m1").scope) == "merchant:m1"
    assert read(scope="brand:x", regular_only=True, without=["s"]).scope == Scope("brand", ("x",), ("s",), True)
    assert refused(scope="colour:red") == "scope"
    assert refused(scope="sku:a||b") == "scope"


def test_hours_slots_cards_and_people_are_read_as_they_are() -> None:
    found = read(
        windows=[{"start": "08:00", "end": "10:00", "weekdays": [6, 7]}],
        slots=[{"start": "10:00", "end": "10:30", "quota": 100}],
        carry=True,
        audience={"tags": ["A"], "phone_verified": True},
        card={"link": "shop://a", "channels": ["sms", "in_app", "official_account"]},
        bearers={"platform": 40, "merchant": 60},
        uses=2,
        stackable=False,
    )
    assert found.windows == (Window(time(8), time(10), (6, 7)),)
    assert found.limits == Limits(slots=(Slot(time(10), time(10, 30), 100),), carry=True)
    assert found.card == Card(link="shop://a", channels=("sms", "in_app", "official_account"))
    assert (found.audience.tags, found.bearers.merchant, found.uses, found.stackable) == (("A",), 60, 2, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "  "}, "name"),
        ({"template_id": "none"}, "template_id"),
        ({"template_id": "../x"}, "template_id"),
        ({"access": "ajar"}, "access"),
        ({"coupon_class": "remote_area"}, "coupon_class"),
        ({"coupon_class": "newcomer"}, "audience.newcomer"),
        ({"card": {"link": "beauty"}}, "card.link"),
        ({"card": {"image": "not a link"}}, "card.image"),
        ({"card": {"places": ["lobby"]}}, "card.places.0"),
        ({"card": {"channels": ["pigeon"]}}, "card.channels.0"),
        ({"windows": [{"start": "8 am"}]}, "windows.0.start"),
        ({"windows": [{"start": "25:00"}]}, "windows.0.start"),
        ({"windows": [{"start": 8}]}, "windows.0.start"),
        ({"windows": [{"weekdays": [8]}]}, "windows.0.weekdays.0"),
        ({"slots": [{"start": "10:00", "end": "09:00", "quota": 1}]}, "slots.end"),
        ({"bearers": {"platform": 10}}, "bearers"),
        ({"owner": "merchant"}, "merchant_id"),
        ({"pool_cents": 100}, "pool_cents"),
        ({"activity_type": "raffle"}, "activity_type"),
        ({"stackable": "yes"}, "stackable"),
        ({"sale": True}, "sale"),
    ],
)
def test_a_body_that_cannot_be_names_its_field(change: dict[str, Any], field: str) -> None:
    assert refused(**change) == field


def test_there_is_a_body_for_every_kind_and_a_word_for_every_place() -> None:
    bodies = get_args(get_args(Deduction)[0])
    assert [get_args(body.model_fields["kind"].annotation)[0] for body in bodies] == list(KINDS)
    for body in bodies:
        stored = {part.name for part in fields(KINDS[get_args(body.model_fields["kind"].annotation)[0]])}
        assert set(body.model_fields) - {"kind"} == stored
    assert (set(get_args(Place)), set(get_args(Channel))) == (set(PLACES), set(CHANNELS))


def test_every_field_of_a_stored_template_can_be_sent() -> None:
    stored = set(template_to_data(read())) - {"kind", "version"}
    assert set(TemplateBody.model_fields) == stored | {"deduction", "access"}


@given(templates())
def test_what_is_stored_can_be_sent_again(of: Template) -> None:
    data = json.loads(json.dumps(template_to_data(of)))
    deduction, version = data.pop("kind"), data.pop("version")
    sent = {**data, "deduction": deduction, "access": of.access}
    day = None if sent["per_user"] is not None else sent["per_user_day"]
    sent["per_user_day"] = day
    if day is None and sent["per_user"] is None:
        sent["per_user"] = -1
    if sent["quantity"] is None:
        sent["quantity"] = -1
    again = {**template_to_data(TemplateBody.model_validate(sent).value()), "version": version}
    assert again == {**template_to_data(of), "per_user_day": day}


def test_the_example_of_the_documentation_is_a_template() -> None:
    schema = TemplateBody.model_json_schema()
    for example in schema["examples"]:
        assert TemplateBody.model_validate(example).value("tpl_1").template_id == "tpl_1"
    undescribed = [name for name, part in schema["$defs"].items() if not part.get("description") and "enum" not in part]
    assert undescribed == []


def test_a_campaign_is_read_with_its_caps() -> None:
    body = CampaignBody(campaign_id="spring", name="Spring", budget_cents=100, liability_cents=None)
    assert body.value() == Campaign("spring", "Spring", 100)


@pytest.mark.requirement("F046")
@pytest.mark.parametrize("name", ["beauty/", "/beauty", "beauty//skin", "beauty/ /skin", " "])
def test_a_category_without_a_name_at_some_level_would_cover_nothing(name: str) -> None:
    assert TemplateBody(**FLAT, scope="category:beauty/skin|shoes").value().scope.names == ("beauty/skin", "shoes")
    rates = {"kind": "category_percent", "rates": [{"category": name, "percent_off": 20}], "cap_cents": 100}
    for wrong in ({"scope": f"category:shoes|{name}"}, {"deduction": rates}):
        with pytest.raises(ValidationError, match="levels with a name"):
            TemplateBody(**{**FLAT, **wrong})
