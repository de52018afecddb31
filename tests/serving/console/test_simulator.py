"""The coupon simulator: whatever is typed is priced or named, a link says it again, and nothing is ever written."""

from __future__ import annotations

import base64
import json
import math
import random
import re
import zlib
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fakes.console import Browser, sign_in
from fakes.shop import Shop, cart
from fakes.tools import rows_of, shelf

from serving.console.simulation import LONGEST_LINK, body_of, link_of
from serving.console.simulation_checks import NotReadableError

ROWS = {"sku": ["boot", "sock"], "category": ["shoes", "shoes/socks"], "quantity": ["3", "1"], "price": ["33.35", "5"]}
LINE = {"sku": "a", "category": "b", "quantity": 1, "unit_price_cents": 1}
XSS = '"><img src=x onerror=alert(1)>'


def one_line(**values: Any) -> str:
    """JSON of a cart with one line, of which something is other than it should be."""
    return json.dumps({"lines": [{**LINE, **values}]})


async def typed(browser: Browser, **values: Any) -> httpx.Response:
    form = {"user_id": "u_1", "do": "price", **values}
    page: httpx.Response = await browser.send("/simulator", "/simulator", **form)
    return page


@pytest.fixture
async def operator(small_shop: Shop) -> Browser:
    await shelf(small_shop)
    for template_id in ("flat_8", "cut_99_20"):
        await small_shop.coupon("u_1", template_id)
    return await sign_in(small_shop, "olga", "operator")


async def test_rows_are_priced_split_and_returned_without_a_write(small_shop: Shop, operator: Browser) -> None:
    far = {"kind": "threshold_cut", "minimum_cents": 29900, "face_cents": 6000}
    await small_shop.template("far", name="Spend 299", deduction=far)
    await small_shop.coupon("u_1", "far")
    before = rows_of(small_shop)
    page = await typed(operator, **ROWS)
    assert page.status_code == 200
    # 3 × 33.35 + 5.00 = 105.05; 20 off, then 8 off what is left.
    for shown in ("CN¥105.05", "CN¥77.05", "saves CN¥28.00", "CN¥193.95 more", "No combination saves more."):
        assert shown in page.text, shown
    api = await small_shop.post("checkout", "/v1/quotes", {"user_id": "u_1", "cart": body_of(_link(page))["cart"]})
    for line in api.json()["best"]["lines"]:
        assert f"CN¥{line['paid_cents'] / 100:.2f}" in page.text
        for paid in line["unit_paid_cents"]:
            assert f"CN¥{paid / 100:.2f}" in page.text
    again = await operator.get(f"/simulator?q={_link(page)}")
    back = await operator.send(f"/simulator?q={_link(page)}", "/simulator", do="price", user_id="u_1", **ROWS)
    assert _link(back) == _link(page) and "CN¥77.05" in again.text
    hidden = {**_hidden(again.text), "do": "back", "back_1": "2"}
    returned = await operator.client.post("/simulator", data=hidden)
    units = api.json()["best"]["lines"][0]["unit_paid_cents"][:2]
    assert "Would come back" in returned.text and f"CN¥{sum(units) / 100:.2f}" in returned.text
    assert body_of(_link(returned))["refund"]["lines"] == [{"line_no": 1, "units": [1, 2]}]
    wrong = await operator.client.post("/simulator", data={**hidden, "back_1": "4"})
    assert wrong.status_code == 422 and "a whole number from 0 to 3" in wrong.text and 'value="boot"' in wrong.text
    assert rows_of(small_shop) == before


@pytest.mark.parametrize(
    "paste",
    [
        "boot,shoes,3,33.35\nsock,shoes/socks,1,5",
        "sku,category,quantity,price\nboot\t,shoes,3,33.35".replace("\t", "") + "\r\n\r\nsock，shoes/socks，1，5.00",
        "boot\tshoes\t3\t33.35\nsock\tshoes/socks\t1\t5",
        json.dumps(
            {
                "user_id": "other",
                "cart": {
                    "lines": [
                        {"line_no": 1, "sku": "boot", "category": "shoes", "quantity": 3, "unit_price_cents": 3335},
                        {
                            "line_no": 2,
                            "sku": "sock",
                            "category": "shoes/socks",
                            "quantity": 1,
                            "unit_price_cents": 500,
                        },
                    ]
                },
            }
        ),
        json.dumps(
            [
                {"sku": "boot", "category": "shoes", "quantity": 3, "unit_price_cents": 3335},
                {"sku": "sock", "category": "shoes/socks", "quantity": 1, "unit_price_cents": 500},
            ]
        ),
    ],
)
async def test_every_way_of_pasting_is_the_same_cart(operator: Browser, paste: str) -> None:
    assert _link(await typed(operator, paste=paste)) == _link(await typed(operator, **ROWS))


