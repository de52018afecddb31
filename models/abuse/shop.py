"""The tables of a shop as they were known before a moment, with linkable identifiers: what the detector reads.

In: Ibis tables of the table contract (``users`` and at least one of ``coupons``, ``orders``, ``events``); any optional
column may be absent. Out: ``Shop``, small tables with int64 microsecond times and keys instead of raw identifiers.
Rows that cannot be used are left out and counted (``models.abuse.rows``); rows at or after ``as_of`` are not looked at,
users registered by then included; a redemption or payment that lies after ``as_of`` is not known yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table, Value

from features.engine import keep
from features.errors import InputError
from models.abuse.addresses import door_keys
from models.abuse.identifiers import both_keys, device_key
from models.abuse.marks import DAY
from models.abuse.rows import UNKNOWN, key_of, negative, number, strangers, usable

RAW = {"raw_device": "device_id", "raw_ip": "ip", "raw_address": "address"}
HOUSE_TERMINALS = ("kiosk", "pos", "store", "in_store", "counter")
KEYS = ("device", "ip", "block", "address")
_FULL_WINDOW = 4  # different days of activity after which an account counts as used for more than a coupon


_NAMES = ("coupons", "orders", "events")
_RAW = tuple(f"raw_{name}" for name in _NAMES)
_USABLE = tuple(f"usable_{name}{once}" for name in (*_NAMES, "users", "verdicts") for once in ("", "_once"))
_KEYED = ("keys_raw_device", "keys_raw_ip", "keys_raw_address")
_ACTIVITY = ("abuse_touches", "abuse_house", "abuse_claims", "abuse_orders", "abuse_acts")
_SPINE = ("abuse_rows", "abuse_moments", "abuse_spine")


@dataclass(frozen=True)
class Shop:
    """One shop before a moment; every ``us`` is microseconds since 1970, every key null where nothing links.

    ``users`` (user_id, us, phone, identity) · ``touches`` (user_id, us, device, ip, block, address): one line per
    user, value and day · ``house`` (key, us): the shop's own terminals · ``claims`` (…, template, coupon_id, cents) ·
    ``orders`` (…, order_id, goods, discount, merchant, pieces) · ``acts`` (user_id, us, views, cancels): one line per
    user and hour · ``verdicts`` (user_id, us, abusive) or None. ``known``: the tables of activity that have rows;
    ``left_out``: rows that could not be used, by table and reason.
    """

    con: Any
    users: Table
    touches: Table
    house: Table
    claims: Table
    orders: Table
    acts: Table
    verdicts: Table | None
    has_claims: bool
    known: frozenset[str] = frozenset()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def behaviour(self) -> bool:
        """Whether anything is known of what accounts do besides claiming."""
        return bool(self.known & {"orders", "events"})

    def free(self) -> None:
        """Give back the memory of the tables of activity; users and verdicts stay."""
        for name in (*_RAW, *_KEYED, *_ACTIVITY, *_SPINE):
            self.con.drop_table(name, force=True)


def shop_before(con: Any, tables: Mapping[str, Table], as_of: datetime | None) -> Shop:
    """The shop as known strictly before ``as_of`` (None: everything).

    Raises InputError when ``users`` or every table of activity is missing, or a needed column is.
    """
    _need(tables, "users", ("user_id", "registered_at"))
    if not {"coupons", "orders", "events"} & set(tables):
        raise InputError("tables", sorted(tables), "users and at least one of coupons, orders, events")
    limit = None if as_of is None else int(pd.Timestamp(as_of).value // 1000)
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("users", *_NAMES, "verdicts")}
    users = _users(con, tables["users"], limit, counted["users"])
    raw = {
        "coupons": _coupons(con, tables.get("coupons"), limit, counted["coupons"]),
        "orders": _orders(con, tables.get("orders"), tables.get("order_lines"), limit, counted["orders"]),
        "events": _events(con, tables.get("events"), limit, counted["events"]),
    }
    raw = {name: keep(con, f"raw_{name}", table) for name, table in raw.items()}
    for name, table in raw.items():
        counted[name][UNKNOWN] += strangers(con, table, users)
    known = frozenset(name for name, table in raw.items() if con.to_pandas(table.count()))
    verdicts = _verdicts(con, tables.get("verdicts"), limit, users, counted["verdicts"])
    for name in _USABLE:
        con.drop_table(name, force=True)
    keyed = _with_keys(con, raw)
    acts = (
        keyed["events"]
        .group_by("user_id", hour=keyed["events"].us // (DAY // 24))
        .aggregate(
            us=keyed["events"].us.min(), views=keyed["events"].views.sum(), cancels=keyed["events"].cancels.sum()
        )
    )
    claims, orders = keyed["coupons"], keyed["orders"]
    seen = ibis.union(*(keyed[name].select("user_id", "us", *KEYS) for name in ("coupons", "orders", "events")))
    touches = seen.group_by("user_id", *KEYS, day=seen.us // DAY).aggregate(us=seen.us.min()).drop("day")
    return Shop(
        con=con,
        users=users,
        touches=keep(con, "abuse_touches", touches),
        house=keep(con, "abuse_house", _house(keyed["events"])),
        claims=keep(con, "abuse_claims", claims),
        orders=keep(con, "abuse_orders", orders),
        acts=keep(con, "abuse_acts", acts.drop("hour")),
        verdicts=verdicts,
        has_claims="coupons" in tables,
        known=known,
        left_out={f"{name} {why}": n for name, of in counted.items() for why, n in of.items() if n},
    )


def engaged_since(shop: Shop) -> Table:
    """(user_id, us): since when an account is used for more than coupons.

    The earlier of its first order without any discount and its fourth different day of activity.
    """
    full = shop.orders.filter(shop.orders.discount <= 0).group_by("user_id").aggregate(us=lambda t: t.us.min())
    days = shop.touches.group_by("user_id", day=shop.touches.us // DAY).aggregate(us=lambda t: t.us.min())
    ranked = days.mutate(rank=ibis.row_number().over(group_by="user_id", order_by="us"))
    used = ranked.filter(ranked.rank == _FULL_WINDOW - 1).select("user_id", "us")
    either = ibis.union(full, used)
    return either.group_by("user_id").aggregate(us=either.us.min())


def _need(tables: Mapping[str, Table], name: str, columns: tuple[str, ...]) -> None:
    if name not in tables:
        raise InputError("tables", sorted(tables), f"a table {name}")
    for column in columns:
        if column not in tables[name].columns:
            raise InputError(f"{name}.{column}", "no such column", f"a column {column} in table {name}")


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


def _users(con: Any, users: Table, limit: int | None, left_out: Counter[str]) -> Table:
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


def _common(table: Table, name: str, time: str) -> dict[str, Value]:
    return {
        "user_id": _column(table, "user_id", "string").nullif(""),
        "us": _micros(table, time),
        "key": key_of(table, name),
        "negative": negative(table, name),
        **{raw: _column(table, column, "string") for raw, column in RAW.items()},
    }


def _coupons(con: Any, coupons: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    if coupons is None:
        return _empty(template="string", coupon_id="string", cents="float64")
    _need({"coupons": coupons}, "coupons", ("user_id", "claimed_at"))
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


def _orders(con: Any, orders: Table | None, lines: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    if orders is None:
        return _empty(order_id="string", goods="float64", discount="float64", merchant="string", pieces="float64")
    _need({"orders": orders}, "orders", ("user_id", "placed_at"))
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


def _events(con: Any, events: Table | None, limit: int | None, left_out: Counter[str]) -> Table:
    if events is None:
        return _empty(views="int64", house="boolean", cancels="int64")
    _need({"events": events}, "events", ("user_id", "occurred_at"))
    kind = _column(events, "kind", "string").fill_null("view")
    rows = events.select(
        **_common(events, "events", "occurred_at"),
        views=kind.isin(["view", "search", "review", "add_to_cart"]).cast("int64"),
        house=_column(events, "terminal", "string").lower().isin(HOUSE_TERMINALS).fill_null(False),
        cancels=(kind == "cancel").cast("int64"),
    )
    return usable(con, "events", rows, limit, left_out)


def _empty(**extra: str) -> Table:
    schema = {"user_id": "string", "us": "int64", **dict.fromkeys(RAW, "string"), **extra}
    return ibis.memtable(pd.DataFrame({name: [] for name in schema}), schema=ibis.schema(schema))


def _house(events: Table) -> Table:
    """(key, us): devices that the shop's own events name as a terminal of the house, and since when."""
    seen = events.filter(events.house, events.device.notnull())
    return seen.group_by(key=seen.device).aggregate(us=seen.us.min())


