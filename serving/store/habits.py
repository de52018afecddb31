"""How an account that pays behaves against its own past, as the ledger knows it: figures for the live scorecard.

In: the account and the hashed things of this order. Out: ``redeemed_1h``, orders with coupons paid within the hour, and
``new_device``, ``new_address``, 1 where the account has been known for a day with others of the kind and not with this;
only what is not zero. What came to be known after ``now`` does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, literal, or_, select, union_all

from serving.coupons.order import REDEEMED
from serving.store.rows import Prepared
from serving.store.schema import coupons, orders
from serving.store.schema_people import user_links

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def habits(connection: Connection, user_id: str, hashed: Mapping[str, str | None], now: datetime) -> dict[str, float]:
    """The figures; ``hashed`` maps device and address to keyed hashes, a missing one is not new."""
    rows = _OWN.all(connection, {"of_user": user_id, "now": now, "day": now - DAY, "hour": now - HOUR})
    found = {"redeemed_1h": float(sum(row.what == "paid" for row in rows))}
    for kind in ("device", "address"):
        known = {row.value for row in rows if row.what == kind and row.value is not None}
        if hashed.get(kind) is not None and known and hashed[kind] not in known:
            found[f"new_{kind}"] = 1.0
    return {name: value for name, value in found.items() if value}


_OWN = Prepared(
    union_all(
        select(literal("device").label("what"), coupons.c.device.label("value")).where(
            coupons.c.user_id == bindparam("of_user"), coupons.c.claimed_at <= bindparam("day")
        ),
        select(literal("address"), coupons.c.address).where(
            coupons.c.user_id == bindparam("of_user"), coupons.c.claimed_at <= bindparam("day")
        ),
        select(user_links.c.kind, user_links.c.value).where(
            user_links.c.user_id == bindparam("of_user"),
            or_(user_links.c.kind == "device", user_links.c.kind == "address"),
            user_links.c.first_seen <= bindparam("day"),
        ),
        select(literal("paid"), orders.c.hold_id).where(
            orders.c.user_id == bindparam("of_user"),
            orders.c.state == REDEEMED,
            orders.c.redeemed_at >= bindparam("hour"),
            orders.c.redeemed_at <= bindparam("now"),
        ),
    )
)