async def test_what_rows_cannot_say_stays_pasted(operator: Browser) -> None:
    lines = [
        {"line_no": 7, "sku": "boot", "category": "shoes", "quantity": 1, "unit_price_cents": 9999, "tags": ["new"]}
    ]
    activities = [{"kind": "member", "discount_cents": 99, "line_nos": [7]}]
    page = await typed(operator, paste=json.dumps({"lines": lines, "activities": activities}), freight="8.00")
    assert page.status_code == 200
    body = body_of(_link(page))
    assert body["cart"] == {"lines": lines, "activities": activities, "freight_cents": 800}
    assert "&#34;tags&#34;" in page.text and "promotions CN¥0.99" in page.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"paste": "boot,shoes,-1,5"}, "Line 1 · <code>quantity</code>: a whole number"),
        ({"paste": "boot,shoes,1e3,5"}, "<code>quantity</code>: a whole number"),
        ({"paste": "boot,shoes,1,NaN"}, "<code>price</code>: an amount"),
        ({"paste": "boot,shoes,1,-5"}, "<code>price</code>: an amount"),
        ({"paste": "boot,shoes,1,1e3"}, "<code>price</code>: an amount"),
        ({"paste": "boot,shoes,1,5.555"}, "<code>price</code>: an amount"),
        ({"paste": "boot,shoes,0,5"}, "Line 1 · <code>quantity</code>: at least 1"),
        ({"paste": "boot,shoes,1001,5"}, "Line 1 · <code>quantity</code>: at most 1000"),
        ({"paste": "boot,shoes,1"}, "Line 1 · <code>cart</code>: four cells"),
        ({"paste": "\n".join(["a,b,1,1"] * 10_000)}, "<code>cart</code>: at most 200 of them"),
        ({"paste": "a,b,1,1\n" * 3 + ",b,1,1"}, "Line 4 · <code>sku</code>: is missing"),
        ({"paste": '{"lines": [{"sku": "a"'}, "JSON of a cart"),
        ({"paste": "[" * 5_000}, "JSON of a cart"),
        ({"paste": "{}"}, "<code>lines</code>: is missing"),
        ({"paste": '{"lines": []}'}, "at least 1 of them"),
        ({"paste": '{"lines": [5]}'}, "Line 1 · <code>line</code>: an object"),
        ({"paste": one_line(quantity=True)}, "whole number"),
        ({"paste": one_line(quantity=1.0)}, "whole number"),
        ({"paste": one_line(quantity=math.nan)}, "JSON of a cart"),
        ({"paste": one_line(unit_price_cents=1).replace(": 1}", ": " + "9" * 5000 + "}")}, "JSON"),
        ({"paste": one_line(unit_price_cents=10**13)}, "at most 10000"),
        ({"paste": one_line(sku="\ud800")}, "short text"),
        ({"paste": one_line(x=1)}, "no field of a cart"),
        ({"paste": json.dumps({"lines": [{**LINE, "line_no": 1}] * 2})}, "line_no"),
        ({"paste": "a,b,1,1", "freight": "-3"}, "<code>freight</code>: an amount"),
        ({"paste": "a,b,1,1", "points": "1.5"}, "<code>points</code>: a whole number"),
        ({"paste": "a,b,1,1", "at": "tomorrow"}, "<code>at</code>: a date and a time"),
        ({"paste": "a,b,1,1", "at": "1500-01-01T00:00"}, "<code>at</code>"),
        ({"paste": "a,b,1,1", "template": "nothing"}, "a template that takes something off"),
        ({"paste": "a,b,1,1", "user_id": ""}, "<code>user_id</code>"),
        ({"paste": ""}, "at least one line"),
        ({**ROWS, "price": ["33.35", "x"]}, "Line 2 · <code>price</code>: an amount"),
    ],
)
async def test_bad_carts_are_named_and_what_was_typed_is_kept(
    small_shop: Shop, operator: Browser, values: dict[str, Any], said: str
) -> None:
    zh = await sign_in(small_shop, "zhao", "operator", "zh")
    before = rows_of(small_shop)
    page = await typed(operator, **values)
    assert page.status_code == 422, page.text[:500]
    assert said in page.text, page.text[page.text.find("sim-wrong") :][:600]
    if 0 < len(values.get("paste", "")) < 300 and '"' not in values["paste"]:
        rows = [f'value="{cell}"' for cell in values["paste"].split(",")]
        assert values["paste"] in page.text or all(cell in page.text for cell in rows)
    assert rows_of(small_shop) == before
    assert "暂时无法试算" in (await typed(zh, **values)).text


