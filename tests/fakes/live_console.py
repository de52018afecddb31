"""The console over HTTP on a port, in a thread of its own, and people with browsers in front of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from fakes import busy_shop
from fakes.shop import Clock, Scoring, Shop
from playwright.sync_api import Browser, Page

from serving.console.visitor import COOKIE

T = TypeVar("T")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Live:
    """A shop whose console listens on a port; everything of the shop runs on one loop in one thread."""

    def __init__(self, home: Path, fill: Callable[[Shop], Coroutine[Any, Any, None]] | None = busy_shop.fill) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="live-console", daemon=True)
        self._thread.start()
        self.clock = Clock()
        self.shop: Shop = self.call(self._open(home, fill))
        config = uvicorn.Config(
            self.shop.console, host="127.0.0.1", port=0, log_level="warning", access_log=False, lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve(), self._loop)
        self.call(self._ready())
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something of the shop on its loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    async def _open(self, home: Path, fill: Callable[[Shop], Coroutine[Any, Any, None]] | None) -> Shop:
        shop = Shop(home, f"sqlite:///{home / 'ledger.db'}", self.clock, Scoring())
        await shop.campaign(budget_cents=10_000_000)
        if fill is not None:
            await fill(shop)
        return shop

    async def _ready(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)

    def cookie(self, name: str, role: str) -> str:
        """A session of somebody, made when there is no such account."""
        return self.call(self.shop.console.state.desk.sessions.open(name, role))

    def close(self) -> None:
        self._server.should_exit = True
        self._serving.result(30)
        self.call(self.shop.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


class People:
    """Makes people, each a page of a browser of their own; ``faults`` are what scripts complained of."""

    def __init__(self, chromium: Browser, live: Live) -> None:
        self._chromium = chromium
        self._live = live
        self._open = ExitStack()
        self.faults: list[str] = []

    def __call__(
        self, name: str, role: str | None, language: str = "en", theme: str = "light", size: Any = DESKTOP
    ) -> Page:
        """A person who is signed in with ``role``, or not at all."""
        context = self._chromium.new_context(
            base_url=self._live.url,
            viewport=size,
            locale="zh-CN" if language == "zh" else "en-GB",
            color_scheme="light",
        )
        self._open.callback(context.close)
        chosen = {"language": language, "theme": theme}
        if role is not None:
            chosen[COOKIE] = self._live.cookie(name, role)
        context.add_cookies([{"name": key, "value": value, "url": self._live.url} for key, value in chosen.items()])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.faults.append(f"{name} at {page.url}: {error}"))
        page.on("console", lambda said: self._said(name, page, said))
        return page

    def _said(self, name: str, page: Page, said: Any) -> None:
        # A refused form is a 4xx answer, which Chromium reports too; that is what tests look at themselves.
        if said.type == "error" and "the server responded with a status of 4" not in said.text:
            self.faults.append(f"{name} at {page.url}: {said.text}")

    def close(self) -> None:
        self._open.close()
        assert not self.faults, "\n".join(self.faults)
