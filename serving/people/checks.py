"""Plain rules beside the model: large orders, many orders at once, many accounts on a device, bursts from one network.

They hold whether scoring answers or not. What they notice becomes a case for a person and changes nothing for the user
until that person decides; a burst of orders, or of claims from one network, is also refused for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from serving.coupons.refusals import Refuse
from serving.review.case import Flag, Reason
from serving.review.store import put
from serving.store.rows import Prepared
from serving.store.schema import coupons, orders
from serving.store.unit import Answer, Transaction, refusal

STOPS = frozenset({"orders_burst", "ip_burst"})
"""Checks that refuse for as long as they last; the others ask a person to look."""


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
    lately = _orders_lately(tx, user_id, checks)
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


def order_says(tx: Transaction, user_id: str, goods_cents: int, checks: Checks) -> str | None:
    """Which check an order of this moment would meet; the word for it, and nothing is done."""
    if _orders_lately(tx, user_id, checks) >= checks.orders_in_a_row:
        return "orders_burst"
    return "large_order" if goods_cents >= checks.large_order_cents else None


def claim_says(tx: Transaction, user_id: str, hashed: Mapping[str, str | None], checks: Checks) -> str | None:
    """Which check a claim of this moment would meet; the word for it, and nothing is done."""
    asked = _asked(tx, user_id, hashed, checks)
    enough = {"enough_claims": checks.ip_claims_per_minute, "enough_others": checks.device_accounts - 1}
    found = _BOUNDED.one(tx.connection, {**asked, **enough})
    if asked["of_ip"] is not None and found.claims >= checks.ip_claims_per_minute:
        return "ip_burst"
    crowded = asked["of_device"] is not None and found.others >= checks.device_accounts - 1
    return "device_accounts" if crowded else None


def check_claim(tx: Transaction, user_id: str, hashed: Mapping[str, str | None], checks: Checks) -> Answer | None:
    """Warn of a device with many accounts (F185); refuse a burst of claims from one network (F186)."""
    says = claim_says(tx, user_id, hashed, checks)
    if says is None:
        return None
    asked, burst = _asked(tx, user_id, hashed, checks), says == "ip_burst"
    whole = _BOUNDED.one(tx.connection, {**asked, "enough_claims": ALL, "enough_others": ALL})
    if burst:
        reason = Reason(
            "ip_burst",
            f"{whole.claims} claims from one network within a minute",
            f"同一网络一分钟内领券 {whole.claims} 次",
        )
        _notice(tx, user_id, reason, 0.5)
        return refusal(Refuse("claims_too_fast", 60, "seconds"))
    accounts = whole.others + 1
    reason = Reason("device_accounts", f"{accounts} accounts on this device", f"该设备上有 {accounts} 个账号")
    _notice(tx, user_id, reason, 0.4)
    return None


def _orders_lately(tx: Transaction, user_id: str, checks: Checks) -> int:
    since = tx.now - checks.orders_within
    return int(_ORDERS.one(tx.connection, {"of_user": user_id, "since": since}).found)


def _asked(tx: Transaction, user_id: str, hashed: Mapping[str, str | None], checks: Checks) -> dict[str, Any]:
    return {
        "of_user": user_id,
        "of_ip": hashed.get("ip"),
        "of_device": hashed.get("device"),
        "since_minute": tx.now - timedelta(minutes=1),
        "since_days": tx.now - checks.device_within,
    }


_ORDERS = Prepared(
    select(func.count().label("found"))
    .select_from(orders)
    .where(orders.c.user_id == bindparam("of_user"), orders.c.held_at > bindparam("since"))
)
_CLAIMS = (
    select(coupons.c.coupon_id)
    .where(coupons.c.ip == bindparam("of_ip"), coupons.c.claimed_at > bindparam("since_minute"))
    .limit(bindparam("enough_claims", type_=Integer()))
    .subquery()
)
_OTHERS = (
    select(coupons.c.user_id)
    .distinct()
    .where(
        coupons.c.device == bindparam("of_device"),
        coupons.c.claimed_at > bindparam("since_days"),
        coupons.c.user_id != bindparam("of_user"),
    )
    .limit(bindparam("enough_others", type_=Integer()))
    .subquery()
)
# Counts no further than they are asked to, so that a claim costs the same on a busy network as on a quiet one.
_BOUNDED = Prepared(
    select(
        select(func.count()).select_from(_CLAIMS).scalar_subquery().label("claims"),
        select(func.count()).select_from(_OTHERS).scalar_subquery().label("others"),
    )
)
ALL = 2**31 - 1


def _notice(tx: Transaction, user_id: str, reason: Reason, score: float) -> None:
    """A case in the queue; its action ``allow`` asks a person to look and changes nothing for the user."""
    flag = Flag(user_id, score, "allow", (reason,))
    put(tx, flag.subject, (flag,), f"check:{reason.code}")
