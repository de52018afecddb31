"""The console in process: browsers without a browser, signed in with a role."""

from __future__ import annotations

import re
from typing import Any

import httpx
from fakes.shop import Shop

from serving.console.visitor import COOKIE


class Browser:
    """A person at the console; ``name`` is how the ledger knows them (``staff:<name>``)."""

    def __init__(self, client: httpx.AsyncClient, name: str, role: str) -> None:
        self.client = client
        self.name = name
        self.role = role

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, params=query or None)

    async def send(self, page: str, action: str, **values: Any) -> httpx.Response:
        """Open ``page``, take the hidden fields of its form that posts to ``action``, and send it with ``values``."""
        html = (await self.get(page)).text
        return await self.client.post(action, data={**hidden_of(html, action), **values})


def hidden_of(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form of a page that posts to ``action``."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', html, re.DOTALL)
    assert found is not None, f"no form for {action}"
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found.group(1))
    return dict(fields)


async def sign_in(shop: Shop, name: str = "rita", role: str = "reviewer", language: str = "en") -> Browser:
    """A browser with a session of its own; the account is made when there is none of that name."""
    cookie = await shop.console.state.desk.sessions.open(name, role)
    transport = httpx.ASGITransport(shop.console, raise_app_exceptions=False)
    client = httpx.AsyncClient(
        transport=transport,
        base_url="http://console",
        follow_redirects=True,
        cookies={COOKIE: cookie, "language": language},
    )
    return Browser(client, name, role)
