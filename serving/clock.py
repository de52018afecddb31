"""What makes a run repeatable when it is injected: the time and the ids."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]


def utc_now() -> datetime:
    """Now as UTC without a zone, in whole microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


class Ids:
    """Ids that sort by time and cannot be guessed: prefix, 48 bits of milliseconds, 80 random bits.

    >>> Ids(lambda: datetime(2026, 5, 1), lambda n: bytes(n))("cpn")
    'cpn_01kqgdbj000000000000000000'
    """

    def __init__(self, clock: Clock = utc_now, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.clock = clock
        self.entropy = entropy

    def __call__(self, prefix: str) -> str:
        milliseconds = int(self.clock().replace(tzinfo=UTC).timestamp() * 1000)
        number = (milliseconds << 80) | int.from_bytes(self.entropy(10), "big")
        pairs = [_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)]
        return f"{prefix}_{''.join(pairs)}"
