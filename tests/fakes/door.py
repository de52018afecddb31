"""A browser before the console's door: opens pages, sends their forms, keeps cookies, follows nothing by itself."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
from fakes.shop import Shop

from serving.console.visitor import COOKIE
from serving.staff.accounts import add, password_kept
from serving.store.unit import Request

PASSWORD = "correct horse battery"


def at_the_door(shop: Shop, client: str = "10.0.0.1", **cookies: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(shop.console, raise_app_exceptions=False, client=(client, 1))
    return httpx.AsyncClient(
        transport=transport, base_url="http://console", cookies=cookies, headers={"accept-language": "en"}
    )


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found.group(1))


async def knock(
    browser: httpx.AsyncClient, name: str, password: str = PASSWORD, to: str = "/", **headers: str
) -> httpx.Response:
    """Forget the session, open the page and send the form."""
    if COOKIE in browser.cookies:
        browser.cookies.delete(COOKIE)
    page = (await browser.get("/sign-in", params={"to": to})).text
    form = {"token": field(page, "token"), "to": field(page, "to"), "name": name, "password": password}
    return await browser.post("/sign-in", data=form, headers=headers)


async def employ(shop: Shop, name: str = "rita", role: str = "reviewer", password: str | None = PASSWORD) -> None:
    """An account, with a password unless there should be none."""

    def run(command: Any) -> None:
        key = shop.store.ids("tst")
        answer = shop.store.write(Request("cli:test", key, "staff", key), command)
        assert answer.status == 200, answer.body

    run(add(name, role))
    if password is not None:
        run(password_kept(name, await shop.console.state.desk.entrance.passwords.hash(password)))
