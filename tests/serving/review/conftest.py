"""A ledger with a ring of three in the queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes.shop import Clock, seeded_ids

from serving.store.unit import Store


@pytest.fixture
def store(ledger_url: str, clock: Clock) -> Iterator[Any]:
    opened = Store(ledger_url, clock, seeded_ids(clock))
    yield opened
    opened.close()
