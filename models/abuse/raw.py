"""The contract's tables as plain rows of text, numbers and int64 microseconds: what the detector reads of a shop.

In: Ibis tables of the table contract, any optional column absent, times of any unit or zone. Out: rows that can be used
(``models.abuse.rows``), as expressions: nothing of the activity is held in memory here. Identifiers are still raw,
nulls stay null, an absent column is a column of nulls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd
from ibis.expr.types import Table, Value

from features.engine import keep
from features.errors import InputError
from models.abuse.marks import HOUR
from models.abuse.rows import UNKNOWN, key_of, negative, number, strangers, usable

RAW = {"raw_device": "device_id", "raw_ip": "ip", "raw_address": "address"}
HOUSE_TERMINALS = ("kiosk", "pos", "store", "in_store", "counter")
_VIEWS = ("view", "search", "review", "add_to_cart")


def need(tables: Mapping[str, Table], name: str, columns: tuple[str, ...]) -> None:
    """Raise InputError where a table or one of its columns is missing."""
    if name not in tables:
        raise InputError("tables", sorted(tables), f"a table {name}")
    for column in columns:
        if column not in tables[name].columns:
            raise InputError(f"{name}.{column}", "no such column", f"a column {column} in table {name}")


def users_of(con: Any, users: Table, limit: int | None, left_out: Counter[str]) -> Table:
    """(user_id, us, phone, identity) of users registered by ``limit``; an empty table is an InputError."""
    rows = users.select(
        user_id=_column(users, "user_id", "string").nullif(""),
        us=_micros(users, "registered_at"),
        phone=_column(users, "phone_token", "string").nullif(""),
        identity=_column(users, "identity_token", "string").nullif(""),
        key=key_of(users, "users"),
        negative=ibis.literal(False),
    )
    if not con.to_pandas(rows.count()):
        raise InputError("users", "an empty table", "at least one row")
    kept = usable(con, "users", rows, limit, left_out)
    return keep(con, "abuse_users", kept.select("user_id", "us", "phone", "identity"))


def coupons_of(con: Any, coupons: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    """(user_id, us, RAW, template, coupon_id, cents): one row per claim; cents are null until it is redeemed."""
    if coupons is None:
        return _empty(template="string", coupon_id="string", cents="float64")
    need({"coupons": coupons}, "coupons", ("user_id", "claimed_at"))
    rows = coupons.select(
        **_common(coupons, "coupons", "claimed_at"),
        template=_column(coupons, "template_id", "string").fill_null(""),
        coupon_id=_column(coupons, "coupon_id", "string"),
        redeemed=_micros(coupons, "redeemed_at"),
        discount=number(coupons, "discount_cents"),
    )
    rows = usable(con, "coupons", rows, limit, left_out)
    spent = rows.redeemed.notnull() if limit is None else rows.redeemed < limit
    return rows.mutate(cents=ibis.ifelse(spent, rows.discount, ibis.null("float64"))).drop("redeemed", "discount")


def orders_of(con: Any, orders: Table | None, lines: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    """(user_id, us, RAW, order_id, goods, discount, merchant, pieces): one row per order, amounts in cents."""
    if orders is None:
        return _empty(order_id="string", goods="float64", discount="float64", merchant="string", pieces="float64")
    need({"orders": orders}, "orders", ("user_id", "placed_at"))
    rows = orders.select(
        **_common(orders, "orders", "placed_at"),
        order_id=_column(orders, "order_id", "string"),
        goods=number(orders, "goods_cents").fill_null(0.0),
        discount=number(orders, "discount_cents").fill_null(0.0),
    )
    rows = usable(con, "orders", rows, limit, left_out)
    if lines is None or "order_id" not in lines.columns:
        return rows.mutate(merchant=ibis.null("string"), pieces=ibis.null("float64"))
    # An order belongs to the merchant of its lines; where it has several, the first by name stands for it.
    of_order = lines.group_by(order_id=lines.order_id.cast("string")).aggregate(
        merchant=_column(lines, "merchant_id", "string").min(), pieces=number(lines, "quantity").max()
    )
    return rows.left_join(of_order, "order_id").drop("order_id_right")


def events_of(con: Any, events: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    """(user_id, us, RAW, house, views, cancels, events): what an account did in one hour in one place, as one row.

    ``us`` is the first of the ``events`` that the row stands for; ``house``: at a terminal of the shop's own. Events
    are many times all other rows together, and nothing behind this needs them one by one.
    """
    if events is None:
        return _empty(house="boolean", views="int64", cancels="int64", events="int64")
    need({"events": events}, "events", ("user_id", "occurred_at"))
    kind = _column(events, "kind", "string").fill_null("view")
    rows = events.select(
        **_common(events, "events", "occurred_at"),
        viewed=kind.isin(_VIEWS).cast("int64"),
        house=_column(events, "terminal", "string").lower().isin(HOUSE_TERMINALS).fill_null(False),
        cancelled=(kind == "cancel").cast("int64"),
    )
    rows = usable(con, "events", rows, limit, left_out)
    return (
        rows.group_by("user_id", *RAW, "house", hour=rows.us // HOUR)
        .aggregate(us=rows.us.min(), views=rows.viewed.sum(), cancels=rows.cancelled.sum(), events=lambda t: t.count())
        .drop("hour")
    )


def verdicts_of(
    con: Any, verdicts: Table | None, limit: int | None, users: Table, left_out: Counter[str]
) -> Table | None:
    """(user_id, us, abusive) of verdicts decided before ``limit``; None where the table or a column is missing."""
    if verdicts is None or not {"user_id", "decided_at", "verdict"} <= set(verdicts.columns):
        return None
    rows = verdicts.select(
        user_id=_column(verdicts, "user_id", "string").nullif(""),
        us=_micros(verdicts, "decided_at"),
        key=key_of(verdicts, "verdicts"),
        negative=ibis.literal(False),
        abusive=(verdicts.verdict.cast("string") == "abusive").cast("int64"),
    )
    kept = keep(con, "abuse_verdicts", usable(con, "verdicts", rows, limit, left_out))
    left_out[UNKNOWN] += strangers(con, kept, users)
    return kept


def _micros(table: Table, column: str) -> Value:
    """A timestamp column of any unit or zone as int64 microseconds UTC; null where the column is absent."""
    if column not in table.columns:
        return ibis.null("int64")
    value = table[column]
    if not value.type().is_timestamp():
        value = value.try_cast("timestamp")
    value = value.cast("timestamp(6)")
    # Engines round fractions of a second differently, so the whole seconds are cut off first.
    return value.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + value.microsecond().cast("int64")


def _column(table: Table, name: str, dtype: str) -> Value:
    if name not in table.columns:
        return ibis.null(dtype)
    return table[name].cast(dtype)


def _common(table: Table, name: str, time: str) -> dict[str, Value]:
    return {
        "user_id": _column(table, "user_id", "string").nullif(""),
        "us": _micros(table, time),
        "key": key_of(table, name),
        "negative": negative(table, name),
        **{raw: _column(table, column, "string") for raw, column in RAW.items()},
    }


def _empty(**extra: str) -> Table:
    schema = {"user_id": "string", "us": "int64", **dict.fromkeys(RAW, "string"), **extra}
    return ibis.memtable(pd.DataFrame({name: [] for name in schema}), schema=ibis.schema(schema))
