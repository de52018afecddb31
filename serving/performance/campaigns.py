"""What teams are measured by, for each campaign of a period (F193): use rate, conversion, sales to new buyers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from serving.performance.earnings import Earned
from serving.performance.period import Period
from serving.performance.receipts import chosen, redeemed
from serving.store.schema import coupons, decisions, order_coupons, orders

First = Mapping[str, tuple[datetime, str]]


@dataclass(frozen=True, slots=True)
class Kpis:
    """One campaign ("" is no campaign): coupons issued in the period and how many of these are used by now; decisions
    of the period and how many of these ended in a redeemed order; orders of first-time buyers and what they paid
    (cents, less refunds)."""

    campaign: str
    issued: int
    used: int
    decided: int
    converted: int
    new_orders: int
    new_cents: int
    earned: Earned

    @property
    def use_rate(self) -> float | None:
        return self.used / self.issued if self.issued else None

    @property
    def conversion(self) -> float | None:
        return self.converted / self.decided if self.decided else None


def kpis(connection: Connection, period: Period, earned: Mapping[str, Earned], first: First) -> list[Kpis]:
    """Campaigns by name. ``first`` says when and with which order the shop's tables saw a user buy first."""
    issued = _pairs(connection, _issued(period))
    decided = _pairs(connection, _decided(period))
    fresh = _new(connection, period, first)
    return [
        Kpis(
            name, *issued.get(name, (0, 0)), *decided.get(name, (0, 0)), *fresh.get(name, (0, 0)),
            earned=earned.get(name, Earned()),
        )
        for name in sorted({*issued, *decided, *fresh, *earned})
    ]  # fmt: skip


def _pairs(connection: Connection, query: Any) -> dict[str, tuple[int, int]]:
    """Two counts by campaign; "" is none."""
    return {key or "": (int(one), int(other)) for key, one, other in connection.execute(query)}


def _issued(period: Period) -> Any:
    used = func.count().filter(coupons.c.used > 0)
    query = select(coupons.c.campaign_id, func.count(), used).group_by(coupons.c.campaign_id)
    return query.where(coupons.c.claimed_at >= period.start, coupons.c.claimed_at < period.end, *chosen(period))


def _decided(period: Period) -> Any:
    used = func.count().filter(coupons.c.used > 0)
    query = select(decisions.c.campaign_id, func.count(), used).select_from(
        decisions.outerjoin(coupons, coupons.c.coupon_id == decisions.c.coupon_id)
    )
    query = query.where(decisions.c.decided_at >= period.start, decisions.c.decided_at < period.end)
    if period.campaign:
        query = query.where(decisions.c.campaign_id == period.campaign)
    return query.group_by(decisions.c.campaign_id)


def _new(connection: Connection, period: Period, first: First) -> dict[str, tuple[int, int]]:
    """Orders with a coupon that are their buyer's first: neither ledger nor tables know an earlier one."""
    # Two reads instead of a join with the first: SQLite would look through it for every order.
    begun = select(orders.c.user_id, func.min(orders.c.redeemed_at)).where(orders.c.state == "redeemed")
    earliest = dict(connection.execute(begun.group_by(orders.c.user_id)).tuples().all())
    columns = (
        coupons.c.campaign_id, orders.c.user_id, orders.c.order_id, orders.c.redeemed_at,
        orders.c.payable_cents - orders.c.refunded_cents,
    )  # fmt: skip
    query = redeemed(select(*columns), period).where(order_coupons.c.position == 0)
    found: dict[str, tuple[int, int]] = {}
    for campaign, user, order, at, paid in connection.execute(query):
        seen = first.get(user)
        if earliest[user] < at:
            continue
        if seen is not None and seen[1] != order and seen[0] < at:
            continue
        count, cents = found.get(campaign or "", (0, 0))
        found[campaign or ""] = (count + 1, cents + paid)
    return found
