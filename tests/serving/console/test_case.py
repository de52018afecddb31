"""The page of a case: everything is on it, nothing runs, nobody else's is seen, and a decision loses nothing typed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fakes.cases import case_of, do, judgement, open_cases
from fakes.console import Browser, hidden_of, sign_in
from fakes.shop import cart

from serving.console.texts.case import TEXTS
from serving.review.case import DECIDED, OPEN, Flag, Reason
from serving.review.push import put_flags
from serving.review.store import put
from serving.review.work import claim, judge
from serving.store.unit import Answer

REASON = Reason("same_device", "four accounts on one device", "四个账号同一设备")
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg onload=alert(1)>",
    "{{7*7}}",
]


class _Tags(HTMLParser):
    """Names and attributes of all tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def require_safe(html: str) -> None:
    """No script but our files, and no handler anywhere."""
    for tag, attributes in _Tags(html).found:
        assert tag != "img"
        assert tag != "script" or str(attributes.get("src")).startswith("/static/")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert not str(attributes.get("href", "")).startswith("javascript:")


async def ring(shop: Any, users: int = 4) -> str:
    """A ring on one device, with coupons of which one was used; the id of its case."""
    await shop.template()
    names = [f"u{n}" for n in range(1, users + 1)]
    for name in names:
        answer = await shop.claim(name, device_id="one-device", ip="203.0.113.9")
        assert answer.status_code == 201, answer.text
        coupon = answer.json()["coupon_id"]
        shop.clock.forward(minutes=2)
    body = {"user_id": names[-1], "coupon_ids": [coupon], "order_id": "o1", "cart": cart(5000)}
    assert (await shop.post("checkout", "/v1/redemptions", body)).status_code < 300
    put_flags(shop.store, [Flag(name, 0.9, "withhold", (REASON,), "r1") for name in names])
    return str(shop.store.read(open_cases)[0].case_id)


async def taken(shop: Any, case_id: str, name: str = "rita") -> Browser:
    browser = await sign_in(shop, name, "reviewer")
    do(shop.store, f"staff:{name}", claim(case_id, f"staff:{name}", 15))
    return browser


def filled(case_id: str, html: str, **values: str) -> dict[str, str]:
    """The fields of the decision form of a page."""
    return {
        **hidden_of(html, f"/cases/{case_id}/preview"),
        "action": "withhold", "other": "", "reason_code": "new_account_ring", "note": "", **values,
    }  # fmt: skip


async def previewed(browser: Browser, case_id: str, **values: str) -> Any:
    html = (await browser.get(f"/cases/{case_id}")).text
    return await browser.client.post(f"/cases/{case_id}/preview", data=filled(case_id, html, **values))


