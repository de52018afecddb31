"""When a coupon may be used: fixed shop-local dates, or a number of days of which the day of the claim is the first.

Moments are UTC without a zone. Both ends are shop-local midnights, so that a coupon of 7 days claimed at 23:59 on the
1st ends when the 7th ends where the shop is. ``until`` is exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar

from serving.coupons.money import InvalidError, check_int


@dataclass(frozen=True, slots=True)
class FixedDates:
    """From the start of ``first`` to the end of ``last``, shop-local."""

    TAG: ClassVar[str] = "fixed"
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InvalidError("first", self.first.isoformat(), f"a day not after last ({self.last.isoformat()})")

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
        check_int("days", self.days, 1, 3660)

    def window(self, claimed_at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        return claimed_at, midnight(local_day(claimed_at, zone) + timedelta(days=self.days), zone)


Validity = FixedDates | DaysFromClaim


def local_day(moment: datetime, zone: tzinfo) -> date:
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment (UTC, naive) at which a shop-local day begins."""
    return datetime.combine(day, time.min, zone).astimezone(UTC).replace(tzinfo=None)


def validity_to_data(validity: Validity) -> dict[str, Any]:
    if isinstance(validity, FixedDates):
        return {"kind": validity.TAG, "first": validity.first.isoformat(), "last": validity.last.isoformat()}
    return {"kind": validity.TAG, "days": validity.days}


def validity_from_data(data: Mapping[str, Any]) -> Validity:
    if data.get("kind") == FixedDates.TAG:
        return FixedDates(date.fromisoformat(data["first"]), date.fromisoformat(data["last"]))
    if data.get("kind") == DaysFromClaim.TAG:
        return DaysFromClaim(data["days"])
    raise InvalidError("validity", data.get("kind"), "fixed or days")
