"""Operators over HTTP: an edit of a live template is a new version, issued coupons keep theirs, advice only warns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock, cart
from fakes.stall import Stall

TEMPLATE: dict[str, Any] = {
    "name": "8 off",
    "deduction": {"kind": "no_threshold", "face_cents": 800},
    "validity": {"kind": "days", "days": 7},
    "quantity": 100,
    "per_user": 1,
}


@pytest.fixture
async def stall(tmp_path: Path, ledger_url: str, clock: Clock) -> AsyncIterator[Stall]:
    made = Stall(tmp_path, ledger_url, clock)
    yield made
    await made.close()


@pytest.fixture
async def small_stall(tmp_path: Path, sqlite_url: str, clock: Clock) -> AsyncIterator[Stall]:
    made = Stall(tmp_path, sqlite_url, clock)
    yield made
    await made.close()


async def edit(stall: Stall, template_id: str, version: int, /, **values: Any) -> Any:
    body = {**TEMPLATE, "version": version, **values}
    return await stall.send("PUT", "operator", f"/v1/templates/{template_id}", body)


async def test_an_edited_template_gives_new_coupons_and_leaves_the_old_ones_alone(stall: Stall) -> None:
    await stall.template("t")
    old = await stall.claim("u1", "t")
    answer = await edit(stall, "t", 1, deduction={"kind": "no_threshold", "face_cents": 300})
    assert (answer.status_code, answer.json()["version"], answer.json()["issued"]) == (200, 2, 1)
    assert answer.json()["access"] == "open"
    new = await stall.claim("u2", "t")
    quoted = [
        (await stall.post("checkout", "/v1/quotes", {"user_id": user, "cart": cart(5_000)})).json()
        for user in ("u1", "u2")
    ]
    saved = {use["coupon_id"]: use["saving_cents"] for quote in quoted for use in quote["usable"]}
    assert saved == {old: 800, new: 300}
    held = await stall.till.hold("u1", [old], "o1")
    assert held.body["coupons"][0]["template_version"] == 1
    listed = await stall.get("operator", "/v1/templates/t/versions")
    assert [row["version"] for row in listed["data"]] == [2, 1]
    first = await stall.get("operator", "/v1/templates/t/versions/1")
    assert first["deduction"] == {"kind": "no_threshold", "face_cents": 800}
    assert "access" not in first
    stall.till.exact()


async def test_of_many_edits_at_once_one_is_written_and_the_others_are_stale(stall: Stall) -> None:
    await stall.template("t")
    answers = await asyncio.gather(*(edit(stall, "t", 1, name=f"edit {n}") for n in range(8)))
    codes = sorted(answer.json().get("code", "written") for answer in answers)
    assert codes == ["version_stale"] * 7 + ["written"]
    written = next(answer.json()["name"] for answer in answers if answer.status_code == 200)
    assert (await stall.get("operator", "/v1/templates/t"))["name"] == written


async def test_an_edit_is_refused_by_what_it_rests_on(stall: Stall) -> None:
    await stall.template("t", quantity=10)
    for user in ("u1", "u2"):
        await stall.claim(user, "t")
    for body, expected in (
        ({"quantity": 1}, (409, "limits_changed")),
        ({"campaign_id": "nowhere"}, (404, "campaign_unknown")),
        ({"version": 2}, (409, "version_stale")),
        ({"access": "open"}, (422, "invalid_request")),
        ({"template_id": "other"}, (422, "invalid_request")),
        ({"name": ""}, (422, "invalid_request")),
    ):
        answer = await edit(stall, "t", 1, **body)
        assert (answer.status_code, answer.json()["code"]) == expected, body
    assert (await edit(stall, "nobody", 1)).json()["code"] == "template_unknown"
    assert (await edit(stall, "t", 1, quantity=2)).json()["remaining"] == 0
    unlimited = await edit(stall, "t", 2, quantity=-1)
    assert (unlimited.json()["quantity"], unlimited.json()["remaining"]) == (None, None)


async def test_the_same_edit_sent_twice_writes_one_version(small_stall: Stall) -> None:
    await small_stall.template("t")
    headers = {"Authorization": f"Bearer {small_stall.keys['operator']}", "Idempotency-Key": "once"}
    body = {**TEMPLATE, "version": 1}
    first, again = [await small_stall.http.put("/v1/templates/t", json=body, headers=headers) for _ in range(2)]
    assert first.content == again.content
    assert (await small_stall.get("operator", "/v1/templates/t"))["version"] == 2


@pytest.mark.requirement("F051")
async def test_a_template_gets_a_number_and_an_unknown_number_is_refused_when_linking(stall: Stall) -> None:
    made = [(await stall.post("operator", "/v1/templates", TEMPLATE)).json() for _ in range(2)]
    ids = [template["template_id"] for template in made]
    assert len(set(ids)) == 2
    assert all(name.startswith("tpl_") for name in ids)
    pack = {**TEMPLATE, "deduction": {"kind": "gift_pack", "templates": ids}}
    assert (await stall.post("operator", "/v1/templates", pack)).status_code == 201
    pack["deduction"]["templates"] = [ids[0], "missing"]
    assert (await stall.post("operator", "/v1/templates", pack)).json()["code"] == "template_unknown"
    linked = {**TEMPLATE, "campaign_id": "missing"}
    assert (await stall.post("operator", "/v1/templates", linked)).json()["code"] == "campaign_unknown"


@pytest.mark.requirement("F030")
async def test_a_list_is_filtered_by_each_of_the_four_ways(stall: Stall) -> None:
    await stall.template("alone", stackable=False)
    await stall.template("pushed", delivery="push")
    await stall.template("page", card={"places": ["product_page"]})
    await stall.template("newcomer", coupon_class="newcomer", audience={"newcomer": True})

    async def having(query: str) -> list[str]:
        return [row["template_id"] for row in (await stall.get("operator", f"/v1/templates?{query}"))["data"]]

    assert await having("stackable=false") == ["alone"]
    assert await having("issue=pushed") == ["pushed"]
    assert await having("place=product_page") == ["page"]
    assert await having("function=acquire") == ["newcomer"]
    assert await having("function=promote&stackable=true&limit=1") == ["page"]
    assert await having("function=promote&stackable=true&starting_after=page") == ["pushed"]
    assert await having("stackable=true&ending_before=pushed") == ["newcomer", "page"]


async def test_advice_comes_as_warnings_and_refuses_nothing(tmp_path: Path, sqlite_url: str, clock: Clock) -> None:
    stall = Stall(tmp_path, sqlite_url, clock, cheapest_item_cents=1_200)
    try:
        made = await stall.post("operator", "/v1/templates", {**TEMPLATE, "quantity": 501})
        assert made.status_code == 201
        assert [warning["code"] for warning in made.json()["warnings"]] == ["no_threshold_many"]
        assert {"detail", "detail_zh", "requirement"} < made.json()["warnings"][0].keys()
        large = {"deduction": {"kind": "no_threshold", "face_cents": 1_500}}
        edited = await edit(stall, made.json()["template_id"], 1, quantity=501, **large)
        assert edited.status_code == 200
        assert [warning["code"] for warning in edited.json()["warnings"]] == ["no_threshold_many", "face_over_cheapest"]
        asked = {**TEMPLATE, **large, "shop_facts": {"cheapest_item_cents": 2_000}}
        advised = await stall.post("operator", "/v1/templates:advise", asked)
        assert (advised.status_code, advised.json()["warnings"]) == (200, []), "the facts of the body go first"
        assert len((await stall.get("operator", "/v1/templates"))["data"]) == 1, "advice writes nothing"
    finally:
        await stall.close()


async def test_campaigns_are_paged_both_ways_and_found_alone(small_stall: Stall) -> None:
    for name in "abcd":
        body = {"campaign_id": name, "name": name, "budget_cents": 100}
        assert (await small_stall.post("operator", "/v1/campaigns", body)).status_code == 201

    async def ids(query: str) -> list[str]:
        return [row["campaign_id"] for row in (await small_stall.get("operator", f"/v1/campaigns?{query}"))["data"]]

    assert await ids("limit=2&starting_after=a") == ["b", "c"]
    assert await ids("limit=2&ending_before=d") == ["b", "c"]
    assert (await small_stall.get("operator", "/v1/campaigns/a"))["budget_cents"] == 100
    missing = await small_stall.send("GET", "operator", "/v1/campaigns/zzz")
    assert (missing.status_code, missing.json()["code"]) == (404, "campaign_unknown")
    for path in ("/v1/templates/zzz", "/v1/templates/zzz/versions", "/v1/templates/zzz/versions/1"):
        missing = await small_stall.send("GET", "operator", path)
        assert (missing.status_code, missing.json()["code"]) == (404, "template_unknown")


@pytest.mark.requirement("F031")
async def test_choosing_a_kind_offers_its_own_classes(small_stall: Stall) -> None:
    kinds = {kind["kind"]: kind for kind in (await small_stall.get("operator", "/v1/template-kinds"))["data"]}
    offered = {found["code"] for found in kinds["threshold_cut"]["classes"]}
    assert {"newcomer", "member"} <= offered
    assert kinds["lucky_draw"]["zh"] == "抽奖券"
    assert "early_bird" not in {found["code"] for found in kinds["lucky_draw"]["classes"]}
    refused = await small_stall.post("operator", "/v1/templates", {**TEMPLATE, "coupon_class": "no_such_class"})
    assert refused.json()["errors"][0]["field"] == "coupon_class"


@pytest.mark.requirement("F177")
async def test_the_five_golden_rules_are_checked_on_save(small_stall: Stall) -> None:
    made = (
        await small_stall.post("operator", "/v1/templates", {**TEMPLATE, "validity": {"kind": "days", "days": 40}})
    ).json()
    rules = {check["rule"]: check for check in made["checklist"]}
    assert set(rules) == {"depth", "threshold", "deadline", "quantity", "scene"}
    assert rules["deadline"]["holds"] is False
    assert rules["deadline"]["warnings"] != []
    assert rules["quantity"]["holds"] is True


@pytest.mark.requirement("F012")
async def test_a_pack_names_coupons_that_can_come_out_of_one(small_stall: Stall) -> None:
    async def add(template_id: str, **values: Any) -> Any:
        body = {**TEMPLATE, "template_id": template_id, **values}
        return await small_stall.send("POST", "operator", "/v1/templates", body)

    for name, delivery in (("one", "claim"), ("two", "push"), ("coded", "code"), ("itself", "automatic")):
        assert (await add(name, delivery=delivery)).status_code == 201
    both = {"kind": "gift_pack", "templates": ["one", "two"]}
    assert (await add("pack", deduction=both)).status_code == 201
    for part in ("pack", "coded", "itself"):
        wrong = {"kind": "gift_pack", "templates": ["one", part]}
        answers = await add("wrong", deduction=wrong), await edit(small_stall, "pack", 1, deduction=wrong)
        for answer in answers:
            assert answer.status_code == 422, answer.text
            (error,) = answer.json()["errors"]
            assert (error["field"], part in error["expected"]) == ("templates", True)
