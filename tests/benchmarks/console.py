"""What the desk costs with a queue of 10,000 cases and a ring of 10,000 members, beside one a hundredth as large.

    fairdeal bench console --json

Both ledgers are asked in turn within one run, through the whole app (session, role, ledger, template) without a
network; ``_ratio`` is the large one's median over the small one's. ``content`` is what a reviewer waits for: from the
click until the page is there with its keys, in Chromium, where one is installed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.console import Browser, hidden_of, sign_in
from fakes.many_cases import fill
from fakes.shop import Clock, Scoring, Shop
from sqlalchemy import select

from serving.console.visitor import COOKIE
from serving.store.schema import cases

FEW, MANY = 100, 10_000
WARM_UP, ROUNDS = 3, 25
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-quic", "--disable-dev-shm-usage")  # fmt: skip


class Desk:
    """A shop with so many cases and a ring as large, and a reviewer who is signed in."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir()
        self.shop = Shop(folder, f"sqlite:///{folder / 'ledger.db'}", Clock(), Scoring())
        fill(self.shop.store, size, size)
        largest = select(cases.c.case_id).order_by(cases.c.members.desc()).limit(1)
        usual = select(cases.c.case_id).where(cases.c.members == 5).order_by(cases.c.case_id)
        self.ring = str(self.shop.store.read(lambda connection: connection.execute(largest).scalar_one()))
        found = self.shop.store.read(lambda connection: connection.execute(usual).scalars().all())
        self.usual = [str(case_id) for case_id in found]
        self.reviewer: Browser
        self._turn = 0

    async def open(self) -> None:
        self.reviewer = await sign_in(self.shop, "rita", "lead")

    async def queue(self) -> None:
        await self._get("/cases")

    async def filtered(self) -> None:
        await self._get("/cases?q=u00001&least_score=0.2")

    async def case(self) -> None:
        await self._get(f"/cases/{self.usual[0]}")

    async def ring_page(self) -> None:
        await self._get(f"/cases/{self.ring}")

    async def decision(self) -> None:
        """Open a case, take it, judge it by way of the preview and see the page after: five pages."""
        self._turn += 1
        path = f"/cases/{self.usual[self._turn]}"
        html = (await self.reviewer.send(path, f"{path}/claim")).text
        fields = {"action": "withhold", "other": "", "reason_code": "resale", "note": ""}
        typed = hidden_of(html, f"{path}/preview") | fields
        html = (await self.reviewer.client.post(f"{path}/preview", data=typed)).text
        answer = await self.reviewer.client.post(f"{path}/judge", data=hidden_of(html, f"{path}/judge"))
        if answer.status_code != 200:
            raise RuntimeError(f"judge: {answer.status_code}")

    async def _get(self, path: str) -> None:
        answer = await self.reviewer.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")

    async def close(self) -> None:
        await self.reviewer.client.aclose()
        await self.shop.close()


STEPS = ("queue", "filtered", "case", "ring_page", "decision")


async def measure(folder: Path) -> dict[str, float]:
    """Milliseconds per step on both ledgers, their ratio, and seconds that filling took."""
    desks = {size: Desk(folder / str(size), size) for size in (FEW, MANY)}
    taken: dict[tuple[str, int], list[float]] = {(step, size): [] for step in STEPS for size in desks}
    for desk in desks.values():
        await desk.open()
    rounds = min(ROUNDS, len(desks[FEW].usual) - WARM_UP - 1)
    for turn in range(WARM_UP + rounds):
        for step in STEPS:
            for size in sorted(desks, reverse=bool(turn % 2)):
                ask: Callable[[], Awaitable[None]] = getattr(desks[size], step)
                started = time.perf_counter()
                await ask()
                if turn >= WARM_UP:
                    taken[step, size].append(1000 * (time.perf_counter() - started))
    figures: dict[str, float] = {}
    for step in STEPS:
        for size in desks:
            for name, quantile in (("p50", 50), ("p95", 95)):
                figures[f"{step}_{name}_ms_{size}"] = float(np.percentile(taken[step, size], quantile))
        figures[f"{step}_ratio"] = figures[f"{step}_p50_ms_{MANY}"] / figures[f"{step}_p50_ms_{FEW}"]
    figures |= await asyncio.to_thread(content, desks[MANY])
    for desk in desks.values():
        await desk.close()
    return figures


def content(desk: Desk) -> dict[str, float]:
    """Milliseconds from a click until all content is in the page and its keys work, in Chromium on a loopback port."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        return {}
    from playwright.sync_api import sync_playwright

    server = uvicorn.Server(uvicorn.Config(desk.shop.console, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    figures: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        context = browser.new_context(base_url=url)
        context.add_cookies([{"name": COOKIE, "value": desk.reviewer.client.cookies[COOKIE], "url": url}])
        page = context.new_page()
        for name, path in (("queue", "/cases"), ("ring_page", f"/cases/{desk.ring}")):
            shown = [_content(page, path) for _ in range(7)]
            figures[f"{name}_content_p50_ms_{MANY}"] = float(np.percentile(shown[2:], 50))
        browser.close()
    server.should_exit = True
    thread.join(10)
    return figures


def _content(page: Any, path: str) -> float:
    page.goto(path, wait_until="load")
    # Not the paint event: a headless browser reports it for some loads only.
    return float(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    print(json.dumps(run(), indent=2, sort_keys=True))
