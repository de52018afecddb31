"""Coupons that went all the way, for tests of figures."""

from __future__ import annotations

from fakes.shop import Shop, cart


async def redeemed(shop: Shop, user: str, order: str) -> None:
    """An order of 50 yuan with one fresh coupon, held and paid."""
    coupon = await shop.coupon(user)
    held = await shop.post(
        "checkout", "/v1/holds", {"user_id": user, "order_id": order, "coupon_ids": [coupon], "cart": cart(5000)}
    )
    assert held.status_code == 201, held.text
    paid = await shop.post("checkout", "/v1/redemptions", {"user_id": user, "hold_id": held.json()["hold_id"]})
    assert paid.status_code in (200, 201), paid.text
