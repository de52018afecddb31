"""Shop-local time as plain arithmetic.

Engines disagree on time zones (names, session settings, naive or not), so the offsets of a zone are read once from
the IANA database and written into the expression as a search tree over its changes between 1990 and 2060. Naive UTC
timestamps go in, whole local numbers come out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import ibis

from features.definition import SECONDS_A_DAY, epoch

FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=16)
def offsets(zone: str) -> tuple[tuple[int, int], ...]:
    """Changes of a zone as (epoch second from which it holds, offset in seconds), ascending.

    >>> offsets("Asia/Shanghai")[-1][1] // 3600
    8
    """
    info = ZoneInfo(zone)

    def offset(moment: int) -> int:
        shift = datetime.fromtimestamp(moment, tz=info).utcoffset()
        return int(shift.total_seconds()) if shift is not None else 0

    step = int(timedelta(days=7).total_seconds())
    start, end = int(FIRST.timestamp()), int(LAST.timestamp())
    changes = [(start, offset(start))]
    for left in range(start, end, step):
        low, high = left, left + step
        if offset(high) == changes[-1][1]:
            continue
        while high - low > 1:  # the change lies in (low, high]
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == changes[-1][1] else (low, middle)
        changes.append((high, offset(high)))
    return tuple(changes)


def local_seconds(time: Any, zone: str) -> Any:
    """Seconds since 1970-01-01 00:00 on the shop's own clock."""
    utc = epoch(time)
    return utc + _offset(utc, offsets(zone))


def _offset(utc: Any, changes: tuple[tuple[int, int], ...]) -> Any:
    if len(changes) == 1:
        return ibis.literal(changes[0][1], type="int64")
    middle = len(changes) // 2
    return ibis.ifelse(utc < changes[middle][0], _offset(utc, changes[:middle]), _offset(utc, changes[middle:]))


def local_day(seconds: Any) -> Any:
    """Number of the local day since 1970-01-01."""
    return (seconds // SECONDS_A_DAY).cast("int64")


def local_hour(seconds: Any) -> Any:
    """Hour of the local day, 0–23."""
    return ((seconds // 3600) % 24).cast("int64")


def local_weekday(seconds: Any) -> Any:
    """Day of the local week, Monday is 0 (1970-01-01 was a Thursday)."""
    return ((seconds // SECONDS_A_DAY + 3) % 7).cast("int64")
