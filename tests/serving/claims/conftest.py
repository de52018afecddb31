"""Issuing desks on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes.desk import Desk
from fakes.shop import Clock, Scoring


@pytest.fixture
async def desk(tmp_path: Path, ledger_url: str, clock: Clock, scoring: Scoring) -> Any:
    """An issuing desk, on each database in turn."""
    made = Desk(tmp_path, ledger_url, clock, scoring)
    yield made
    await made.close()


@pytest.fixture
async def small_desk(tmp_path: Path, sqlite_url: str, clock: Clock, scoring: Scoring) -> Any:
    """An issuing desk on SQLite, where the database does not matter."""
    made = Desk(tmp_path, sqlite_url, clock, scoring)
    yield made
    await made.close()
