"""Which rows of a shop can be used, and how many were left out and why: nothing disappears without being counted.

A row needs a user and a time that can be read, no negative amount and a key that was not seen before (the first row of
a key counts). Rows of users whom the table ``users`` does not have are never scored, but they are company: they stay
among those who share a device or an address.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import ibis
from ibis.expr.types import Table, Value

from features.engine import keep
from features.tables import table_named

NO_TIME, NO_USER, NEGATIVE, DUPLICATE, UNKNOWN = (
    "without a readable time", "without a user", "with a negative amount", "of a key seen before",
    "of users not in users",
)  # fmt: skip


def negative(table: Table, name: str) -> Value:
    """Whether any of the contract's amounts (all but the margin) is below zero."""
    found = ibis.literal(False)
    for column in table_named(name).columns:
        if column.name.endswith("_cents") and column.check is not None and column.name in table.columns:
            found = found | (number(table, column.name) < 0).fill_null(False)
    return found


def number(table: Table, name: str) -> Value:
    """A column as float64; text that is no number (CSV has only text) and an absent column are null."""
    if name not in table.columns:
        return ibis.null("float64")
    return table[name].try_cast("float64") if table[name].type().is_string() else table[name].cast("float64")


def key_of(table: Table, name: str) -> Value:
    """The contract's key as one string; null where the table lacks a part of it."""
    parts = table_named(name).key
    if not set(parts) <= set(table.columns):
        return ibis.null("string")
    whole = table[parts[0]].cast("string")
    for part in parts[1:]:
        whole = whole + "|" + table[part].cast("string")
    return whole


def usable(con: Any, name: str, rows: Table, limit: int | None, left_out: Counter[str]) -> Table:
    """Rows with ``user_id``, ``us``, ``key`` and ``negative`` before ``limit`` that can be used, without the last two.

    What is left out is added to ``left_out``; rows at or after ``limit`` are not known yet and not counted.
    """
    timed = rows.filter(rows.us.notnull() if limit is None else rows.us < limit)
    counts = con.to_pandas(
        timed.aggregate(user=timed.user_id.isnull().sum(), negative=(timed.user_id.notnull() & timed.negative).sum())
    ).iloc[0]
    left_out[NO_TIME] += int(con.to_pandas(rows.us.isnull().sum()) or 0)
    left_out[NO_USER] += int(counts["user"] or 0)
    left_out[NEGATIVE] += int(counts["negative"] or 0)
    kept = keep(con, f"usable_{name}", timed.filter(timed.user_id.notnull(), ~timed.negative).drop("negative"))
    return _first_of_key(con, name, kept, left_out).drop("key")


def _first_of_key(con: Any, name: str, rows: Table, left_out: Counter[str]) -> Table:
    keyed = rows.filter(rows.key.notnull())
    # Ordering whole tables is dear, so it is done only where a key does come twice (hashes are enough to know).
    distinct = keyed.group_by(mark=keyed.key.hash()).aggregate(n=lambda t: t.count())
    if int(con.to_pandas(keyed.count())) == int(con.to_pandas(distinct.count())):
        return rows
    order = [rows.us, *(rows[c] for c in rows.columns if c not in ("us", "key"))]
    place = rows.mutate(place=ibis.row_number().over(group_by="key", order_by=order))
    kept = place.filter((place.place == 0) | place.key.isnull()).drop("place")
    kept = keep(con, f"usable_{name}_once", kept)
    left_out[DUPLICATE] += int(con.to_pandas(rows.count())) - int(con.to_pandas(kept.count()))
    return kept


def strangers(con: Any, rows: Table, users: Table) -> int:
    """How many rows belong to users whom ``users`` does not have."""
    return int(con.to_pandas(rows.anti_join(users, "user_id").count()))
