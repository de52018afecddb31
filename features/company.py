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
    """Accounts ever seen per thing and moment (``all_``) and those of them that just registered (``prefix + w``)."""
    at = asked.select(*keys, "as_of").distinct()
    seen = at.join(links, [*(at[key] == links[key] for key in keys), links.first_seen < at.as_of])
    registered = (seen.registered_at < seen.as_of).fill_null(False)
    columns = {
        f"{prefix}{name}": (registered & within(seen.registered_at, seen.as_of, hours=hours).fill_null(False))
        .cast("int64")
        .sum()
        for name, hours in new.items()
    }
    return seen.group_by([*keys, "as_of"]).aggregate(**{all_: seen.count()}, **columns)
