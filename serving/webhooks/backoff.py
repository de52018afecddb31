"""When a webhook that did not arrive is sent again: from ten seconds to twelve hours, thirteen times in three days."""

from __future__ import annotations

from datetime import timedelta

MOST_ATTEMPTS = 13
_FIRST = timedelta(seconds=10)
_GROWTH = 4
_LONGEST = timedelta(hours=12)
_SPREAD = 0.2


def delay(attempts: int, draw: float) -> timedelta | None:
    """How long to wait after ``attempts`` failed ones; None when there have been enough.

    ``draw`` in [0, 1) moves it by up to 20 % either way, so that receivers that fell over together are not asked
    together again.

    >>> [str(delay(attempts, 0.5)) for attempts in (1, 2, 3, 4, 5, 8, 12)]
    ['0:00:10', '0:00:40', '0:02:40', '0:10:40', '0:42:40', '12:00:00', '12:00:00']
    >>> delay(13, 0.5) is None
    True
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    plain = min(_FIRST * _GROWTH ** (attempts - 1), _LONGEST)
    return plain * (1 - _SPREAD + 2 * _SPREAD * draw)
