"""The shop's clock: days, weekly and yearly seasons, festivals and the hours at which people shop.

Moments are integer microseconds since 1970 in UTC; days count from the first simulated day, in shop time (UTC+8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipelines.shop.seeds import Floats, Ints

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SHOP_OFFSET = 8 * HOUR
START = date(2026, 4, 1)

# Monday to Sunday.
_WEEK = np.array([0.92, 0.90, 0.93, 0.96, 1.05, 1.16, 1.12])
# (month, first day, last day, how much busier): Labour Day, 618, National Day, Double 11, Double 12, Spring Festival.
_FESTIVALS = (
    (5, 1, 5, 1.25),
    (6, 1, 15, 1.15),
    (6, 16, 18, 1.9),
    (10, 1, 7, 1.2),
    (11, 1, 10, 1.2),
    (11, 11, 11, 2.6),
    (12, 12, 12, 1.8),
    (2, 10, 20, 0.7),
)


@dataclass(frozen=True)
class Calendar:
    """The simulated period; ``busy[d]`` is how much busier day d is than an ordinary one."""

    start: date
    days: int
    busy: Floats

    @classmethod
    def of(cls, days: int, start: date = START) -> Calendar:
        """A period of so many days.

        >>> busy = Calendar.of(90).busy
        >>> bool(busy[78] > 1.5 * busy[64])  # 18 June against 4 June, both Thursdays
        True
        """
        return cls(start, days, busy_factors(start, days))

    @property
    def begin(self) -> int:
        """The first moment."""
        return (self.start - date(1970, 1, 1)).days * DAY - SHOP_OFFSET

    @property
    def end(self) -> int:
        """The moment after the last."""
        return self.begin + self.days * DAY

    def day_of(self, moments: Ints) -> Ints:
        """The day of each moment, clipped to the period."""
        return np.clip((moments - self.begin) // DAY, 0, self.days - 1)


def busy_factors(start: date, days: int) -> Floats:
    """Weekly rhythm x a mild yearly wave (more in autumn) x festivals."""
    factors = np.ones(days)
    for index in range(days):
        today = start + timedelta(days=index)
        wave = 1 + 0.06 * np.cos(2 * np.pi * (today.timetuple().tm_yday - 315) / 365.25)
        factors[index] = _WEEK[today.weekday()] * wave
        for month, first, last, factor in _FESTIVALS:
            if today.month == month and first <= today.day <= last:
                factors[index] *= factor
    return factors


def draw_hours(habit: Floats, rng: np.random.Generator) -> Floats:
    """A local hour of day (fractional) for each visit: near the user's own hour, at lunch, or in the evening."""
    n = len(habit)
    kind = rng.random(n)
    centre = np.where(kind < 0.6, habit, np.where(kind < 0.8, 12.5, 21.0))
    return np.mod(centre + rng.normal(0, 1.6, n), 24)