async def test_bytes_that_are_no_text_are_refused(operator: Browser) -> None:
    form = _hidden((await operator.get("/simulator")).text)
    body = f"csrf={form['csrf']}&key={form['key']}&user_id=u&paste=%ff%fe".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await operator.client.post("/simulator", content=body, headers=headers)).status_code == 422
    assert (await operator.client.post("/simulator", content=b"paste=\xff", headers=headers)).status_code == 422
    assert (await operator.client.post("/simulator", content=b"a" * 500_000, headers=headers)).status_code == 413


@pytest.mark.parametrize(
    "link",
    [
        "zzz",
        "!",
        "a" * (LONGEST_LINK + 1),
        link_of({"user_id": "u"}),
        link_of({"user_id": "u", "cart": {"lines": []}}),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode().rstrip("="),
        base64.urlsafe_b64encode(zlib.compress(b" " * 4_000_000)).decode().rstrip("="),
        base64.urlsafe_b64encode(zlib.compress(b"\xff\xfe")).decode().rstrip("="),
        base64.urlsafe_b64encode(zlib.compress(b"[1]")).decode().rstrip("="),
        link_of({"user_id": "u", "cart": cart(500)})[:-9],
    ],
)
async def test_broken_links_show_the_form(operator: Browser, link: str) -> None:
    page = await operator.get(f"/simulator?q={link}")
    assert page.status_code == 422 and 'name="paste"' in page.text
    with pytest.raises(NotReadableError):
        body_of(link)


async def test_a_link_takes_any_moment_that_the_api_takes(operator: Browser) -> None:
    for at in ("2026-05-02T12:00:00Z", "2026-05-02T20:00:00+0800", "1777723200"):
        page = await operator.get(f"/simulator?q={link_of({'user_id': 'u_1', 'cart': cart(9900), 'at': at})}")
        assert page.status_code == 200 and 'value="2026-05-02T20:00"' in page.text, at


async def test_a_cart_too_long_for_a_link_is_priced_all_the_same(operator: Browser) -> None:
    rng = random.Random(1)
    names = ["".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(60)) for _ in range(60)]
    page = await typed(operator, paste="\n".join(f"{name},shoes,1,9.99" for name in names))
    assert page.status_code == 200 and "too long for a link" in page.text and "saves CN¥28.00" in page.text
    assert page.url.query == b""


async def test_another_moment_and_coupons_that_nobody_has(small_shop: Shop, operator: Browser) -> None:
    await small_shop.template("shut", name="Not open yet", access="closed")
    page = await typed(operator, **ROWS, template=["shut"], user_id="u_nobody", at="2026-05-03T09:30")
    assert "try:shut" in page.text and "2026-05-03 09:30" in page.text
    assert body_of(_link(page)) == {
        "user_id": "u_nobody",
        "at": "2026-05-03T09:30:00+08:00",
        "with_templates": ["shut"],
        "cart": body_of(_link(await typed(operator, **ROWS)))["cart"],
    }


async def test_more_lines_keep_what_was_typed(operator: Browser) -> None:
    page = await typed(operator, **ROWS, do="more")
    assert page.status_code == 200 and page.text.count('name="sku"') == 8 and 'value="33.35"' in page.text


async def test_names_from_outside_are_shown_as_text(small_shop: Shop, operator: Browser) -> None:
    await small_shop.template("evil", name="<script>alert(1)</script>"[:50])
    await small_shop.coupon("u_1", "evil")
    page = await typed(operator, sku=[XSS], category=[XSS], quantity=["1"], price=["500"], user_id="u_1")
    assert page.status_code == 200
    for payload in ("<script>alert", "<img src=x"):
        assert payload not in page.text
    bad = await typed(operator, paste=XSS, user_id=XSS)
    assert bad.status_code == 422 and "<img src=x" not in bad.text


async def test_roles_and_forgeries(small_shop: Shop, operator: Browser) -> None:
    for role in ("reviewer", "lead", "operator", "analyst", "admin"):
        assert (await (await sign_in(small_shop, f"p_{role}", role)).get("/simulator")).status_code == 200
    form = _hidden((await operator.get("/simulator")).text)
    forged = await operator.client.post("/simulator", data={**form, "csrf": "x", "user_id": "u", "paste": "a,b,1,1"})
    assert forged.status_code == 403
    elsewhere = await operator.client.post("/simulator", data=form, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    operator.client.cookies.clear()
    assert "/sign-in" in str((await operator.get("/simulator")).url)


async def test_a_silent_coupons_service_is_said(
    small_shop: Shop, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ConnectError("down")

    monkeypatch.setattr(small_shop.console.state.desk.coupons, "post", down)
    page = await operator.get(f"/simulator?q={link_of({'user_id': 'u_1', 'cart': cart(500)})}")
    assert page.status_code == 200 and "did not answer" in page.text and 'value="sku1"' in page.text


def _link(page: httpx.Response) -> str:
    return parse_qs(urlsplit(str(page.url)).query)["q"][0]


def _hidden(html: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', html)}
