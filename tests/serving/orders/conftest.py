"""Tills on both databases, or on SQLite where the database does not matter, with one campaign."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.shop import Clock, Scoring
from fakes.till import Till

from serving.coupons.template import Campaign


@pytest.fixture
async def till(ledger_url: str, clock: Clock, scoring: Scoring) -> Any:
    made = Till(ledger_url, clock, scoring)
    made.puts(Campaign("spring", "Spring", 100_000))
    yield made
    await made.close()


@pytest.fixture
async def small_till(sqlite_url: str, clock: Clock, scoring: Scoring) -> Any:
    made = Till(sqlite_url, clock, scoring)
    made.puts(Campaign("spring", "Spring", 100_000))
    yield made
    await made.close()
