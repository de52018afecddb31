"""What came of a decision: margin and coupon cost in the days after it.

Only decisions whose window ``(decided_at, decided_at + horizon]`` closed before ``as_of`` have an outcome, and only
rows known before ``as_of`` enter it. The value is the margin *before* coupon discount, so that value and cost can be
learnt apart: profit = value − cost. Orders that were cancelled or refunded earn nothing; a coupon on such an order
costs nothing, since its discount was never given. ``state`` is read here, and only here: it is the last word on an
order, which is what an outcome is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import ibis

from features.definition import Tables

HORIZON = timedelta(days=7)
UNDONE = ("cancelled", "refunded")


def decision_outcomes(tables: Tables, as_of: datetime, horizon: timedelta = HORIZON) -> Any:
    """Return one row per closed decision.

    Columns: decision_id, user_id, decided_at, offer, propensity, eligible, holdout, value_cents (float64),
    cost_cents (float64), redeemed (bool).
    """
    length = ibis.interval(seconds=int(horizon.total_seconds()))
    known = ibis.literal(as_of).cast("timestamp")
    decisions = tables["decisions"]
    decisions = decisions.filter(decisions.decided_at + length < known).select(
        "decision_id", "user_id", "decided_at", "offer", "propensity", "eligible", "holdout"
    )
    orders, coupons = tables["orders"], tables["coupons"]
    orders = orders.mutate(undone=orders.state.isin(UNDONE))
    coupons = coupons.filter(coupons.redeemed_at.notnull(), coupons.redeemed_at < known)
    value = _value(decisions, orders, coupons, known, length)
    cost = _cost(decisions, orders, coupons, length)
    joined = decisions.left_join(value, "decision_id").drop("decision_id_right")
    joined = joined.left_join(cost, "decision_id").drop("decision_id_right")
    return joined.mutate(
        value_cents=joined.value_cents.cast("float64").fill_null(0.0),
        cost_cents=joined.cost_cents.cast("float64").fill_null(0.0),
        redeemed=joined.redeemed.fill_null(False),
    )


def _value(decisions: Any, orders: Any, coupons: Any, known: Any, length: Any) -> Any:
    discounts = coupons.filter(coupons.order_id.notnull()).group_by("order_id")
    discounts = discounts.aggregate(coupon_cents=lambda t: t.discount_cents.sum())
    earned = orders.filter(orders.paid_at.notnull(), orders.paid_at < known, ~orders.undone)
    earned = earned.left_join(discounts, "order_id").drop("order_id_right")
    earned = earned.select("user_id", "placed_at", cents=earned.margin_cents + earned.coupon_cents.fill_null(0))
    at = decisions.select("decision_id", "user_id", "decided_at")
    rows = at.join(
        earned,
        [at.user_id == earned.user_id, earned.placed_at > at.decided_at, earned.placed_at <= at.decided_at + length],
    )
    return rows.group_by("decision_id").aggregate(value_cents=rows.cents.sum())


def _cost(decisions: Any, orders: Any, coupons: Any, length: Any) -> Any:
    undone = orders.filter(orders.undone).select("order_id")
    spent = coupons.filter(coupons.decision_id.notnull()).anti_join(undone, "order_id")
    spent = spent.select("decision_id", "redeemed_at", "discount_cents")
    rows = decisions.select("decision_id", "decided_at").join(spent, "decision_id")
    rows = rows.filter(rows.redeemed_at > rows.decided_at, rows.redeemed_at <= rows.decided_at + length)
    return rows.group_by("decision_id").aggregate(
        cost_cents=rows.discount_cents.fill_null(0).sum(), redeemed=rows.count() > 0
    )
