"""People who change the rule, on a ledger of each database."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.rules import Lab


@pytest.fixture
def lab(shop: Any) -> Lab:
    return Lab(shop.store)


@pytest.fixture
def small_lab(small_shop: Any) -> Lab:
    return Lab(small_shop.store)
