"""A shelf on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes.shelf import Hand
from fakes.shop import Clock, seeded_ids

from serving.store.unit import Store


@pytest.fixture
def hand(ledger_url: str, clock: Clock) -> Iterator[Hand]:
    store = Store(ledger_url, clock, seeded_ids(clock))
    yield Hand(store)
    store.close()


@pytest.fixture
def small_hand(sqlite_url: str, clock: Clock) -> Iterator[Hand]:
    store = Store(sqlite_url, clock, seeded_ids(clock))
    yield Hand(store)
    store.close()
