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
from ibis.expr.types import Table

from features.engine import keep
from features.errors import InputError
from models.abuse.addresses import door_keys
from models.abuse.identifiers import both_keys, device_key
from models.abuse.marks import DAY, HOUR, firsts
from models.abuse.raw import coupons_of, events_of, need, orders_of, users_of, verdicts_of
from models.abuse.rows import UNKNOWN, strangers

KEYS = ("device", "ip", "block", "address")
_FULL_WINDOW = 4  # different days of activity after which an account counts as used for more than a coupon
_NAMES = ("coupons", "orders", "events")
_RAW = tuple(f"raw_{name}" for name in _NAMES)
_USABLE = tuple(f"usable_{name}_{part}" for name in (*_NAMES, "users", "verdicts") for part in ("marks", "again"))
_KEYED = ("keys_raw_device", "keys_raw_ip", "keys_raw_address")
_ACTIVITY = ("abuse_touches", "abuse_house", "abuse_claims", "abuse_orders", "abuse_acts", "abuse_engaged",
             *(f"abuse_met_{kind}" for kind in KEYS))  # fmt: skip
_SPINE = ("abuse_rows", "abuse_moments", "abuse_spine")


@dataclass(frozen=True)
class Shop:
    """One shop before a moment; every ``us`` is microseconds since 1970, every key null where nothing links.

    ``users`` (user_id, us, phone, identity) · ``touches`` (user_id, us, device, ip, block, address): one line per
    user, value and day · ``house`` (key, us): the shop's own terminals · ``claims`` (…, template, coupon_id, cents) ·
    ``orders`` (…, order_id, goods, discount, merchant, pieces) · ``acts`` (user_id, us, views, cancels): one line per
    user and hour · ``engaged`` (user_id, us): accounts used for more than coupons · ``verdicts`` (user_id, us, abusive)
    or None. ``known``: the tables of activity that have rows;
    ``left_out``: rows that could not be used, by table and reason.
    """

    con: Any
    users: Table
    touches: Table
    house: Table
    claims: Table
    orders: Table
    acts: Table
    engaged: Table
    met: Mapping[str, Table]
    verdicts: Table | None
    has_claims: bool
    known: frozenset[str] = frozenset()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def free(self) -> None:
        """Give back the memory of the tables of activity; users and verdicts stay."""
        _drop(self.con, *_ACTIVITY, *_SPINE)


def shop_before(con: Any, tables: Mapping[str, Table], as_of: datetime | None) -> Shop:
    """The shop as known strictly before ``as_of`` (None: everything).

    Raises InputError when ``users`` or every table of activity is missing, or a needed column is.
    """
    need(tables, "users", ("user_id", "registered_at"))
    if not set(_NAMES) & set(tables):
        raise InputError("tables", sorted(tables), "users and at least one of coupons, orders, events")
    limit = None if as_of is None else int(pd.Timestamp(as_of).value // 1000)
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("users", *_NAMES, "verdicts")}
    users = users_of(con, tables["users"], limit, counted["users"])
    raw = {
        "coupons": coupons_of(con, tables.get("coupons"), limit, counted["coupons"]),
        "orders": orders_of(con, tables.get("orders"), tables.get("order_lines"), limit, counted["orders"]),
        "events": events_of(con, tables.get("events"), limit, counted["events"]),
    }
    raw = {name: keep(con, f"raw_{name}", table) for name, table in raw.items()}
    for name, table in raw.items():
        counted[name][UNKNOWN] += strangers(con, table, users, "events" if name == "events" else None)
    known = frozenset(name for name, table in raw.items() if con.to_pandas(table.count()))
    verdicts = verdicts_of(con, tables.get("verdicts"), limit, users, counted["verdicts"])
    _drop(con, *_USABLE)
    keyed = _with_keys(con, raw)
    touches, orders = keep(con, "abuse_touches", _touches(keyed)), keep(con, "abuse_orders", keyed["orders"])
    shop = Shop(
        con=con,
        users=users,
        touches=touches,
        house=keep(con, "abuse_house", _house(keyed["events"])),
        claims=keep(con, "abuse_claims", keyed["coupons"]),
        orders=orders,
        acts=keep(con, "abuse_acts", _acts(raw["events"])),
        engaged=keep(con, "abuse_engaged", _engaged(touches, orders)),
        met={kind: keep(con, f"abuse_met_{kind}", firsts(touches, kind)) for kind in KEYS},
        verdicts=verdicts,
        has_claims="coupons" in tables,
        known=known,
        left_out={f"{name} {why}": n for name, of in counted.items() for why, n in of.items() if n},
    )
    _drop(con, *_RAW, *_KEYED)
    return shop


def _engaged(touches: Table, orders: Table) -> Table:
    """(user_id, us): since when an account is used for more than coupons.

    The earlier of its first order without any discount and its fourth different day of activity.
    """
    full = orders.filter(orders.discount <= 0).group_by("user_id").aggregate(us=lambda t: t.us.min())
    days = touches.group_by("user_id", day=touches.us // DAY).aggregate(us=lambda t: t.us.min())
    ranked = days.mutate(rank=ibis.row_number().over(group_by="user_id", order_by="us"))
    used = ranked.filter(ranked.rank == _FULL_WINDOW - 1).select("user_id", "us")
    either = ibis.union(full, used)
    return either.group_by("user_id").aggregate(us=either.us.min())


def _drop(con: Any, *names: str) -> None:
    for name in names:
        con.drop_table(name, force=True)


def _touches(keyed: Mapping[str, Table]) -> Table:
    seen = ibis.union(*(keyed[name].select("user_id", "us", *KEYS) for name in _NAMES))
    return seen.group_by("user_id", *KEYS, day=seen.us // DAY).aggregate(us=seen.us.min()).drop("day")


def _acts(events: Table) -> Table:
    of_hour = events.group_by("user_id", hour=events.us // HOUR)
    return of_hour.aggregate(us=events.us.min(), views=events.views.sum(), cancels=events.cancels.sum()).drop("hour")


def _house(events: Table) -> Table:
    """(key, us): devices that the shop's own events name as a terminal of the house, and since when."""
    seen = events.filter(events.house, events.device.notnull())
    return seen.group_by(key=seen.device).aggregate(us=seen.us.min())


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
