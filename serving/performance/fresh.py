"""Figures that many readers ask for at once are computed once and kept for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Any

MOST = 50


class Fresh:
    """Answers by key that are at most ``seconds`` old; one computation at a time."""

    def __init__(self, clock: Callable[[], datetime], seconds: int = 30) -> None:
        self._clock = clock
        self._length = timedelta(seconds=seconds)
        self._kept: dict[Hashable, tuple[datetime, Any]] = {}
        self._lock = asyncio.Lock()

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[Any]]) -> tuple[datetime, Any]:
        """When the answer was computed, and the answer."""
        async with self._lock:
            now = self._clock()
            found = self._kept.get(key)
            if found is None or not now - self._length < found[0] <= now:
                found = (now, await compute())
                if len(self._kept) >= MOST:
                    self._kept.clear()
                self._kept[key] = found
            return found
