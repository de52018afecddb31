"""How many accounts were on a key within a window, for any moments, in one sorted pass.

The plain way, joining each moment to every earlier sighting on its key, is quadratic on hubs (a carrier's IP is seen
by everybody, all day). Instead each account's sightings on a key become intervals ``(start, end]`` of moments whose
window holds a sighting: a sighting at t counts for moments in ``(t, t + w]``, and overlapping intervals of one account
are merged. Then the number at a moment is (starts before it) − (ends before it): a running sum over the sorted union
of steps and moments. Exact, n log n, and the same on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

LIFE = 0
"""Window length that stands for "ever"."""


def active_steps(touches: Any, keys: Sequence[str], windows: Mapping[str, int]) -> list[Any]:
    """Steps of "distinct accounts with a sighting in the window"; ``windows`` maps a column name to hours."""
    rows = touches.select(*keys, "user_id", "seen_at")  # repeats at one instant cancel: they neither start nor end
    order = ibis.window(group_by=[*keys, "user_id"], order_by="seen_at")
    rows = rows.mutate(earlier=rows.seen_at.lag().over(order), later=rows.seen_at.lead().over(order))
    steps = []
    for column, hours in windows.items():
        first = rows.earlier.isnull()
        if hours == LIFE:
            firsts = rows.filter(first)
            steps.append(_step(firsts, keys, firsts.seen_at, column, 1))
            continue
        length = ibis.interval(hours=hours)
        starts = rows.filter(first | (rows.earlier + length < rows.seen_at))
        ends = rows.filter(rows.later.isnull() | (rows.seen_at + length < rows.later))
        steps.append(_step(starts, keys, starts.seen_at, column, 1))
        steps.append(_step(ends, keys, ends.seen_at + length, column, -1))
    return steps


def newcomer_steps(touches: Any, users: Any, keys: Sequence[str], windows: Mapping[str, int]) -> list[Any]:
    """Steps of "accounts ever seen here that registered within the window"."""
    edges = touches.group_by([*keys, "user_id"]).aggregate(first=touches.seen_at.min())
    edges = edges.join(users.select("user_id", "registered_at"), "user_id")
    edges = edges.mutate(start=ibis.greatest(edges["first"], edges.registered_at))
    steps = []
    for column, hours in windows.items():
        end = edges.registered_at + ibis.interval(hours=hours)
        young = edges.filter(edges.start < end)
        steps.append(_step(young, keys, young.start, column, 1))
        steps.append(_step(young, keys, young.registered_at + ibis.interval(hours=hours), column, -1))
    return steps


def row_steps(rows: Any, keys: Sequence[str], windows: Mapping[str, int]) -> list[Any]:
    """Steps of "rows in the window", every row counted."""
    steps = []
    for column, hours in windows.items():
        steps.append(_step(rows, keys, rows.seen_at, column, 1))
        if hours != LIFE:
            steps.append(_step(rows, keys, rows.seen_at + ibis.interval(hours=hours), column, -1))
    return steps


def count_at(asked: Any, keys: Sequence[str], steps: Sequence[Any], columns: Sequence[str]) -> Any:
    """Return the distinct (keys, ``as_of``) of ``asked`` with the sum of the steps strictly before each moment."""
    moments = asked.select(*keys, "as_of").distinct()
    line = moments.select(*keys, at=moments.as_of.cast("timestamp"), asks=ibis.literal(1, type="int8"), column=ibis.literal(""), step=_whole(0))
    line = ibis.union(line, *steps)
    line = line.mutate(**{name: ibis.ifelse(line.column == name, line.step, 0) for name in columns})
    # At one instant the moment comes before the steps: a window holds what is strictly earlier.
    order = [line.at, line.asks.desc()]
    running = ibis.window(group_by=list(keys), order_by=order, preceding=None, following=0)
    line = line.mutate(**{name: line[name].sum().over(running) for name in columns})
    return line.filter(line.asks == 1).select(*keys, *columns, as_of="at")


def _step(rows: Any, keys: Sequence[str], at: Any, column: str, step: int) -> Any:
    return rows.select(*keys, at=at.cast("timestamp"), asks=ibis.literal(0, type="int8"), column=ibis.literal(column), step=_whole(step))


def _whole(value: int) -> Any:
    return ibis.literal(value, type="int64")
