"""A circuit breaker: after a row of failures it stops asking, rests, then lets one question through to find out.

closed → (``failures`` in a row) → open → (``rest_seconds``) → half open → one trial: success closes, failure opens
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


class Breaker:
    """Not for threads: one event loop owns it. Every ``allows()`` that is true is followed by one outcome."""

    def __init__(
        self, failures: int = 5, rest_seconds: float = 10.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.failures = failures
        self.rest_seconds = rest_seconds
        self._monotonic = monotonic
        self._failed = 0
        self._opened_at: float | None = None
        self._trial = False

    @property
    def state(self) -> str:
        if self._opened_at is None:
            return CLOSED
        return HALF_OPEN if self._monotonic() - self._opened_at >= self.rest_seconds else OPEN

    def allows(self) -> bool:
        """May a question be asked now? Half open, only the first asker may."""
        if self.state == CLOSED:
            return True
        if self.state == OPEN or self._trial:
            return False
        self._trial = True
        return True

    def succeeded(self) -> None:
        self._failed, self._opened_at, self._trial = 0, None, False

    def failed(self) -> None:
        self._failed += 1
        if self._trial or self._failed >= self.failures:
            self._opened_at = self._monotonic()
        self._trial = False

    def abandoned(self) -> None:
        """The asker went away without an outcome: nothing was learnt, the next may try."""
        self._trial = False
