"""A real Chromium in front of a real server.

Without a Chromium these tests are skipped and say so; ``FAIRDEAL_TEST_BROWSER=required`` (CI) makes that a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.live_console import Live, People
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For one file of tests: while Playwright's own loop runs in this thread, no asynchronous test can."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("FAIRDEAL_TEST_BROWSER") == "required":
        pytest.fail("no Chromium on this machine, and FAIRDEAL_TEST_BROWSER=required")
    if found is None:
        pytest.skip("no Chromium on this machine; install one to run the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """The console of a busy shop, for this test alone."""
    made = Live(tmp_path)
    yield made
    made.close()


@pytest.fixture
def person(chromium: Browser, live: Live) -> Iterator[People]:
    """``person("rita", "reviewer")``: a page of a browser of their own, signed in; nothing may go wrong in it."""
    made = People(chromium, live)
    yield made
    made.close()
