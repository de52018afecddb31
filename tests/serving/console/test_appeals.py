"""Appeals at the console: oldest first, what stands and what was said, decided once by somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.console import hidden_of, sign_in
from fakes.lists import DEVICE, Lists, require_inert

from serving.people.actions import take_action
from serving.review.case import Flag, Reason
from serving.review.push import put_flags
from serving.store.verify import verify_ledger

PAYLOADS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</blockquote><svg onload=alert(1)>"]


async def filed(shop: Any, user_id: str = "u1", text: str = "I share a flat", **more: Any) -> str:
    body = {"user_id": user_id, "text": text, **more}
    answer = await shop.post("issuance", "/v1/appeals", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["appeal_id"])


@pytest.fixture
def lists(small_shop: Any) -> Lists:
    return Lists(small_shop)


@pytest.mark.requirement("F187")
async def test_an_appeal_is_seen_and_granted_at_the_console(small_shop: Any, lists: Lists) -> None:
    shop = small_shop
    await shop.template()
    await shop.claim("u1", device_id=DEVICE)
    lists.write(take_action("u1", "freeze", "ring_of_newcomers", "five accounts, one phone", None), "staff:rob")
    lists.add("block", "device", DEVICE)
    appeal = await filed(shop, text="line one\nline two", contact="ticket 4711")
    shop.clock.forward(hours=5)
    await filed(shop, "u2", "later")
    lena = await sign_in(shop, "lena", "lead")
    queue = (await lena.get("/appeals")).text
    assert queue.index("u1") < queue.index("u2")
    page = f"/appeals/{appeal}"
    shown = (await lena.get(page)).text
    for word in (
        "line one\nline two",
        "ticket 4711",
        "Freeze",
        "five accounts, one phone",
        "by rob",
        "Shares a blocked",
    ):
        assert word in shown
    assert DEVICE not in shown
    answer = await lena.send(page, page, ruling="grant:shared_thing", note="they live together", let_past="yes")
    assert "Granted: what stood has been taken back." in answer.text
    assert "they live together" in answer.text
    assert "Decide" not in answer.text
    assert (await shop.claim("u1", device_id=DEVICE)).status_code == 201
    assert "u1" not in (await lena.get("/appeals")).text
    assert "household, office or campus" in (await lena.get("/appeals", state="decided")).text
    assert (await shop.get("issuance", f"/v1/appeals/{appeal}")).json()["state"] == "granted"
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_who_had_a_hand_in_it_sees_no_form_and_is_refused(small_shop: Any, lists: Lists) -> None:
    lists.write(take_action("u1", "freeze", "ring", "", None), "staff:rita")
    appeal = await filed(small_shop)
    page = f"/appeals/{appeal}"
    rita, rob = await sign_in(small_shop), await sign_in(small_shop, "rob")
    assert "somebody else has to decide" in (await rita.get(page)).text
    stolen = hidden_of((await rita.get("/lists")).text, "/lists/check")
    answer = await rita.client.post(page, data={**stolen, "ruling": "grant:our_error"})
    assert answer.status_code == 403 or "You" in answer.text
    assert (await small_shop.get("issuance", f"/v1/appeals/{appeal}")).json()["state"] == "open"
    assert "Refused" in (await rob.send(page, page, ruling="refuse:no_new_facts")).text


async def test_two_who_decide_at_once_and_a_second_click(small_shop: Any) -> None:
    appeal = await filed(small_shop)
    page = f"/appeals/{appeal}"
    rita, rob = await sign_in(small_shop), await sign_in(small_shop, "rob")
    first, second = [hidden_of((await browser.get(page)).text, page) for browser in (rita, rob)]
    for _ in range(2):
        answer = await rita.client.post(page, data={**first, "ruling": "grant:goodwill"})
        assert answer.status_code == 200
    late = await rob.client.post(page, data={**second, "ruling": "refuse:evidence_stands"})
    assert late.status_code == 409
    assert "This appeal has been decided." in late.text
    assert (await small_shop.get("issuance", f"/v1/appeals/{appeal}")).json()["state"] == "granted"


async def test_forms_are_checked_and_roles_too(small_shop: Any) -> None:
    appeal = await filed(small_shop)
    page = f"/appeals/{appeal}"
    rita = await sign_in(small_shop)
    fields = hidden_of((await rita.get(page)).text, page)
    for ruling in ("", "grant", "grant:evidence_stands", "refuse:our_error", "maybe:our_error"):
        wrong = await rita.client.post(page, data={**fields, "ruling": ruling})
        assert wrong.status_code == 422
        assert "Choose an outcome with its reason." in wrong.text
    assert (
        await rita.client.post(page, data={**fields, "csrf": "0" * 64, "ruling": "grant:our_error"})
    ).status_code == 403
    for role in ("operator", "analyst", "admin"):
        other = await sign_in(small_shop, f"o{role}", role)
        assert (await other.get("/appeals")).status_code == 403
        assert (await other.get(page)).status_code == 403
        assert (await other.client.post(page, data=fields)).status_code == 403
    assert (await rita.get("/appeals/apl_none")).status_code == 404
    assert (await rita.get("/appeals", state="odd")).status_code == 422
    assert (await small_shop.get("issuance", f"/v1/appeals/{appeal}")).json()["state"] == "open"


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_customers_write_is_shown_and_never_run(small_shop: Any, lists: Lists, payload: str) -> None:
    put_flags(small_shop.store, [Flag("u1", 0.9, "hold", (Reason("x", payload, payload),))])
    lists.write(take_action("u1", "freeze", payload[:80], payload, None), "staff:rob")
    appeal = await filed(small_shop, text=payload, contact=payload)
    browser = await sign_in(small_shop)
    for text in ((await browser.get("/appeals")).text, (await browser.get(f"/appeals/{appeal}")).text):
        assert "alert(1)" in text
        require_inert(text)


async def test_an_open_case_is_shown_with_its_reasons_in_the_readers_language(small_shop: Any) -> None:
    put_flags(small_shop.store, [Flag("u1", 0.9, "hold", (Reason("x", "five others", "五个其他账号"),))])
    appeal = await filed(small_shop)
    browser = await sign_in(small_shop, language="zh")
    shown = (await browser.get(f"/appeals/{appeal}")).text
    assert "五个其他账号" in shown
    assert "尚未人工处理" in shown
    assert "没有待处理的申诉" not in (await browser.get("/appeals")).text


async def test_empty_queues_say_so(small_shop: Any) -> None:
    browser = await sign_in(small_shop)
    assert "Nobody is waiting for an answer." in (await browser.get("/appeals")).text
    assert "No appeal has been decided yet." in (await browser.get("/appeals", state="decided")).text