def _verdicts(
    con: Any, verdicts: Table | None, limit: int | None, users: Table, left_out: Counter[str]
) -> Table | None:
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


def _with_keys(con: Any, raw: Mapping[str, Table]) -> dict[str, Table]:
    """Raw identifiers replaced by linkable keys; each distinct value is normalised once, in the order of appearance."""
    makers: dict[str, tuple[tuple[str, ...], Callable[[list[str]], list[Any]]]] = {
        "raw_device": (("device",), lambda values: [(device_key(v),) for v in values]),
        "raw_ip": (("ip", "block"), lambda values: [both_keys(v) for v in values]),
        "raw_address": (("address",), lambda values: [(key,) for key in door_keys(values)]),
    }
    keyed = dict(raw)
    for column, (names, make) in makers.items():
        values = ibis.union(*(t.select(value=t[column], us="us") for t in raw.values()))
        first = values.filter(values.value.notnull()).group_by("value").aggregate(us=values.us.min())
        found = con.to_pyarrow(first.order_by(["us", "value"]))["value"].to_pylist()
        columns = zip(*make(found), strict=True) if found else [() for _ in names]
        lookup = pa.table(
            {column: pa.array(found, pa.string())}
            | {name: pa.array(made, pa.string()) for name, made in zip(names, columns, strict=True)}
        )
        kept = keep(con, f"keys_{column}", ibis.memtable(lookup))
        keyed = {name: t.left_join(kept, column).drop(column, f"{column}_right") for name, t in keyed.items()}
    return keyed
