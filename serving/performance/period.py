"""The stretch of days that figures are about: shop-local days as UTC moments, of one campaign or of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from features.errors import InputError


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` to before ``end`` (UTC); ``campaign`` and ``template`` are "" for all."""

    start: datetime
    end: datetime
    campaign: str = ""
    template: str = ""


def period_of(
    first: str, last: str, zone: tzinfo, now: datetime, days: int = 28, campaign: str = "", template: str = ""
) -> Period:
    """The shop-local days ``first`` to ``last`` (ISO, both included); by default the last ``days`` until today."""
    today = now.replace(tzinfo=UTC).astimezone(zone).date()
    end = day_of("to", last) if last else today
    start = day_of("from", first) if first else end - timedelta(days=days - 1)
    if start > end or (end - start).days > 3660:
        raise InputError("from", start.isoformat(), f"a day not after {end.isoformat()}, at most ten years before")
    return Period(midnight(start, zone), midnight(end + timedelta(days=1), zone), campaign[:80], template[:80])


def day_of(field: str, text: str) -> date:
    """A day as ISO writes it; raises ``InputError`` for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(field, text[:40], "a day like 2026-05-01") from error
    if not 1971 <= found.year <= 2200:
        raise InputError(field, text[:40], "a day of our time")
    return found


def midnight(day: date, zone: tzinfo) -> datetime:
    """The UTC moment at which a shop-local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
