"""The document against the app: every success is visited, has no field that is not documented, and names its scope."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fakes.tour import Tour, grand_tour, successes, undocumented

from pipelines.cli.openapi import documents
from serving.openapi.compare import compare
from serving.openapi.describe import operations
from serving.openapi.scopes import scopes_of


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return documents()


async def test_every_operation_answers_as_documented_and_only_to_the_scope_it_names(small_shop: Any) -> None:
    tour = Tour(small_shop)
    await grand_tour(tour)
    missing = successes(tour.document) - tour.seen
    assert not missing


def test_no_success_of_the_coupons_app_is_untyped(made: Any) -> None:
    assert undocumented(made["coupons"]) == []
