"""Recency, frequency, money, price sensitivity and lifecycle of a user, from orders known to be paid.

An order is money from the moment it is paid. Its later fate (cancelled, refunded, completed) carries no time in the
table, so ``state`` is never read: at ``as_of`` nobody knew it. Cancellations enter through events, which have times.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.definition import Feature, Tables, before, days_between, millionths, ratio, within

WINDOWS = {"7d": 7, "30d": 30, "90d": 90}
LIFECYCLE = ("potential", "new", "active", "dormant", "lost")
NEW_DAYS, DORMANT_DAYS, LOST_DAYS = 30, 15, 60

FEATURES = (
    Feature("orders_life", "paid orders ever", 0),
    Feature("paid_cents_life", "money paid ever, cents", 0),
    *(Feature(f"orders_{w}", f"orders paid in the last {w}", 0) for w in WINDOWS),
    *(Feature(f"paid_cents_{w}", f"money paid in the last {w}, cents", 0) for w in WINDOWS),
    *(Feature(f"margin_cents_{w}", f"margin of orders paid in the last {w}, cents", 0) for w in WINDOWS),
    Feature("basket_cents_90d", "mean paid amount of an order paid in the last 90d, cents"),
    Feature("days_since_order", "days since the last paid order"),
    Feature("days_since_first_order", "days since the first paid order"),
    Feature("order_gap_days", "mean days between paid orders"),
    Feature("placed_30d", "orders placed in the last 30d, paid or not", 0),
    Feature("unpaid_30d", "orders placed in the last 30d and not paid yet", 0),
    Feature("discounted_share_90d", "share of orders paid in the last 90d that had a discount"),
    Feature("discount_depth_90d", "mean discount as a share of goods, orders paid in the last 90d"),
    Feature("unit_price_ratio_90d", "mean unit price over the category's mean on earlier days, lines paid in 90d"),
    Feature("lifecycle", "exactly one stage", codes=LIFECYCLE),
)


def purchases(tables: Tables, at: Any) -> Any:
    """Money per moment; rows only for users with a paid order."""
    seen = before(at, tables["orders"].filter(lambda t: t.paid_at.notnull()), "user_id", "paid_at")
    seen = seen.mutate(
        depth=millionths(ratio(seen.discount_cents, seen.goods_cents)),
        **{f"in_{w}": within(seen.paid_at, seen.as_of, hours=24 * days) for w, days in WINDOWS.items()},
    )
    columns: dict[str, Any] = {
        "orders_life": seen.count(),
        "paid_cents_life": seen.paid_cents.sum(),
        "first_paid": seen.paid_at.min(),
        "last_paid": seen.paid_at.max(),
        "discounted": (seen.discount_cents > 0).cast("int64").sum(where=seen.in_90d),
        "depth_sum": seen.depth.sum(where=seen.in_90d),
        "depth_count": seen.depth.count(where=seen.in_90d),
    }
    for w in WINDOWS:
        columns[f"orders_{w}"] = seen[f"in_{w}"].cast("int64").sum()
        columns[f"paid_cents_{w}"] = seen.paid_cents.sum(where=seen[f"in_{w}"])
        columns[f"margin_cents_{w}"] = seen.margin_cents.sum(where=seen[f"in_{w}"])
    sums = seen.group_by(["user_id", "as_of"]).aggregate(**columns)
    span = days_between(sums.last_paid, sums.first_paid)
    return sums.mutate(
        basket_cents_90d=ratio(sums.paid_cents_90d, sums.orders_90d),
        days_since_order=days_between(sums.as_of, sums.last_paid),
        days_since_first_order=days_between(sums.as_of, sums.first_paid),
        order_gap_days=ratio(span, sums.orders_life - 1),
        discounted_share_90d=ratio(sums.discounted, sums.orders_90d),
        discount_depth_90d=ratio(sums.depth_sum, sums.depth_count) / 1e6,
    ).drop("first_paid", "last_paid", "discounted", "depth_sum", "depth_count")


def placements(tables: Tables, at: Any) -> Any:
    """Orders placed lately and those of them that were not paid yet at the moment."""
    seen = before(at, tables["orders"].select("user_id", "placed_at", "paid_at"), "user_id", "placed_at", days=30)
    unpaid = seen.paid_at.isnull() | (seen.paid_at >= seen.as_of)
    return seen.group_by(["user_id", "as_of"]).aggregate(placed_30d=seen.count(), unpaid_30d=unpaid.cast("int64").sum())


def price_level(tables: Tables, at: Any) -> Any:
    """How dear a user buys within categories.

    A line's price is held against the mean of all lines of its category on *earlier* UTC days, a fact that was fixed
    when the line was placed. So it needs no window per moment, and later lines cannot move it.
    """
    orders = tables["orders"].select("order_id", "user_id", "placed_at", "paid_at")
    lines = tables["order_lines"].select("order_id", "category", "unit_price_cents")
    lines = lines.join(orders, "order_id").mutate(day=lambda t: t.placed_at.truncate("D"))
    days = lines.group_by(["category", "day"]).aggregate(
        price=lambda t: t.unit_price_cents.sum(), lines=lambda t: t.count()
    )
    earlier = ibis.window(group_by="category", order_by="day", preceding=(None, 1))
    days = days.mutate(price=days.price.sum().over(earlier), lines=days.lines.sum().over(earlier))
    priced = lines.join(days, ["category", "day"])
    priced = priced.mutate(level=millionths(ratio(priced.unit_price_cents * priced.lines, priced.price)))
    priced = priced.filter(priced.paid_at.notnull(), priced.level.notnull()).select("user_id", "paid_at", "level")
    seen = before(at, priced, "user_id", "paid_at", days=90)
    return seen.group_by(["user_id", "as_of"]).aggregate(unit_price_ratio_90d=seen.level.mean() / 1e6)


def lifecycle(orders_life: Any, days_since_order: Any, days_since_first_order: Any) -> Any:
    """Code of the one stage: potential (never paid), lost (≥ 60 d), dormant (≥ 15 d), new (first < 30 d), active."""
    return (
        ibis.cases(
            (orders_life == 0, LIFECYCLE.index("potential")),
            (days_since_order >= LOST_DAYS, LIFECYCLE.index("lost")),
            (days_since_order >= DORMANT_DAYS, LIFECYCLE.index("dormant")),
            (days_since_first_order < NEW_DAYS, LIFECYCLE.index("new")),
            else_=LIFECYCLE.index("active"),
        )
    ).cast("float64")
