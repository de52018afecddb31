"""Codes that are exchanged for a coupon: how they are written, and how many wrong ones somebody may try.

A code is 80 random bits in four groups of Crockford's base 32; nothing in it is public, so with a million live codes
and ten guesses a minute all day, the chance of a hit is about 10⁻¹⁴ a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.coupons.money import InvalidError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BYTES = 10
_GROUP, _LENGTH = 4, 16
_READ_AS = str.maketrans("OIL", "011", "- ")
MINUTE = timedelta(minutes=1)


def write_code(random: bytes) -> str:
    """A code out of ten random bytes.

    >>> write_code(bytes(range(10)))
    '000G-40R4-0M30-E209'
    """
    if len(random) != RANDOM_BYTES:
        raise InvalidError("random", len(random), f"{RANDOM_BYTES} bytes")
    number = int.from_bytes(random, "big")
    letters = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def normal(typed: str) -> str:
    """A code as it is hashed: people leave out hyphens, write small letters, and take O for 0 and I or L for 1.

    >>> normal("ooo4 1o61-o50r3gg9")
    '00041061050R3GG9'
    """
    return typed.upper().translate(_READ_AS)


@dataclass(frozen=True, slots=True)
class GuessLimit:
    """At most ``wrong`` wrong codes within any minute; from the ``looked_at``-th lock on a person looks at it."""

    wrong: int = 10
    looked_at: int = 3


@dataclass(frozen=True, slots=True)
class Guesses:
    """The latest wrong guesses of one user, device or IP (UTC, oldest first), and how often they locked it."""

    times: tuple[datetime, ...] = ()
    locks: int = 0

    def locked_seconds(self, now: datetime, limit: GuessLimit) -> int:
        """Seconds until the next guess may be tried, rounded up; 0 when it may be tried now."""
        if len(self.times) < limit.wrong:
            return 0
        left = self.times[-limit.wrong] + MINUTE - now
        return max(0, -(-left // timedelta(seconds=1)))

    def wrong(self, now: datetime, limit: GuessLimit) -> Guesses:
        """After one more wrong guess; a lock is counted when this guess was the last one allowed."""
        times = (*self.times, now)[-limit.wrong :]
        after = Guesses(times, self.locks)
        return Guesses(times, self.locks + 1) if after.locked_seconds(now, limit) else after
