"""Plain rules beside the model: large orders, many orders at once, many accounts on a device, bursts from one network.

They hold whether scoring answers or not. What they notice becomes a case for a person and changes nothing for the user
until that person decides; a burst of orders, or of claims from one network, is also refused for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import distinct, func, select

from serving.coupons.refusals import Refuse
from serving.review.case import Flag, Reason
from serving.review.store import put
from serving.store.schema import coupons, orders
from serving.store.unit import Answer, Transaction, refusal


@dataclass(frozen=True, slots=True)
class Checks:
    """Limits of the plain rules (F183–F186)."""

    large_order_cents: int = 500_000
    orders_in_a_row: int = 5
    orders_within: timedelta = timedelta(minutes=10)
    device_accounts: int = 3
    device_within: timedelta = timedelta(days=7)
    ip_claims_per_minute: int = 50


def check_order(tx: Transaction, user_id: str, goods_cents: int, checks: Checks) -> Answer | None:
    """Put a large order before a person (F183); refuse the order after too many in a short time (F184)."""
    since = tx.now - checks.orders_within
    lately = tx.connection.execute(
        select(func.count()).select_from(orders).where(orders.c.user_id == user_id, orders.c.held_at > since)
    ).scalar_one()
    if lately >= checks.orders_in_a_row:
        minutes = int(checks.orders_within.total_seconds() // 60)
        reason = Reason(
            "orders_burst",
            f"{lately + 1} orders within {minutes} minutes",
            f"{minutes} 分钟内下单 {lately + 1} 次",
        )
        _notice(tx, user_id, reason, 0.6)
        return refusal(Refuse("orders_too_fast", int(checks.orders_within.total_seconds()), "seconds"))
    if goods_cents >= checks.large_order_cents:
        amount = f"{goods_cents // 100}.{goods_cents % 100:02d}"
        _notice(tx, user_id, Reason("large_order", f"an order of {amount}", f"大额订单 {amount} 元"), 0.3)
    return None


def check_claim(tx: Transaction, user_id: str, hashed: Mapping[str, str | None], checks: Checks) -> Answer | None:
    """Warn of a device with many accounts (F185); refuse a burst of claims from one network (F186)."""
    ip, device = hashed.get("ip"), hashed.get("device")
    if ip is not None:
        lately = tx.connection.execute(
            select(func.count())
            .select_from(coupons)
            .where(coupons.c.ip == ip, coupons.c.claimed_at > tx.now - timedelta(minutes=1))
        ).scalar_one()
        if lately >= checks.ip_claims_per_minute:
            reason = Reason(
                "ip_burst",
                f"{lately} claims from one network within a minute",
                f"同一网络一分钟内领券 {lately} 次",
            )
            _notice(tx, user_id, reason, 0.5)
            return refusal(Refuse("claims_too_fast", 60, "seconds"))
    if device is not None:
        others = tx.connection.execute(
            select(func.count(distinct(coupons.c.user_id))).where(
                coupons.c.device == device,
                coupons.c.claimed_at > tx.now - checks.device_within,
                coupons.c.user_id != user_id,
            )
        ).scalar_one()
        if others + 1 >= checks.device_accounts:
            reason = Reason(
                "device_accounts", f"{others + 1} accounts on this device", f"该设备上有 {others + 1} 个账号"
            )
            _notice(tx, user_id, reason, 0.4)
    return None


def _notice(tx: Transaction, user_id: str, reason: Reason, score: float) -> None:
    """A case in the queue; its action ``allow`` asks a person to look and changes nothing for the user."""
    flag = Flag(user_id, score, "allow", (reason,))
    put(tx, flag.subject, (flag,), f"check:{reason.code}")
