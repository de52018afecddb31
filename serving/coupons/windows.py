"""Hours and days of the shop: when a coupon may be used (F019, F026) and when it may be grabbed (F060).

Times are of the shop's own clock, ``start`` included and ``end`` excluded; a window whose end is not after its start
goes on past midnight and belongs to the day on which it opened. Moments are UTC without a zone.
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from serving.coupons.money import InvalidError, check_int

# No coupon is valid for longer, so no opening that is further away helps anybody.
HORIZON_DAYS = 3660
_A_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Window:
    """Open from ``start`` to ``end`` on the given weekdays (1 Monday … 7 Sunday), days of the month and months.

    Nothing given means all; everything given must hold: ``month_days=(8,)`` is the member day, ``months=(11,)`` with
    ``month_days=(11,)`` is every 11 November.
    """

    start: time = time(0)
    end: time = time(0)
    weekdays: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_clock("windows.start", self.start)
        check_clock("windows.end", self.end)
        for field, most in (("weekdays", 7), ("month_days", 31), ("months", 12)):
            days: tuple[int, ...] = getattr(self, field)
            for day in days:
                check_int(f"windows.{field}", day, 1, most)
            if len(set(days)) != len(days):
                raise InvalidError(f"windows.{field}", list(days), "each day once")
        longest = max(monthrange(_A_LEAP_YEAR, month)[1] for month in self.months or (1,))
        if self.month_days and min(self.month_days) > longest:
            raise InvalidError("windows.month_days", list(self.month_days), "days that these months have")

    def holds(self, local: datetime) -> bool:
        """Whether the window is open at a moment of the shop's own clock.

        >>> early = Window(time(8), time(10))
        >>> [early.holds(datetime(2026, 5, 1, *at)) for at in ((7, 59), (8, 0), (10, 0))]
        [False, True, False]
        """
        clock, day = local.time(), local.date()
        if self.start < self.end:
            return self.start <= clock < self.end and self.opens_on(day)
        if clock >= self.start:
            return self.opens_on(day)
        return clock < self.end and self.opens_on(day - timedelta(days=1))

    def opens_on(self, day: date) -> bool:
        return (
            (not self.weekdays or day.isoweekday() in self.weekdays)
            and (not self.month_days or day.day in self.month_days)
            and (not self.months or day.month in self.months)
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """A claim window of every day with its own quota; an end of 00:00 is the end of the day (F060)."""

    start: time
    end: time
    quota: int

    def __post_init__(self) -> None:
        check_clock("slots.start", self.start)
        check_clock("slots.end", self.end)
        if self.start >= self.end != time(0):
            raise InvalidError("slots.end", self.end.isoformat(), f"a time after start ({self.start.isoformat()})")
        check_int("slots.quota", self.quota, 1, 10**9)

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)

    def holds(self, local: datetime) -> bool:
        return self.window.holds(local)


def check_clock(field: str, clock: time) -> None:
    """Refuse a time of day with a zone of its own: the shop's clock is the only one."""
    if clock.tzinfo is not None:
        raise InvalidError(field, clock.isoformat(), "a time of the shop's clock, without a zone")


def check_slots(slots: Sequence[Slot]) -> None:
    """Refuse slots that are not in the order of the day or that overlap: a claim belongs to one slot."""
    for before, after in pairwise(slots):
        if before.end == time(0) or after.start < before.end:
            raise InvalidError("slots.start", after.start.isoformat(), "slots in the order of the day, not overlapping")


def is_open(windows: Sequence[Window], now: datetime, zone: tzinfo) -> bool:
    """Whether any of the windows is open; no windows: always."""
    local = _local(now, zone)
    return not windows or any(window.holds(local) for window in windows)


def open_slot(slots: Sequence[Slot], now: datetime, zone: tzinfo) -> int | None:
    """The index of the slot that is open, None between slots."""
    local = _local(now, zone)
    return next((n for n, slot in enumerate(slots) if slot.holds(local)), None)


def wait_seconds(windows: Sequence[Window], now: datetime, zone: tzinfo) -> int | None:
    """Seconds (rounded up) until one of the windows is open: 0 when one is; None when none opens within ten years."""
    if is_open(windows, now, zone):
        return 0
    openings = [opening for window in windows if (opening := _next_opening(window, now, zone)) is not None]
    return -((now - min(openings)) // timedelta(seconds=1)) if openings else None


def _next_opening(window: Window, now: datetime, zone: tzinfo) -> datetime | None:
    today = _local(now, zone).date()
    for ahead in range(HORIZON_DAYS):
        found = [at for at in _beginnings(window, today + timedelta(days=ahead), zone) if at > now]
        if found:
            return min(found)
    return None


def _beginnings(window: Window, day: date, zone: tzinfo) -> list[datetime]:
    """Moments of a shop-local day from which the window is open: where its clock reads ``start`` (twice in a repeated
    hour), and where the clock is changed, because it may jump into the window.
    """
    walls = [datetime.combine(day, window.start, zone).replace(fold=fold) for fold in (0, 1)]
    begin, end = (_utc(datetime.combine(day + timedelta(days=n), time.min, zone)) for n in (0, 1))
    moments = [_utc(wall) for wall in walls] if window.opens_on(day) else []
    if _ahead_of_utc(begin, zone) != _ahead_of_utc(end, zone):
        seconds = range(int((end - begin).total_seconds()))
        before = _ahead_of_utc(begin, zone)
        change = bisect_left(seconds, True, key=lambda n: _ahead_of_utc(begin + timedelta(seconds=n), zone) != before)
        moments.append(begin + timedelta(seconds=change))
    return [at for at in moments if window.holds(_local(at, zone))]


def _ahead_of_utc(moment: datetime, zone: tzinfo) -> timedelta:
    return _local(moment, zone) - moment


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
