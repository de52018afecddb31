"""One lane: the parcels of one lease go to one endpoint, those of one coupon in order, different coupons side by side.

The first parcel goes alone: of a receiver that is down one POST finds out, and not eight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from serving.webhooks.deliveries import Attempt, Parcel

WIDTH = 8


class Lane:
    """``tried`` grows as parcels are sent, so that whoever stops a lane knows what it did; ``down`` says why it ended.

    ``may_go_on`` is asked before each parcel.
    """

    def __init__(self, attempt: Callable[[Parcel], Awaitable[Attempt]], may_go_on: Callable[[], bool]) -> None:
        self.tried: list[Attempt] = []
        self.down = False
        self._attempt = attempt
        self._may_go_on = may_go_on
        self._width = asyncio.Semaphore(WIDTH)

    async def run(self, parcels: Sequence[Parcel]) -> None:
        """Send until all are sent, the receiver is down or time is up; when one fails to be tried, none goes on."""
        await self._in_order(parcels[:1])
        streams: dict[str, list[Parcel]] = {}
        for parcel in parcels[1:]:
            streams.setdefault(parcel.event.stream, []).append(parcel)
        tasks = [asyncio.create_task(self._in_order(stream)) for stream in streams.values()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_order(self, stream: Sequence[Parcel]) -> None:
        async with self._width:
            for parcel in stream:
                if self.down or not self._may_go_on():
                    return
                attempt = await self._attempt(parcel)
                self.tried.append(attempt)
                if attempt.outcome.receiver_down:
                    self.down = True
