"""Which rows of a shop can be used, and how many were left out and why: nothing disappears without being counted.

A row needs a user and a time that can be read, no negative amount and a key that was not seen before (the first row of
a key counts). Rows of users whom the table ``users`` does not have are never scored, but they are company: they stay
among those who share a device or an address. Rows that lie ahead of their time are rows like any other: no earlier
score can see them, and ``as_of`` shuts them out.
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

    What is left out is added to ``left_out``; rows at or after ``limit`` are not known yet and not counted. The answer
    is an expression over ``rows``, which are read and not held.
    """
    timed = rows.us.notnull() if limit is None else (rows.us < limit).fill_null(False)
    fit = timed & rows.user_id.notnull() & ~rows.negative
    counts = con.to_pandas(
        rows.aggregate(
            untimed=rows.us.isnull().sum(),
            nameless=(timed & rows.user_id.isnull()).sum(),
            negative=(timed & rows.user_id.notnull() & rows.negative).sum(),
            keyed=(fit & rows.key.notnull()).sum(),
        )
    ).iloc[0]
    for reason, column in ((NO_TIME, "untimed"), (NO_USER, "nameless"), (NEGATIVE, "negative")):
        left_out[reason] += _whole(counts[column])
    kept = rows.filter(fit).drop("negative")
    return _first_of_key(con, name, kept, _whole(counts["keyed"]), left_out).drop("key")


def _first_of_key(con: Any, name: str, rows: Table, keyed: int, left_out: Counter[str]) -> Table:
    # Whole keys are compared only where a hash does come twice: hashes are enough to know that none does.
    marks = rows.filter(rows.key.notnull()).select(mark=lambda t: t.key.hash())
    if keyed == int(con.to_pandas(marks.distinct().count())):
        return rows
    twice = marks.group_by("mark").aggregate(n=lambda t: t.count()).filter(lambda t: t.n > 1).select("mark")
    twice = keep(con, f"usable_{name}_marks", twice)
    hashed = rows.mutate(mark=rows.key.hash())
    again = keep(con, f"usable_{name}_again", hashed.semi_join(twice, "mark").drop("mark"))
    order = [again.us, *(again[c] for c in again.columns if c not in ("us", "key"))]
    place = again.mutate(place=ibis.row_number().over(group_by="key", order_by=order))
    first = place.filter(place.place == 0).drop("place")
    left_out[DUPLICATE] += int(con.to_pandas(place.filter(place.place > 0).count()))
    return ibis.union(hashed.anti_join(twice, "mark").drop("mark"), first)


def strangers(con: Any, rows: Table, users: Table, lines: str | None = None) -> int:
    """How many rows belong to users whom ``users`` does not have; a row stands for ``lines`` of them where given."""
    theirs = rows.anti_join(users, "user_id")
    return _whole(con.to_pandas(theirs.count() if lines is None else theirs[lines].sum()))


def _whole(count: Any) -> int:
    """A count as the engine gives it; the sum of no rows at all is null."""
    return 0 if count is None or count != count else int(count)
