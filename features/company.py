"""How many accounts were on a thing, in a window, at a moment.

``asked`` names the things and moments: columns ``keys`` and ``as_of``. Windows are bounded by ``LONGEST`` hours; what
was ever seen comes from the links table, which holds one row per account and thing, so a busy hub costs its accounts
and its last 30 days, not its whole history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from features.definition import within

LONGEST = 720
"""The longest bounded window, hours."""
LIFE = 0
"""Window length that stands for "ever"."""

WINDOWS: Mapping[str, int] = {"1h": 1, "24h": 24, "7d": 168, "30d": LONGEST}
"""The bounded windows in which company is counted, hours."""


def bounded(windows: Mapping[str, int]) -> dict[str, int]:
    """The windows that have a length."""
    return {name: hours for name, hours in windows.items() if hours != LIFE}


def accounts_seen(asked: Any, touches: Any, keys: Sequence[str], windows: Mapping[str, int], prefix: str) -> Any:
    """Distinct accounts per thing and moment with a sighting in each window (``prefix + window``)."""
    limit = None if LIFE in windows.values() else LONGEST
    pairs = last_seen(asked, touches, keys, limit)
    columns = {
        f"{prefix}{name}": pairs.count()
        if hours == LIFE
        else within(pairs["last"], pairs.as_of, hours=hours).cast("int64").sum()
        for name, hours in windows.items()
    }
    return pairs.group_by([*keys, "as_of"]).aggregate(**columns)


def last_seen(asked: Any, touches: Any, keys: Sequence[str], hours: int | None) -> Any:
    """Return (keys, as_of, user_id, last, sightings): each account's last sighting on the thing before the moment."""
    at = asked.select(*keys, "as_of").distinct()
    conditions = [at[key] == touches[key] for key in keys] + [touches.seen_at < at.as_of]
    if hours is not None:
        conditions.append(touches.seen_at >= at.as_of - ibis.interval(hours=hours))
    seen = at.join(touches, conditions)
    return seen.group_by([*keys, "as_of", "user_id"]).aggregate(last=seen.seen_at.max(), sightings=seen.count())


def accounts_linked(asked: Any, links: Any, keys: Sequence[str], new: Mapping[str, int], all_: str, prefix: str) -> Any:
    """Accounts ever seen per thing and moment (``all_``), of them ``engaged``, and just registered (``prefix + w``)."""
    at = asked.select(*keys, "as_of").distinct()
    seen = at.join(links, [*(at[key] == links[key] for key in keys), links.first_seen < at.as_of])
    registered = (seen.registered_at < seen.as_of).fill_null(False)
    columns = {
        f"{prefix}{name}": (registered & within(seen.registered_at, seen.as_of, hours=hours).fill_null(False))
        .cast("int64")
        .sum()
        for name, hours in new.items()
    }
    engaged = (seen.engaged_at < seen.as_of).fill_null(False).cast("int64").sum()
    return seen.group_by([*keys, "as_of"]).aggregate(**{all_: seen.count()}, engaged=engaged, **columns)


def accounts_at(seen: Any, asked: Any, windows: Mapping[str, int] = WINDOWS) -> Any:
    """Distinct accounts on a key in each window before each moment, for any number of moments of one key.

    ``seen`` (key, user_id, seen_at) and ``asked`` (key, at) give (key, at, ``accounts_<window>``), one row per moment
    asked; a key that was never seen counts nobody. A sighting stands for its account until the account is seen again or
    the window has passed, whichever comes first, so the count is a running sum of arrivals and departures: one sort,
    where joining moments to sightings would take the square of a crowded key.
    """
    at = seen.seen_at.cast("timestamp")  # kept tables say "timestamp(6)", and a union wants one type
    later = at.lead().over(ibis.window(group_by=["key", "user_id"], order_by=at))
    spans = seen.select("key", seen_at=at, later=later)
    one, none = ibis.literal(1, type="int64"), dict.fromkeys(windows, ibis.literal(0, type="int64"))
    moments = asked.select("key", at=asked["at"].cast("timestamp")).distinct()
    parts = [
        moments.mutate(asked=one, **none),
        spans.select("key", at="seen_at", asked=one - one, **dict.fromkeys(windows, one)),
    ]
    for name, hours in windows.items():
        passed = spans.seen_at + ibis.interval(hours=hours)
        gone = ibis.ifelse((spans.later < passed).fill_null(False), spans.later, passed)
        parts.append(spans.select("key", at=gone, asked=one - one, **{**none, name: -one}))
    marks = ibis.union(*(part.select("key", "at", "asked", *windows) for part in parts))
    marks = marks.group_by(["key", "at"]).aggregate(**{name: marks[name].sum() for name in ("asked", *windows)})
    so_far = ibis.cumulative_window(group_by="key", order_by="at")
    counts = {f"accounts_{name}": (marks[name].sum().over(so_far) - marks[name]).cast("int64") for name in windows}
    counted = marks.mutate(**counts)
    return counted.filter(counted.asked > 0).select("key", "at", *counts)
