"""Every page, as everybody may meet it: both themes, both languages, a desk and a phone; axe finds nothing serious.

With ``FAIRDEAL_SCREENSHOTS=DIR`` the pages are photographed there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fakes.live_console import DESKTOP, PHONE, Live, People
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from serving.store.schema import cases

PAGES = {
    "sign_in": (None, "/sign-in"),
    "queue": ("lead", "/cases"),
    "case": ("lead", "/cases/{farm}"),
    "case_mine": ("reviewer", "/cases/{resale}"),
    "approvals": ("lead", "/approvals"),
    "appeals": ("lead", "/appeals"),
    "lists": ("lead", "/lists"),
    "feedback": ("lead", "/feedback"),
    "lab": ("lead", "/lab"),
    "thresholds": ("analyst", "/thresholds"),
    "overview": ("operator", "/overview"),
    "cross": ("operator", "/cross"),
    "models": ("analyst", "/models"),
    "drift": ("analyst", "/drift"),
    "simulator": ("operator", "/simulator"),
    "why": ("operator", "/why"),
    "budget": ("operator", "/budget"),
    "audit": ("admin", "/audit"),
    "staff": ("admin", "/staff"),
    "account": ("reviewer", "/account"),
    "missing": ("reviewer", "/nothing-here"),
}
SHOTS = os.environ.get("FAIRDEAL_SCREENSHOTS")
# What differs is looked at in two rounds; for pictures there are all four.
LOOKS = {
    "light": ("en", "light", DESKTOP),
    "chinese": ("zh", "dark", PHONE),
    **({"dark": ("en", "dark", DESKTOP), "phone": ("en", "light", PHONE)} if SHOTS else {}),
}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[tuple[Live, People]]:
    """One busy shop for all pages: they are only looked at."""
    live = Live(tmp_path_factory.mktemp("house"))
    people = People(chromium, live)
    yield live, people
    people.close()
    live.close()


@pytest.fixture(scope="module")
def case_ids(house: tuple[Live, People]) -> dict[str, str]:
    query = select(cases.c.subject, cases.c.case_id)
    rows = house[0].shop.store.read(lambda connection: connection.execute(query).all())
    return {row.subject.split(":", 1)[1]: row.case_id for row in rows}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_in_every_look(house: tuple[Live, People], case_ids: dict[str, str], name: str, look: str) -> None:
    role, path = PAGES[name]
    language, theme, size = LOOKS[look]
    page = house[1](f"{role or 'nobody'}-{look}", role, language, theme, size)
    try:
        answer = page.goto(path.format(**case_ids))
        assert answer is not None
        assert answer.status == (404 if name == "missing" else 200)
        _photograph(page, f"{name}-{look}")
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == ("zh-Hans" if language == "zh" else "en")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page is {wide} px wider than the screen"
        assert _serious(page) == []
    finally:
        page.context.close()


def _serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['html'][:160]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"][:5]
    ]


def _photograph(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
