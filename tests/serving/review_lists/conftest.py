"""A shop whose lists are written as the console writes them."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.lists import Lists


@pytest.fixture
def lists(shop: Any) -> Lists:
    return Lists(shop)


@pytest.fixture
def small_lists(small_shop: Any) -> Lists:
    return Lists(small_shop)
