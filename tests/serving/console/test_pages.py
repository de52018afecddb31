"""The review page: behind a key, safe against what users wrote, in two languages, deciding by form only."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fakes.shop import Clock

from serving.console.session import COOKIE, Sessions
from serving.console.texts import _TEXTS, Texts
from serving.review.case import ACTIONS, Flag, Reason
from serving.review.flags import standing_of
from serving.review.push import put_flags

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "'; alert(1); '",
    "{{7*7}}",
    "</textarea><svg onload=alert(1)>",
]


@pytest.fixture
async def page(small_shop: Any) -> Any:
    transport = httpx.ASGITransport(small_shop.console, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", follow_redirects=True) as client:
        client.shop = small_shop  # type: ignore[attr-defined]
        yield client


async def sign_in(page: Any) -> httpx.Response:
    answer: httpx.Response = await page.post("/sign-in", data={"key": page.shop.keys["reviewer"]})
    assert answer.status_code == 200
    return answer


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', html)
    assert found is not None
    return found.group(1)


async def test_nobody_sees_cases_without_a_reviewers_key(page: Any) -> None:
    put_flags(page.shop.store, [Flag("secret-user", 0.9, "hold")])
    assert "secret-user" not in (await page.get("/")).text
    for key in ("", "fd_guess", page.shop.keys["checkout"]):
        answer = await page.post("/sign-in", data={"key": key})
        assert answer.status_code == 403
        assert "secret-user" not in (await page.get("/")).text
    assert "secret-user" in (await sign_in(page)).text
    assert (await page.get("/nothing")).status_code == 404


async def test_a_link_with_the_key_signs_in_and_leaves_no_key_in_the_address(page: Any) -> None:
    answer = await page.get("/sign-in", params={"key": page.shop.keys["reviewer"]})
    assert answer.status_code == 200
    assert str(answer.url) == "http://console/"


async def test_tiles_show_the_ledger(page: Any) -> None:
    shop = page.shop
    await shop.template()
    from fakes.shop import cart

    body = {"user_id": "u1", "coupon_ids": [await shop.coupon("u1")], "order_id": "o", "cart": cart(5000)}
    await shop.post("checkout", "/v1/redemptions", body)
    await shop.coupon("u2")
    html = (await sign_in(page)).text
    tiles = re.findall(r"<span>([^<]+)</span><b>([\d,.]+)", html)
    assert dict(tiles) == {
        "Decisions": "0",
        "Coupons issued": "2",
        "Coupons used": "1",
        "Discount given": "8.00",
        "Open cases": "0",
    }
    assert "0.8 % of budget (1,000.00)" in html


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_users_wrote_is_shown_and_never_run(page: Any, payload: str) -> None:
    flag = Flag(payload, 0.9, "hold", (Reason("x", payload, payload),), payload)
    put_flags(page.shop.store, [flag])
    answer = await sign_in(page)
    assert "<script" not in answer.text
    assert "<svg" not in answer.text
    assert "<img" not in answer.text
    assert "49" not in re.sub(r"[0-9a-f]{32,}", "", answer.text) or "{{7*7}}" in answer.text
    assert not re.search(r"<[^>]*\son\w+=", answer.text)


async def test_nothing_may_run_load_or_frame_the_page(page: Any) -> None:
    for path in ("/", "/sign-in", "/style.css", "/nothing"):
        headers = (await page.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    cookie = (await page.post("/sign-in", data={"key": page.shop.keys["reviewer"]}, follow_redirects=False)).headers
    assert "HttpOnly" in cookie["set-cookie"]
    assert "SameSite=strict" in cookie["set-cookie"]


async def test_a_case_is_decided_by_our_own_form_only(page: Any) -> None:
    store = page.shop.store
    put_flags(store, [Flag("u1", 0.9, "withhold")])
    html = (await sign_in(page)).text
    action = re.search(r'action="(/cases/[^"]+)"', html)
    assert action is not None
    form = {"csrf": hidden(html, "csrf"), "key": hidden(html, "key"), "verdict": "abusive", "action": "freeze"}

    def stands() -> str | None:
        return store.read(lambda connection: standing_of(connection, "u1"))

    for broken in ({**form, "csrf": "0" * 64}, {**form, "csrf": ""}):
        assert (await page.post(action.group(1), data=broken)).status_code == 403
    for broken in ({**form, "verdict": "guilty"}, {**form, "action": "shout"}, {**form, "key": "k"}):
        assert (await page.post(action.group(1), data=broken)).status_code == 422
    assert (await page.get(action.group(1))).status_code == 405
    assert stands() == "withhold"
    answer = await page.post(action.group(1), data=form)
    assert "Saved." in answer.text
    assert stands() == "freeze"
    assert "Abusive" in answer.text
    other = {**form, "key": "f" * 32}
    assert "decided meanwhile" in (await page.post(action.group(1), data=other)).text


async def test_the_page_reads_in_chinese_too(page: Any) -> None:
    put_flags(page.shop.store, [Flag("u1", 0.9, "hold", (Reason("x", "five others", "五个其他账号"),))])
    english = (await sign_in(page)).text
    assert 'lang="en"' in english
    assert "five others" in english
    chinese = (await page.get("/language", params={"to": "zh"})).text
    assert 'lang="zh"' in chinese
    assert "五个其他账号" in chinese
    assert "待审核案件" in chinese
    assert "Open cases" not in chinese


def test_every_word_is_there_in_both_languages() -> None:
    for key, (en, zh) in _TEXTS.items():
        assert en, key
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh), key
    assert all(Texts("zh")(f"action_{action}") for action in ACTIONS)


async def test_signing_out_ends_the_session_in_this_browser(page: Any) -> None:
    html = (await sign_in(page)).text
    answer = await page.post("/sign-out", data={"csrf": hidden(html, "csrf")})
    assert str(answer.url) == "http://console/sign-in"


def test_a_session_cannot_be_forged_and_ends(clock: Clock) -> None:
    sessions = Sessions(clock)
    cookie = sessions.open("rita")
    assert sessions.principal(cookie) == "rita"
    assert sessions.principal(cookie.replace("rita", "root")) is None
    assert sessions.principal(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")) is None
    for forged in (None, "", ".", "rita", "rita.1.2.3", "ü.9.9.9"):
        assert sessions.principal(forged) is None
    assert Sessions(clock).principal(cookie) is None, "another process has another key"
    clock.forward(hours=8)
    assert sessions.principal(cookie) is None
    assert COOKIE == "fairdeal_console"


@pytest.mark.parametrize("content", [b"\xff=1", b"csrf=%ff", b"&".join(b"a=1" for _ in range(50)), b"x" * 30_000])
async def test_a_form_that_is_none_is_refused(page: Any, content: bytes) -> None:
    await sign_in(page)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await page.post("/cases/x", content=content, headers=headers)
    assert answer.status_code in (403, 413, 422)
