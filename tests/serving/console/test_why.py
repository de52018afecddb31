"""The page that says why: the same as the API, in both languages, for every role, with names as text."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes.console import sign_in
from fakes.shop import Shop
from fakes.tools import decided, rows_of, shelf


async def test_a_decision_is_found_by_its_id_its_coupon_and_its_user(small_shop: Shop) -> None:
    await shelf(small_shop)
    decision_id = await decided(small_shop)
    answer = await small_shop.post("issuance", "/v1/claims", {"user_id": "u_1", "decision_id": decision_id})
    rita, zhao = await sign_in(small_shop), await sign_in(small_shop, "zhao", language="zh")
    before = rows_of(small_shop)
    found = (await small_shop.get("operator", f"/v1/decisions/{decision_id}/explain")).json()
    for query in ({"decision": decision_id}, {"coupon": answer.json()["coupon_id"]}):
        page = await rita.get("/why", **query)
        assert page.status_code == 200
        shown = [
            "Spend 99 save 20",
            "CN¥4.44",
            "CN¥2.01",
            "CN¥2.08",
            "91.0%",
            "CN¥2.08 ahead of flat_8.",
            "A stored sentence.",
        ]
        shown += [flip["en"] for flip in found["flips"]] + ["2 accounts on this device", "claimed", "7.0%"]
        for words in shown:
            assert words in page.text, words
    listed = await rita.get("/why", user="u_1")
    assert f"/why?decision={decision_id}" in listed.text and "cart_abandoned" in listed.text
    zh = (await zhao.get("/why", decision=decision_id)).text
    for words in ("保存的句子。", "该设备上有 2 个账号", "若每 1 元预算要求回报高于 1.02，则为不发券", "领取", "次选"):
        assert words in zh, words
    assert rows_of(small_shop) == before


async def test_what_is_not_there_is_said(small_shop: Shop) -> None:
    rita = await sign_in(small_shop)
    missing = await rita.get("/why", decision="dec_nothing")
    assert missing.status_code == 404 and "Nothing is known under this." in missing.text
    assert "Nothing is known under this." in (await rita.get("/why", user="u_nobody")).text
    await small_shop.template()
    coupon_id = await small_shop.coupon("u_1")
    assert "without a decision" in (await rita.get("/why", coupon=coupon_id)).text
    assert (await rita.get("/why", decision="x" * 121)).status_code == 422


async def test_why_not_shows_the_limit_its_counter_and_the_distance(small_shop: Shop) -> None:
    await small_shop.template("daily", per_user_day=2)
    for _ in range(2):
        await small_shop.coupon("u_1", "daily")
    rita, zhao = await sign_in(small_shop), await sign_in(small_shop, "zhao", language="zh")
    before = rows_of(small_shop)
    page = (await rita.get("/why", user="u_1", template="daily")).text
    for words in ("You have claimed as many as allowed today.", "user_limit_day", "Used 2 of 2", "in 12 hours"):
        assert words in page, words
    assert "u_2 could claim daily now." in (await rita.get("/why", user="u_2", template="daily")).text
    zh = (await zhao.get("/why", user="u_1", template="daily")).text
    assert "今日领取次数已达上限。" in zh and "已用 2，上限 2" in zh
    assert rows_of(small_shop) == before
    await small_shop.template("boxed", per_device=1)
    assert "limits claims per device" in (await rita.get("/why", user="u_1", template="boxed")).text


@pytest.mark.parametrize("asked", ["a b", "../../v1/campaigns", "%2e%2e", "<script>alert(1)</script>", "u?x=1#y"])
async def test_ids_from_outside_reach_no_other_route_and_are_shown_as_text(small_shop: Shop, asked: str) -> None:
    rita = await sign_in(small_shop)
    for query in ({"user": asked, "template": "flat_8"}, {"user": "u_1", "template": asked[:80]}, {"decision": asked}):
        page = await rita.get("/why", **query)
        assert page.status_code in (200, 404) and "<script>alert" not in page.text
        assert "did not answer" not in page.text


async def test_names_and_reasons_from_outside_are_shown_as_text(small_shop: Shop) -> None:
    await shelf(small_shop)
    decision_id = await decided(small_shop, "u<b>1")
    page = await (await sign_in(small_shop)).get("/why", decision=decision_id)
    assert page.status_code == 200 and "u<b>1" not in page.text and "u&lt;b&gt;1" in page.text


async def test_every_role_may_look_and_nobody_else(small_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("reviewer", "lead", "operator", "analyst", "admin"):
        assert (await (await sign_in(small_shop, f"p_{role}", role)).get("/why")).status_code == 200
    rita = await sign_in(small_shop)

    async def down(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ConnectError("down")

    monkeypatch.setattr(small_shop.console.state.desk.coupons, "get", down)
    assert "did not answer" in (await rita.get("/why", user="u_1", template="flat_8")).text
    rita.client.cookies.clear()
    assert "/sign-in" in str((await rita.get("/why")).url)
