"""The lists at the console: two steps to add, who would be hit, who may, and no raw value anywhere afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.console import Browser, hidden_of, sign_in
from fakes.lists import ADDRESS, DEVICE, IP, NEIGHBOUR, PHONE, Lists, require_inert
from sqlalchemy import select, update

from serving.store.schema_lists import list_entries
from serving.store.verify import verify_ledger

FORM = {"list": "block", "kind": "user", "raw": "u1", "reason": "ring of newcomers", "owner": "rita"}
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "</textarea><svg onload=alert(1)>",
]


def code(answer: Any) -> str:
    return "won" if answer.status_code == 201 else str(answer.json()["code"])


def day(shop: Any, days: int) -> str:
    return (shop.clock() + timedelta(days=days)).date().isoformat()


async def check(browser: Browser, shop: Any, page: str = "/lists", **values: Any) -> Any:
    return await browser.send(page, "/lists/check", **{**FORM, "expires": day(shop, 30), **values})


async def put(browser: Browser, shop: Any, page: str = "/lists", **values: Any) -> Any:
    checked = await check(browser, shop, page, **values)
    assert checked.status_code == 200, checked.text
    return await browser.client.post("/lists", data=hidden_of(checked.text, "/lists"))


def rows(shop: Any) -> list[Any]:
    return list(shop.store.read(lambda connection: connection.execute(select(list_entries)).all()))


@pytest.fixture
def lists(small_shop: Any) -> Lists:
    return Lists(small_shop)


async def test_an_entry_is_looked_at_then_saved_then_counts_and_can_be_prolonged_and_removed(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    browser = await sign_in(shop)
    checked = await check(browser, shop)
    assert "u1" in checked.text
    assert rows(shop) == []
    saved = await put(browser, shop)
    assert "The entry counts from now on." in saved.text
    assert code(await shop.claim("u1")) == "listed"
    (entry,) = rows(shop)
    assert (entry.owner, entry.created_by, entry.value) == ("rita", "staff:rita", "u1")
    page = f"/lists/{entry.entry_id}"
    shop.clock.forward(days=40)
    assert code(await shop.claim("u1")) == "won"
    browser = await sign_in(shop)
    assert "It has run out" in (await browser.get(page)).text
    assert "u1" in (await browser.get("/lists", state="expired")).text
    later = await browser.send(page, f"{page}/prolong", expires=day(shop, 10), reason="still at it")
    assert "The end has been changed." in later.text
    assert code(await shop.claim("u1")) == "listed"
    gone = await browser.send(page, f"{page}/remove", reason="proved to be a family")
    assert "The entry counts no more." in gone.text
    assert "proved to be a family" in gone.text
    assert code(await shop.claim("u1")) == "won"
    assert "u1" in (await browser.get("/lists", state="removed")).text
    assert "u1" not in (await browser.get("/lists")).text
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.parametrize(
    ("kind", "canary"),
    [
        ("device", "canary-device-77"),
        ("phone", "13712345678"),
        ("address", ADDRESS),
        ("ip", IP),
        ("ip", "93.184.216.0/24"),
    ],
)
async def test_what_was_typed_is_nowhere_afterwards(
    small_shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, canary: str
) -> None:
    browser = await sign_in(small_shop)
    checked = await check(browser, small_shop, kind=kind, raw=canary)
    saved = await browser.client.post("/lists", data=hidden_of(checked.text, "/lists"))
    shown = [checked.text, saved.text, (await browser.get("/lists")).text]
    small_shop.store._checkpoint("TRUNCATE")
    (entry,) = rows(small_shop)
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert any(entry.value.encode() in content for content in files)
    for content in (*files, *(text.encode() for text in shown), "".join(capsys.readouterr()).encode()):
        assert canary.encode() not in content
    assert not any(entry.value in text for text in shown[1:]), "the hash itself is masked too"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("ip", "10.1.2.3"), ("ip", "93.184.0.0/15"), ("ip", "0.0.0.0/0"), ("ip", "2a00::/47"), ("ip", "2a00::/65"),
        ("ip", "10.0.0.0/16"), ("ip", "nonsense"), ("ip", "93.184.216.7/33"), ("ip", "/24"), ("ip", "8.8.8.8, 9.9.9.9"),
        ("device", "unknown"), ("device", "0000000000"), ("phone", "call me"), ("user", "two words"), ("user", ""),
        ("device", "x" * 400),
    ],
)  # fmt: skip
async def test_what_would_hit_the_innocent_or_says_nothing_is_not_listed(small_shop: Any, kind: str, raw: str) -> None:
    browser = await sign_in(small_shop)
    answer = await check(browser, small_shop, kind=kind, raw=raw)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert not raw or len(raw) < 5 or raw not in answer.text
    assert "ring of newcomers" in answer.text, "the rest is still filled in"


@pytest.mark.parametrize(
    "broken", [{"expires": ""}, {"expires": "2026-04-30"}, {"expires": "2027-05-02"}, {"expires": "9999-12-31"},
               {"expires": "1.5.2026"}, {"owner": ""}, {"reason": "no"}, {"reason": "x" * 501}, {"list": "grey"},
               {"kind": "shoe"}]
)  # fmt: skip
async def test_an_entry_needs_an_owner_a_reason_and_an_end_within_a_year(small_shop: Any, broken: Any) -> None:
    browser = await sign_in(small_shop)
    assert (await check(browser, small_shop, **broken)).status_code == 422
    assert (await check(browser, small_shop, expires="2027-04-30")).status_code == 200
    assert rows(small_shop) == []


async def test_a_case_page_prefills_a_hash_that_is_never_typed(small_shop: Any, lists: Lists) -> None:
    await small_shop.template()
    browser = await sign_in(small_shop)
    value = lists.hasher("device", DEVICE)
    page = f"/lists?kind=device&value={value}&case=case_1"
    assert 'name="raw"' not in (await browser.get(page)).text
    fields = hidden_of((await browser.get(page)).text, "/lists/check")
    assert (fields["kind"], fields["value"], fields["case"]) == ("device", value, "case_1")
    checked = await browser.send(page, "/lists/check", list="block", reason="shared", owner="rita",
                                 expires=day(small_shop, 5))  # fmt: skip
    saved = await browser.client.post("/lists", data=hidden_of(checked.text, "/lists"))
    assert "/cases/case_1" in saved.text
    assert code(await small_shop.claim("u1", device_id=DEVICE)) == "listed"
    for nonsense in ("zz", "../../etc", "<script>"):
        assert 'name="raw"' in (await browser.get("/lists", kind="device", value=nonsense)).text


async def settle(shop: Any, count: int, **where: Any) -> None:
    """Accounts that took a coupon on the same thing more than thirty days ago."""
    for number in range(count):
        assert code(await shop.claim(f"old{number}", **where)) == "won"
        shop.clock.forward(hours=1)
    shop.clock.forward(days=31)


@pytest.mark.parametrize(("kind", "raw"), [("ip", IP), ("ip", "93.184.216.0/24"), ("ip", "93.184.0.0/16")])
async def test_blocking_a_thing_of_many_settled_accounts_shows_them_and_needs_a_lead(
    small_shop: Any, kind: str, raw: str
) -> None:
    shop = small_shop
    await shop.template()
    await settle(shop, 6, ip=IP)
    browser = await sign_in(shop)
    checked = await check(browser, shop, kind=kind, raw=raw)
    assert "Accounts seen on it: 6. Settled ones among them: 6 (" in checked.text
    assert "old0" in checked.text
    assert "a lead has to block this" in checked.text
    assert 'action="/lists"' not in checked.text
    allowed = await check(browser, shop, kind=kind, raw=raw, list="allow")
    assert 'action="/lists"' in allowed.text
    lead = await sign_in(shop, "lena", "lead")
    assert "counts from now on" in (await put(lead, shop, kind=kind, raw=raw)).text
    (entry,) = rows(shop)
    assert (entry.accounts, entry.settled) == (6, 6)
    assert code(await shop.claim("u1", ip=NEIGHBOUR if "/" in raw else IP)) == "listed"


async def test_who_would_be_hit_is_counted_again_when_it_is_saved_and_when_it_is_prolonged(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    browser = await sign_in(shop)
    fields = hidden_of((await check(browser, shop, kind="ip", raw=IP, expires=day(shop, 60))).text, "/lists")
    await settle(shop, 6, ip=IP)
    rita, lead = await sign_in(shop), await sign_in(shop, "lena", "lead")
    own = hidden_of((await rita.get("/lists")).text, "/lists/check")
    late = await rita.client.post("/lists", data={**own, "seal": fields["seal"]})
    assert late.status_code == 403
    assert "only a lead may block it" in late.text
    await put(lead, shop, kind="ip", raw=IP)
    page = f"/lists/{rows(shop)[0].entry_id}"
    longer, sooner = ({"expires": day(shop, days), "reason": "still at it"} for days in (90, 3))
    assert "only a lead may block it" in (await rita.send(page, f"{page}/prolong", **longer)).text
    assert "The end has been changed." in (await rita.send(page, f"{page}/prolong", **sooner)).text
    assert "The end has been changed." in (await lead.send(page, f"{page}/prolong", **longer)).text
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_seal_is_one_persons_and_cannot_be_changed(small_shop: Any) -> None:
    rita, rob = await sign_in(small_shop), await sign_in(small_shop, "rob")
    fields = hidden_of((await check(rita, small_shop)).text, "/lists")
    own = hidden_of((await check(rob, small_shop)).text, "/lists")
    assert (await rob.client.post("/lists", data={**own, "seal": fields["seal"]})).status_code == 403
    text, mark = fields["seal"].split(".")
    for broken in (
        "",
        ".",
        f"{text}.{mark[:-1]}0" if mark[-1] != "0" else f"{text}.{mark[:-1]}1",
        f"A{text}.{mark}",
        "ü.ü",
    ):
        assert (await rita.client.post("/lists", data={**fields, "seal": broken})).status_code == 403
    assert rows(small_shop) == []


async def test_a_second_click_adds_nothing_and_a_second_entry_is_refused(small_shop: Any) -> None:
    browser = await sign_in(small_shop)
    fields = hidden_of((await check(browser, small_shop)).text, "/lists")
    first, second = [await browser.client.post("/lists", data=fields) for _ in range(2)]
    assert str(first.url) == str(second.url)
    again = await put(browser, small_shop)
    assert again.status_code == 409
    assert "on the list already" in again.text
    assert len(rows(small_shop)) == 1
    entry = rows(small_shop)[0].entry_id
    gone = hidden_of((await browser.get(f"/lists/{entry}")).text, f"/lists/{entry}/remove")
    for _ in range(2):
        answer = await browser.client.post(f"/lists/{entry}/remove", data={**gone, "reason": "wrong one"})
        assert answer.status_code == 200
    other = {**gone, "key": "f" * 32, "reason": "wrong one"}
    assert (await browser.client.post(f"/lists/{entry}/remove", data=other)).status_code == 409


@pytest.mark.parametrize("role", ["operator", "analyst", "admin"])
async def test_only_reviewers_and_leads_write_lists(small_shop: Any, lists: Lists, role: str) -> None:
    entry = lists.add("block", "user", "u1")
    browser = await sign_in(small_shop, "olga", role)
    may_read = role == "admin"
    for path in ("/lists", f"/lists/{entry}"):
        page = await browser.get(path)
        assert page.status_code == (200 if may_read else 403)
        assert 'method="post" action="/lists' not in page.text
    for path in ("/lists", "/lists/check", f"/lists/{entry}/remove", f"/lists/{entry}/prolong"):
        assert (await browser.client.post(path, data={"csrf": "x", "key": "0" * 32})).status_code == 403


async def test_a_form_of_elsewhere_is_refused(small_shop: Any, lists: Lists) -> None:
    entry = lists.add("block", "user", "u1")
    browser = await sign_in(small_shop)
    page = f"/lists/{entry}"
    fields = {**hidden_of((await browser.get(page)).text, f"{page}/remove"), "reason": "gone"}
    for broken in ({**fields, "csrf": ""}, {**fields, "csrf": "0" * 64}):
        assert (await browser.client.post(f"{page}/remove", data=broken)).status_code == 403
    foreign = {"origin": "http://elsewhere.example"}
    assert (await browser.client.post(f"{page}/remove", data=fields, headers=foreign)).status_code == 403
    assert rows(small_shop)[0].removed_at is None


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_was_written_is_shown_and_never_run(small_shop: Any, payload: str) -> None:
    browser = await sign_in(small_shop)
    saved = await put(browser, small_shop, reason=payload, owner=payload[:80])
    texts = [saved.text, (await browser.get("/lists")).text, (await browser.get("/lists", owner=payload)).text]
    for text in texts:
        assert "alert(1)" in text or "{{7*7}}" in text
        require_inert(text)


async def test_filters_and_pages(small_shop: Any, lists: Lists) -> None:
    for number in range(60):
        lists.add("block", "user", f"user{number:02}")
    lists.add("allow", "ip", IP)
    browser = await sign_in(small_shop)
    first, second = (await browser.get("/lists")).text, (await browser.get("/lists", page=1)).text
    assert len(set(re.findall(r"user\d\d", first)) | set(re.findall(r"user\d\d", second))) == 60
    only = (await browser.get("/lists", only="allow")).text
    assert "user00" not in only
    assert "ip·" in only
    assert "user00" not in (await browser.get("/lists", of="ip")).text
    assert "No entry holds now." in (await browser.get("/lists", owner="nobody")).text
    for nonsense in ({"state": "odd"}, {"only": "grey"}, {"page": "-1"}, {"of": "shoe"}):
        assert (await browser.get("/lists", **nonsense)).status_code == 422
    assert (await browser.get("/lists/lst_none")).status_code == 404


async def test_the_pages_read_in_chinese(small_shop: Any, lists: Lists) -> None:
    lists.add("block", "device", DEVICE)
    browser = await sign_in(small_shop, language="zh")
    assert "黑名单" in (await browser.get("/lists")).text
    assert "保存前核对" in (await check(browser, small_shop, raw="u9")).text


async def test_a_hand_in_the_database_is_noticed(small_shop: Any, lists: Lists) -> None:
    entry = lists.add("block", "phone", PHONE)
    with small_shop.store._writer.begin() as connection:
        later = small_shop.clock() + timedelta(days=300)
        connection.execute(update(list_entries).where(list_entries.c.entry_id == entry).values(expires_at=later))
    report = verify_ledger(small_shop.settings.ledger_url)
    assert [(found.table, found.field) for found in report.differences] == [("list_entries", "expires_at")]
