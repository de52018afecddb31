"""When a user shops: active days, parts of the day, weekdays, by the shop's own clock."""

from __future__ import annotations

from typing import Any

from features.clock import local_day, local_hour, local_seconds, local_weekday
from features.definition import Feature, Tables, before, entropy, entropy_term, ratio, within

WINDOWS = {"7d": 7, "30d": 30, "90d": 90}
PARTS = {"night": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24)}

FEATURES = (
    *(Feature(f"active_days_{w}", f"local days with an event in the last {w}", 0) for w in WINDOWS),
    Feature("cart_days_30d", "local days with a cart addition in the last 30d", 0),
    *(Feature(f"{p}_share_90d", f"share of events between {a} and {b} o'clock") for p, (a, b) in PARTS.items()),
    Feature("weekend_share_90d", "share of events on Saturday or Sunday"),
    Feature("hour_entropy_90d", "spread of events over the hours of the day, nats"),
    Feature("weekday_entropy_90d", "spread of events over the days of the week, nats"),
)


def habits(tables: Tables, at: Any, timezone: str) -> Any:
    """Habits per moment; rows only for users with an event in 90 days."""
    events = tables["events"].select("user_id", "occurred_at", "kind")
    events = events.mutate(local=local_seconds(events.occurred_at, timezone))
    events = events.select(
        "user_id",
        "occurred_at",
        cart=events.kind == "add_to_cart",
        day=local_day(events.local),
        hour=local_hour(events.local),
    )
    seen = before(at, events, "user_id", "occurred_at", days=90)
    hours = seen.group_by(["user_id", "as_of", "day", "hour"]).aggregate(
        n=seen.count(),
        n_7d=within(seen.occurred_at, seen.as_of, hours=24 * 7).cast("int64").sum(),
        n_30d=within(seen.occurred_at, seen.as_of, hours=24 * 30).cast("int64").sum(),
        carts=(seen.cart & within(seen.occurred_at, seen.as_of, hours=24 * 30)).cast("int64").sum(),
    )
    by_hour = {f"hour_{h}": hours.n.sum(where=hours.hour == h).fill_null(0) for h in range(24)}
    days = hours.group_by(["user_id", "as_of", "day"]).aggregate(
        n=hours.n.sum(), n_7d=hours.n_7d.sum(), n_30d=hours.n_30d.sum(), carts=hours.carts.sum(), **by_hour
    )
    weekday = local_weekday(days.day * 86_400)
    by_weekday = {f"weekday_{d}": days.n.sum(where=weekday == d).fill_null(0) for d in range(7)}
    sums = days.group_by(["user_id", "as_of"]).aggregate(
        total=days.n.sum(),
        active_days_7d=(days.n_7d > 0).cast("int64").sum(),
        active_days_30d=(days.n_30d > 0).cast("int64").sum(),
        active_days_90d=days.count(),
        cart_days_30d=(days.carts > 0).cast("int64").sum(),
        **{name: days[name].sum() for name in by_hour},
        **by_weekday,
    )
    shares = {
        f"{part}_share_90d": ratio(_total(sums, [f"hour_{h}" for h in range(first, last)]), sums.total)
        for part, (first, last) in PARTS.items()
    }
    return sums.mutate(
        weekend_share_90d=ratio(sums.weekday_5 + sums.weekday_6, sums.total),
        hour_entropy_90d=_entropy(sums, list(by_hour)),
        weekday_entropy_90d=_entropy(sums, list(by_weekday)),
        **shares,
    ).drop("total", *by_hour, *by_weekday)


def _total(table: Any, names: list[str]) -> Any:
    total = table[names[0]]
    for name in names[1:]:
        total = total + table[name]
    return total


def _entropy(table: Any, names: list[str]) -> Any:
    terms = entropy_term(table[names[0]])
    for name in names[1:]:
        terms = terms + entropy_term(table[name])
    return entropy(table.total, terms)
