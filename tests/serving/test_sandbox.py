"""Test keys: everything works, nothing reaches the live ledger, and time moves when it is told to."""

from __future__ import annotations

from typing import Any

from fakes.shop import cart

from serving.store.verify import verify_ledger


async def clock(shop: Any, **body: Any) -> Any:
    return await shop.post("test_issuance", "/v1/test_clock", body)


async def states(shop: Any, role: str, user_id: str) -> list[str]:
    wallet = (await shop.get(role, f"/v1/users/{user_id}/wallet")).json()
    return [coupon["state"] for coupon in wallet["data"]]


async def claim(shop: Any, user_id: str, template_id: str = "flat_8") -> Any:
    return await shop.post("test_issuance", "/v1/claims", {"user_id": user_id, "template_id": template_id})


async def test_a_test_key_claims_and_redeems_and_the_live_ledger_knows_nothing_of_it(small_shop: Any) -> None:
    shop = small_shop
    await shop.template(quantity=1)
    made = (await claim(shop, "u1")).json()
    body = {"user_id": "u1", "coupon_ids": [made["coupon_id"]], "order_id": "o1", "cart": cart(5000)}
    paid = await shop.post("test_checkout", "/v1/redemptions", body)
    assert paid.status_code == 201, paid.text
    assert paid.headers["Fairdeal-Mode"] == "test"
    assert await states(shop, "test_issuance", "u1") == ["used"]
    assert await states(shop, "issuance", "u1") == []
    live = await shop.claim("u1")
    assert live.status_code == 201  # the one live coupon is still there
    assert "Fairdeal-Mode" not in live.headers
    assert verify_ledger(shop.settings.ledger_url).rows["coupons"] == 1
    assert verify_ledger(shop.settings.sandbox_url).exact


async def test_test_keys_see_what_is_staged_and_what_changes_later(small_shop: Any) -> None:
    shop = small_shop
    await shop.template("staged", access="closed")
    assert (await shop.claim("u1", "staged")).json()["code"] == "template_closed"
    assert (await claim(shop, "u1", "staged")).status_code == 201
    await shop.template("later", access="closed", per_user=1)
    assert (await claim(shop, "u1", "later")).status_code == 201
    assert (await claim(shop, "u1", "later")).json()["code"] == "user_limit_total"


async def test_the_test_clock_runs_out_holds_expires_coupons_and_begins_new_days(small_shop: Any) -> None:
    shop = small_shop
    await shop.template(per_user_day=1, validity={"kind": "days", "days": 2})
    assert (await clock(shop, now="2027-11-10T12:00:00+08:00")).json() == {
        "frozen": True,
        "now": "2027-11-10T04:00:00Z",
    }
    coupon = (await claim(shop, "u1")).json()["coupon_id"]
    assert (await claim(shop, "u1")).json()["code"] == "user_limit_day"
    body = {"user_id": "u1", "coupon_ids": [coupon], "order_id": "o1", "cart": cart(5000)}
    held = (await shop.post("test_checkout", "/v1/holds", body)).json()
    assert held["deadline"] == "2027-11-10T04:30:00Z"
    await clock(shop, advance_seconds=86_400)
    assert await states(shop, "test_issuance", "u1") == ["unused"]
    assert (await claim(shop, "u1")).status_code == 201
    await clock(shop, advance_seconds=86_400)
    assert await states(shop, "test_issuance", "u1") == ["expired", "unused"]
    assert (await clock(shop, now="2027-11-10T12:00:00+08:00")).json()["code"] == "clock_backwards"
    assert verify_ledger(shop.settings.sandbox_url).exact


async def test_the_clock_belongs_to_test_keys(small_shop: Any) -> None:
    answer = await small_shop.post("operator", "/v1/test_clock", {"advance_seconds": 60})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await small_shop.get("issuance", "/v1/test_clock")).status_code == 403
    assert (await small_shop.get("test_checkout", "/v1/test_clock")).json()["frozen"] is False
