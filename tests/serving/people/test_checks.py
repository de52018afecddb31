"""Plain rules beside the model: large orders, bursts of orders, shared devices, bursts from one network."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.cases import open_cases
from fakes.shop import cart

from serving.review.flags import standings_of
from serving.store.verify import verify_ledger


async def reasons(shop: Any) -> list[str]:
    cases = await shop.store.fetch(open_cases)
    return sorted(reason.code for case in cases for flag in case.flags for reason in flag.reasons)


async def hold(shop: Any, user_id: str, order_id: str, price: int) -> Any:
    body = {"user_id": user_id, "coupon_ids": [await shop.coupon(user_id)], "order_id": order_id, "cart": cart(price)}
    return await shop.post("checkout", "/v1/holds", body)


@pytest.mark.requirement("F183")
async def test_an_order_from_5000_goes_to_the_review_queue_and_is_not_refused(small_shop: Any) -> None:
    await small_shop.template()
    assert (await hold(small_shop, "u1", "o1", 499_999)).status_code == 201
    assert await reasons(small_shop) == []
    assert (await hold(small_shop, "u1", "o2", 500_000)).status_code == 201
    assert await reasons(small_shop) == ["large_order"]


@pytest.mark.requirement("F184")
async def test_the_sixth_order_within_ten_minutes_is_stopped_for_a_moment(small_shop: Any) -> None:
    await small_shop.template()
    for n in range(5):
        assert (await hold(small_shop, "u1", f"o{n}", 5000)).status_code == 201
    refused = await hold(small_shop, "u1", "o6", 5000)
    assert refused.status_code == 429
    assert refused.json()["code"] == "orders_too_fast"
    assert await reasons(small_shop) == ["orders_burst"]
    small_shop.clock.forward(minutes=10, seconds=1)
    assert (await hold(small_shop, "u1", "o7", 5000)).status_code == 201


@pytest.mark.requirement("F185")
async def test_the_third_account_on_a_device_is_a_warning(small_shop: Any) -> None:
    await small_shop.template()
    for n in range(2):
        assert (await small_shop.claim(f"u{n}", device_id="d1")).status_code == 201
    assert await reasons(small_shop) == []
    assert (await small_shop.claim("u2", device_id="d1")).status_code == 201
    assert await reasons(small_shop) == ["device_accounts"]


@pytest.mark.requirement("F186")
async def test_more_than_fifty_claims_a_minute_from_one_network_are_stopped(small_shop: Any) -> None:
    await small_shop.template()
    for n in range(50):
        assert (await small_shop.claim(f"u{n}", ip="203.0.113.7")).status_code == 201
    refused = await small_shop.claim("late", ip="203.0.113.7")
    assert (refused.status_code, refused.json()["code"]) == (429, "claims_too_fast")
    assert (await small_shop.claim("late", ip="203.0.113.8")).status_code == 201
    small_shop.clock.forward(minutes=1, seconds=1)
    assert (await small_shop.claim("late", ip="203.0.113.7")).status_code == 201


async def test_a_case_that_only_asks_to_look_clears_nobody(small_shop: Any) -> None:
    """Scoring takes an "allow" on file for a person's word: a mere notice must not be one."""
    await small_shop.template()
    for n in range(4):
        assert (await small_shop.claim(f"u{n}", device_id="d1")).status_code == 201
    assert await reasons(small_shop) == ["device_accounts", "device_accounts"]
    standings = await small_shop.store.fetch(lambda connection: standings_of(connection, ["u2", "u3"]))
    assert standings == {}
    assert verify_ledger(small_shop.settings.ledger_url).exact
