"""A shop with a day of abuse and of honest look-alikes in its ledger, made through the API: what a reviewer would meet.

Ring ``farm`` (four new accounts, one device, eleven minutes, one newcomer coupon), ring ``resale`` (six accounts, one
address, coupons used), one account behind a campus gateway that 20 older accounts share, and some lone accounts.
"""

from __future__ import annotations

from typing import Any

from fakes.shop import Shop, cart

from serving.review.case import Flag, Reason
from serving.review.push import put_flags

FARM = tuple(f"farm{n}" for n in range(1, 5))
RESALE = tuple(f"resale{n}" for n in range(1, 7))
STUDENTS = tuple(f"student{n}" for n in range(1, 21))
LONE = tuple(f"lone{n}" for n in range(1, 6))

_SAME_DEVICE = Reason("device_accounts", "4 accounts on one device within 11 minutes", "11 分钟内同一设备 4 个账号")
_SAME_DOOR = Reason("address_accounts", "6 accounts order to one address", "6 个账号使用同一收货地址")
_NETWORK = Reason("ip_accounts", "21 accounts on one network within a day", "一天内同一网络 21 个账号")
_BURST = Reason("orders_burst", "6 orders within 10 minutes", "10 分钟内下单 6 次")


async def fill(shop: Shop) -> None:
    """Two hours of the shop; the clock stands at their end."""
    await shop.template("welcome", deduction={"kind": "no_threshold", "face_cents": 1500}, per_user=1)
    await shop.template("cut", deduction={"kind": "threshold_cut", "minimum_cents": 9900, "face_cents": 2000})
    for n, user_id in enumerate(STUDENTS):
        await _profile(shop, user_id, registered_at="2025-09-01T00:00:00Z", orders=3 + n % 4)
        await shop.claim(user_id, "cut", ip="203.0.113.7", device_id=f"phone-{n}", address=f"Campus Road {n}")
        shop.clock.forward(minutes=2)
    for user_id in FARM:
        await _profile(shop, user_id, registered_at=shop.clock.now.isoformat() + "Z", orders=0)
        await shop.claim(user_id, "welcome", device_id="emulator-1", ip="198.51.100.9", address=f"Lane {user_id}")
        shop.clock.forward(minutes=3, seconds=40)
    for n, user_id in enumerate(RESALE):
        await _profile(shop, user_id, registered_at=shop.clock.now.isoformat() + "Z", orders=0)
        coupon = await shop.claim(user_id, "cut", device_id=f"resale-{n}", address="Depot 9, Dock Street")
        if n < 4:
            await _buy(shop, user_id, coupon.json()["coupon_id"], f"order-{user_id}")
        shop.clock.forward(minutes=5)
    await shop.claim("newcomer", "cut", ip="203.0.113.7", device_id="phone-new", address="Campus Road 99")
    for user_id in LONE:
        await shop.claim(user_id, "cut", device_id=f"own-{user_id}")
        shop.clock.forward(minutes=1)
    put_flags(shop.store, [Flag(user_id, 0.94, "withhold", (_SAME_DEVICE,), "farm") for user_id in FARM])
    put_flags(shop.store, [Flag(user_id, 0.81, "hold", (_SAME_DOOR,), "resale") for user_id in RESALE])
    put_flags(shop.store, [Flag("newcomer", 0.45, "hold", (_NETWORK,))])
    for n, user_id in enumerate(LONE):
        put_flags(shop.store, [Flag(user_id, 0.3 + n / 20, "hold", (_BURST,))])


async def _profile(shop: Shop, user_id: str, **values: Any) -> None:
    answer = await shop.post("issuance", "/v1/users", {"user_id": user_id, **values})
    assert answer.is_success, answer.text


async def _buy(shop: Shop, user_id: str, coupon_id: str, order_id: str) -> None:
    body = {"user_id": user_id, "coupon_ids": [coupon_id], "order_id": order_id, "cart": cart(12_900)}
    answer = await shop.post("checkout", "/v1/redemptions", body)
    assert answer.is_success, answer.text
