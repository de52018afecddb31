"""What keeps the desk honest without anybody's hand: the blind audit is drawn, and second looks are opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from serving.console_settings import Console
from serving.review.audit_slice import draw
from serving.review.second_looks import open_second_looks
from serving.store.unit import Command, Request, Store

log = structlog.get_logger(__name__)

ROUND_SECONDS = 600.0
ACTOR = "console"


class Upkeep:
    """Draws and opens on ``store`` by the shares of the settings; ``secret`` keys who is chosen.

    Several consoles on one ledger do no harm to each other: a round is drawn once, a case has one second look.
    """

    def __init__(self, store: Store, settings: Console, secret: str) -> None:
        self._store = store
        key = secret.encode()
        self._work: tuple[tuple[str, Command], ...] = (
            ("draw", draw(settings.audit_share, key)),
            ("second", open_second_looks(settings.second_look_share, key)),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A round every ten minutes until the block ends; what has begun is finished."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._until(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def once(self) -> dict[str, int]:
        """One round now; how many cases were opened."""
        found: dict[str, int] = {}
        for name, command in self._work:
            key = self._store.ids(name)
            answer = await self._store.run(Request(ACTOR, key, f"upkeep {name}", key), command)
            found |= answer.body
        return found

    async def _until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.once()
            except Exception as error:  # the next round tries again; this must never stop the console
                log.error("upkeep failed", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ROUND_SECONDS)
