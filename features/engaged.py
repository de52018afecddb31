"""Since when an account is used for more than coupons: what tells the members of a hub from those of a farm.

In: tables of the contract. Out: one row per account that got so far. An account that never does has no row.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.definition import SECONDS_A_DAY, Tables, epoch

FULL_DAYS = 4
"""Different days (UTC) of activity after which an account counts as used."""


def engaged_since(tables: Tables) -> Any:
    """Return (user_id, engaged_at): its first order without a discount or its fourth day of activity, if earlier.

    Both are moments that later rows cannot change.
    """
    orders = tables["orders"].filter(tables["orders"].discount_cents <= 0)
    full = orders.select("user_id", at=orders.placed_at.cast("timestamp"))
    active = ibis.union(
        *(
            tables[name].select("user_id", at=tables[name][time].cast("timestamp"))
            for name, time in (("events", "occurred_at"), ("orders", "placed_at"), ("coupons", "claimed_at"))
        )
    )
    days = active.group_by("user_id", day=epoch(active["at"]) // SECONDS_A_DAY).aggregate(at=active["at"].min())
    place = days.mutate(place=ibis.row_number().over(ibis.window(group_by="user_id", order_by="at")))
    used = place.filter(place.place == FULL_DAYS - 1).select("user_id", "at")
    both = ibis.union(full, used).filter(lambda t: t.user_id.notnull() & t["at"].notnull())
    return both.group_by("user_id").aggregate(engaged_at=both["at"].min())