async def test_every_part_is_on_the_page(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await taken(small_shop, case_id)
    html = (await browser.get(f"/cases/{case_id}")).text
    for word in (
        "for", "against", "decide", "graph", "things", "members", "money", "timeline", "similar", "history", "said",
        "actions", "score", "expected", "mine", "let_go", "unused", "redeemed", "what.claim", "what.redemption",
    ):  # fmt: skip
        assert TEXTS[f"case.{word}"][0] in html, word
    assert REASON.en in html
    assert all(f"u{n}" in html for n in range(1, 5))
    assert 'class="graph"' in html
    assert 'class="tie strong"' in html, "what holds the ring together is drawn"
    assert re.search(r"dev·[0-9a-f]{6}", html)
    assert "one-device" not in html
    assert "203.0.113.9" not in html
    require_safe(html)


async def test_the_page_reads_in_chinese(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await sign_in(small_shop, "rita", "reviewer", "zh")
    html = (await browser.get(f"/cases/{case_id}")).text
    assert REASON.zh in html
    assert REASON.en not in html
    assert "反面证据" in html
    assert "What speaks against" not in html


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_others_wrote_is_shown_and_never_run(small_shop: Any, payload: str) -> None:
    flags = [Flag(name, 0.9, "hold", (Reason("x", payload, payload),), payload) for name in (payload, "u2")]
    put_flags(small_shop.store, flags)
    case_id = small_shop.store.read(open_cases)[0].case_id
    browser = await taken(small_shop, case_id)
    html = (await browser.get(f"/cases/{case_id}")).text
    require_safe(html)
    assert payload.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in html
    page = (await previewed(browser, case_id, note=payload)).text
    require_safe(page)
    sent = {**hidden_of(page, f"/cases/{case_id}/judge"), **filled(case_id, html, note=payload)}
    assert (await browser.client.post(f"/cases/{case_id}/judge", data=sent)).status_code == 200
    require_safe((await browser.get(f"/cases/{case_id}")).text)
    assert case_of(small_shop.store, case_id).note == payload


async def test_preview_then_judge_then_undo(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await taken(small_shop, case_id)
    page = await previewed(browser, case_id, action="other", other="revoke", **{"as.u1": "allow"})
    assert TEXTS["case.coupons_go"][0] in page.text
    assert re.search(r"Release: 1</span>", page.text)
    assert re.search(r"<b>3</b>", page.text), "three lose something"
    assert case_of(small_shop.store, case_id).state == OPEN
    sent = hidden_of(page.text, f"/cases/{case_id}/judge")
    twice = [await browser.client.post(f"/cases/{case_id}/judge", data=sent) for _ in range(2)]
    assert [answer.status_code for answer in twice] == [200, 200], "a second click is told what the first was"
    case = case_of(small_shop.store, case_id)
    assert (case.state, case.action, dict(case.exceptions)) == (DECIDED, "revoke", {"u1": ("legitimate", "allow")})
    html = (await browser.get(f"/cases/{case_id}")).text
    assert 'data-key="u"' in html
    assert 'data-key="n"' in html
    answer = await browser.send(f"/cases/{case_id}", f"/cases/{case_id}/undo", reason_code="slip")
    assert TEXTS["said.case.undone"][0] in answer.text
    assert case_of(small_shop.store, case_id).state == OPEN
    assert TEXTS["case.event.case.undone"][0] in answer.text


async def test_nothing_typed_is_lost(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await taken(small_shop, case_id)
    kept = {"action": "block", "note": "looked at it twice", "as.u2": "watch"}
    page = await previewed(browser, case_id, **kept)
    sent = hidden_of(page.text, f"/cases/{case_id}/judge")
    small_shop.clock.forward(minutes=20)
    late = await browser.client.post(f"/cases/{case_id}/judge", data=sent)
    assert late.status_code == 409
    again = {**sent, **hidden_of(late.text, f"/cases/{case_id}/preview"), "take": "1"}
    back = await browser.client.post(f"/cases/{case_id}", data=again)
    assert TEXTS["case.mine"][0] in back.text
    assert "looked at it twice</textarea>" in back.text
    small_shop.clock.forward(minutes=20)
    do(small_shop.store, "staff:fred", claim(case_id, "staff:fred", 15))
    slow = await previewed_with(browser, case_id, sent)
    assert slow.status_code == 409
    wrong = await browser.client.post(f"/cases/{case_id}/preview", data={**sent, "reason_code": "household"})
    for answer in (late, slow, wrong):
        assert 'role="alert"' in answer.text
        assert "looked at it twice</textarea>" in answer.text
        assert re.search(r'value="block"[^>]* checked', answer.text)
    assert case_of(small_shop.store, case_id).state == OPEN


async def previewed_with(browser: Browser, case_id: str, sent: dict[str, str]) -> Any:
    return await browser.client.post(f"/cases/{case_id}/preview", data=sent)


async def test_somebody_faster_is_said(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await taken(small_shop, case_id)
    sent = hidden_of((await previewed(browser, case_id)).text, f"/cases/{case_id}/judge")
    do(small_shop.store, "staff:rita", judge(case_id, "staff:rita", judgement(), 10**9))
    answer = await browser.client.post(f"/cases/{case_id}/judge", data=sent)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


async def test_only_our_own_form_and_only_who_may(small_shop: Any) -> None:
    case_id = await ring(small_shop)
    browser = await taken(small_shop, case_id)
    sent = hidden_of((await previewed(browser, case_id)).text, f"/cases/{case_id}/judge")
    for part in ("", "/preview", "/judge", "/undo"):
        path = f"/cases/{case_id}{part}"
        assert (await browser.client.post(path, data={**sent, "csrf": "0" * 64})).status_code == 403
        assert (await browser.client.post(path, data=sent, headers={"Origin": "http://evil"})).status_code == 403
    analyst = await sign_in(small_shop, "anna", "analyst")
    html = (await analyst.get(f"/cases/{case_id}")).text
    assert 'method="post" action="/cases/' not in html, "an analyst reads"
    assert "/reveal?" not in html
    assert (await analyst.client.post(f"/cases/{case_id}/judge", data=sent)).status_code == 403
    operator = await sign_in(small_shop, "omar", "operator")
    assert (await operator.get(f"/cases/{case_id}")).status_code == 403
    lead = await sign_in(small_shop, "lea", "lead")
    assert "/reveal?kind=" in (await lead.get(f"/cases/{case_id}")).text


async def test_another_ledgers_case_looks_like_none(small_shop: Any) -> None:
    browser = await sign_in(small_shop)
    pages = [await browser.get(f"/cases/{case_id}") for case_id in ("case_none", "case_of_another_shop")]
    assert [page.status_code for page in pages] == [404, 404]

    def plain(text: str) -> str:
        return re.sub(r"case_none|case_of_another_shop|[Rr]equest [\w-]+|[0-9a-f]{16,}", "", text)

    assert plain(pages[0].text) == plain(pages[1].text)


async def test_a_blind_case_tells_facts_only(small_shop: Any) -> None:
    await small_shop.template()
    await small_shop.coupon("u1")
    flag = Flag("u1", 0.8765, "freeze", (REASON,))

    def opened(tx: Any) -> Answer:
        put(tx, "user:u1", (flag,), "audit", blind=True, not_by="staff:olga")
        return Answer(200, {})

    do(small_shop.store, "flow", opened)
    case_id = small_shop.store.read(open_cases)[0].case_id
    browser = await taken(small_shop, case_id)
    html = (await browser.get(f"/cases/{case_id}")).text
    for hidden in ("88%", "0.8765", REASON.en, "audit", "user:u1", TEXTS["case.for"][0], TEXTS["case.history"][0]):
        assert hidden not in html, hidden
    table = html.split('id="members"')[1].split("</tbody>")[0]
    assert "Freeze" not in table.replace('<option value="freeze">Freeze', "")
    assert TEXTS["case.what.claim"][0] in html
    stranger = await sign_in(small_shop, "olga", "reviewer")
    assert (await stranger.get(f"/cases/{case_id}")).status_code == 404
    page = await previewed(browser, case_id, action="allow", reason_code="household")
    sent = hidden_of(page.text, f"/cases/{case_id}/judge")
    after = await browser.client.post(f"/cases/{case_id}/judge", data=sent)
    assert "88%" in after.text
    assert REASON.en in after.text


async def test_a_ring_of_ten_thousand_opens_quickly(small_shop: Any) -> None:
    flags = [Flag(f"user-{n:05}", 0.9 - n / 50_000, "withhold", (REASON,), "huge") for n in range(10_000)]
    put_flags(small_shop.store, flags)
    case_id = small_shop.store.read(open_cases)[0].case_id
    browser = await taken(small_shop, case_id)
    first = await browser.get(f"/cases/{case_id}")
    assert len(first.content) < 400_000
    assert "1 / 200" in first.text
    assert "user-00049" in first.text
    last = await browser.get(f"/cases/{case_id}", page=200)
    assert "user-09999" in last.text
    assert TEXTS["case.exceptions.paged"][0].split("{")[0][:40] in last.text
    page = await previewed(browser, case_id)
    assert "9,950" in page.text


def test_every_word_is_in_both_languages() -> None:
    for key, (en, zh) in TEXTS.items():
        assert en, key
        assert key.endswith(".user") or any("\u4e00" <= letter <= "\u9fff" for letter in zh), key
