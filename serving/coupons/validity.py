"""When a coupon may be used: fixed shop-local dates, or days or minutes from the claim (F018, F035–F037, F204).

Moments are UTC without a zone and ``until`` is exclusive. Ends of days are shop-local midnights, so that a coupon of 7
days claimed at 23:59 on the 1st ends when the 7th ends where the shop is, across changes of its clock too. Minutes are
real ones: two hours are two hours on the night when the clock changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar

from serving.coupons.money import InvalidError, check_int

# What forms offer (F037); "fixed" asks for two dates instead.
PRESET_DAYS = (3, 7, 15, 30)
MOST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class FixedDates:
    """From the start of ``first`` to the end of ``last``, shop-local."""

    TAG: ClassVar[str] = "fixed"
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InvalidError("first", self.first.isoformat(), f"a day not after last ({self.last.isoformat()})")
        if not 2000 <= self.first.year <= self.last.year <= 2999:
            field, day = ("first", self.first) if self.first.year < 2000 else ("last", self.last)
            raise InvalidError(field, day.isoformat(), "a day of the years 2000 to 2999")

    @property
    def length_days(self) -> int:
        return (self.last - self.first).days + 1

    def window(self, claimed_at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:  # noqa: ARG002
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)


@dataclass(frozen=True, slots=True)
class DaysFromClaim:
    """``days`` shop-local days; the day of the claim is day 1.

    >>> from zoneinfo import ZoneInfo
    >>> DaysFromClaim(7).window(datetime(2026, 5, 1, 3), ZoneInfo("Asia/Shanghai"))[1]
    datetime.datetime(2026, 5, 7, 16, 0)
    """

    TAG: ClassVar[str] = "days"
    days: int

    def __post_init__(self) -> None:
        check_int("days", self.days, 1, MOST_DAYS)

    @property
    def length_days(self) -> int:
        return self.days

    def window(self, claimed_at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        return claimed_at, midnight(local_day(claimed_at, zone) + timedelta(days=self.days), zone)


@dataclass(frozen=True, slots=True)
class MinutesFromClaim:
    """``minutes`` from the moment of the claim.

    >>> from zoneinfo import ZoneInfo
    >>> MinutesFromClaim(120).window(datetime(2026, 5, 1, 10), ZoneInfo("Asia/Shanghai"))[1]
    datetime.datetime(2026, 5, 1, 12, 0)
    """

    TAG: ClassVar[str] = "minutes"
    minutes: int

    def __post_init__(self) -> None:
        check_int("minutes", self.minutes, 1, MOST_DAYS * 24 * 60)

    @property
    def length_days(self) -> int:
        """Whole days, begun ones counted."""
        return -(-self.minutes // (24 * 60))

    def window(self, claimed_at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:  # noqa: ARG002
        return claimed_at, claimed_at + timedelta(minutes=self.minutes)


Validity = FixedDates | DaysFromClaim | MinutesFromClaim


def local_day(moment: datetime, zone: tzinfo) -> date:
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment (UTC, naive) at which a shop-local day begins."""
    return datetime.combine(day, time.min, zone).astimezone(UTC).replace(tzinfo=None)


def validity_to_data(validity: Validity) -> dict[str, Any]:
    match validity:
        case FixedDates():
            return {"kind": validity.TAG, "first": validity.first.isoformat(), "last": validity.last.isoformat()}
        case DaysFromClaim():
            return {"kind": validity.TAG, "days": validity.days}
        case MinutesFromClaim():
            return {"kind": validity.TAG, "minutes": validity.minutes}


def validity_from_data(data: Mapping[str, Any]) -> Validity:
    match data.get("kind"):
        case FixedDates.TAG:
            return FixedDates(date.fromisoformat(data["first"]), date.fromisoformat(data["last"]))
        case DaysFromClaim.TAG:
            return DaysFromClaim(data["days"])
        case MinutesFromClaim.TAG:
            return MinutesFromClaim(data["minutes"])
        case tag:
            raise InvalidError("validity", tag, "fixed, days or minutes")
