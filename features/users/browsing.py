"""What a user does before buying: views, carts, check-outs, dwell, and what was left behind.

Only events of the last 90 days are read. Dwell is in seconds; an event without dwell does not enter its means.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.definition import Feature, Tables, before, days_between, millionths, number, ratio, within

WINDOWS = {"7d": 7, "30d": 30, "90d": 90}
COUNTED = {"view": "views", "add_to_cart": "carts"}
COUNTED_30D = {
    "remove_from_cart": "cart_removals",
    "checkout": "checkouts",
    "search": "searches",
    "share": "shares",
    "sign_in": "sign_ins",
    "review": "reviews",
    "cancel": "cancels",
}
LONG_VIEW_SECONDS = 180

FEATURES = (
    *(Feature(f"{n}_{w}", f"{k} events in the last {w}", 0) for k, n in COUNTED.items() for w in WINDOWS),
    *(Feature(f"{n}_30d", f"{k} events in the last 30d", 0) for k, n in COUNTED_30D.items()),
    Feature("long_views_30d", "views of more than 180 s in the last 30d", 0),
    Feature("dwell_seconds_30d", "mean dwell of a view in the last 30d, seconds"),
    Feature("cart_removal_share_30d", "cart removals per addition, last 30d"),
    Feature("cart_abandon_rate_30d", "share of days with a cart addition not matched by an order placed, last 30d"),
    Feature("checkout_abandon_rate_30d", "share of check-outs not matched by an order placed, last 30d"),
    Feature("days_since_event", "days since the last event, of the last 90d"),
)


def browsing(tables: Tables, at: Any) -> Any:
    """Event counts per moment; rows only for users with an event in 90 days."""
    events = tables["events"].select("user_id", "occurred_at", "kind", "dwell_seconds")
    events = events.mutate(dwell=millionths(number(events.dwell_seconds))).drop("dwell_seconds")
    seen = before(at, events, "user_id", "occurred_at", days=90)
    seen = seen.mutate(**{f"in_{w}": within(seen.occurred_at, seen.as_of, hours=24 * d) for w, d in WINDOWS.items()})
    viewed = seen.in_30d & (seen.kind == "view")
    long = viewed & (seen.dwell > LONG_VIEW_SECONDS * 1_000_000).fill_null(False)
    columns: dict[str, Any] = {
        "last_event": seen.occurred_at.max(),
        "long_views_30d": long.cast("int64").sum(),
        "dwell_seconds_30d": seen.dwell.mean(where=viewed) / 1e6,
    }
    for kind, name in COUNTED.items():
        for w in WINDOWS:
            columns[f"{name}_{w}"] = (seen[f"in_{w}"] & (seen.kind == kind)).cast("int64").sum()
    for kind, name in COUNTED_30D.items():
        columns[f"{name}_30d"] = (seen.in_30d & (seen.kind == kind)).cast("int64").sum()
    sums = seen.group_by(["user_id", "as_of"]).aggregate(**columns)
    return sums.mutate(
        cart_removal_share_30d=ratio(sums.cart_removals_30d, sums.carts_30d),
        days_since_event=days_between(sums.as_of, sums.last_event),
    ).drop("last_event")


def abandon_rate(started: Any, placed: Any) -> Any:
    """1 − placed/started, at least 0; null where nothing was started."""
    return ibis.ifelse(started > 0, 1.0 - ibis.least(ratio(placed, started), 1.0), ibis.null("float64"))
