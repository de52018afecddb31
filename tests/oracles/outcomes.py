"""Outcomes of decisions in plain loops."""

from __future__ import annotations

from datetime import datetime, timedelta

Row = dict


def outcome(
    shop: dict[str, list[Row]], decision: Row, as_of: datetime, horizon: timedelta
) -> tuple[float, float, bool] | None:
    """(value_cents, cost_cents, redeemed) of one decision, or None while its window is open."""
    start, end = decision["decided_at"], decision["decided_at"] + horizon
    if end >= as_of:
        return None
    undone = {o["order_id"] for o in shop["orders"] if o["state"] in ("cancelled", "refunded")}
    value = 0
    for order in shop["orders"]:
        if order["user_id"] != decision["user_id"] or not start < order["placed_at"] <= end:
            continue
        if order["order_id"] in undone or order["paid_at"] is None or order["paid_at"] >= as_of:
            continue
        value += order["margin_cents"]
        for coupon in shop["coupons"]:
            if coupon["order_id"] == order["order_id"] and coupon["redeemed_at"] < as_of:
                value += coupon["discount_cents"]
    used = [
        c
        for c in shop["coupons"]
        if c["decision_id"] == decision["decision_id"]
        and c["redeemed_at"] is not None
        and start < c["redeemed_at"] <= end
        and c["order_id"] not in undone
    ]
    return value, sum(c["discount_cents"] for c in used), bool(used)
