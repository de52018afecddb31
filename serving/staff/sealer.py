"""The sealed log without help: a console seals what is new every minute, and verifies the whole chain when asked.

Both read the ledger in a thread. Verifying a long log takes a while; its result is an event, so that every process of
the console knows it and nobody verifies on each look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from serving.settings import Settings
from serving.staff.notes import noted
from serving.store import audit
from serving.store.schema import events
from serving.store.unit import Request, Store

log = structlog.get_logger(__name__)

SEAL_SECONDS = 60.0
# Events before the last sealed one that are looked at again: PostgreSQL numbers rows before they are committed. What
# comes later still is sealed when somebody verifies; reading a million events takes the interpreter for half a minute.
LOOK_BACK = 5_000
VERIFIED = "audit.verified"


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known without verifying: ``unsealed`` counts events after the last seal; ``verified`` is the last
    result, with its time."""

    sealed: int
    unsealed: int
    head: str
    verified: dict[str, Any] | None
    verified_at: datetime | None
    verified_by: str


class Sealer:
    """Seals and verifies the ledger of ``store`` into the file of the settings."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._path = settings.seals
        self._key = settings.risk.key
        self._verifying: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Seal every minute until the block ends; what has begun is finished."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._seal_until(stop))
        try:
            yield
        finally:
            stop.set()
            await task
            if self._verifying is not None:
                await asyncio.wait([self._verifying])

    async def seal(self, look_back: int | None = LOOK_BACK) -> int:
        """Seal what is new; how many events. ``None`` looks at every event of the ledger."""
        return await asyncio.to_thread(audit.seal, self._store.url, self._path, self._key, look_back)

    @property
    def verifying(self) -> bool:
        return self._verifying is not None and not self._verifying.done()

    def verify(self, by: str) -> asyncio.Task[None]:
        """Begin to verify the whole chain, unless this process is at it already."""
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.create_task(self._verify(by))
        return self._verifying

    def chain(self, connection: Connection) -> Chain:
        """The state of the chain, from its last line and the last result."""
        last = audit.last_link(self._path)
        seq = select(events.c.seq).where(events.c.event_id == last.event_id).scalar_subquery()
        after = connection.execute(select(func.count()).where(events.c.seq > func.coalesce(seq, 0))).scalar()
        query = select(events.c.data, events.c.at, events.c.actor).where(events.c.kind == VERIFIED)
        row = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).one_or_none()
        found = None if row is None else json.loads(row.data)
        return Chain(
            last.n, after or 0, last.chain, found, row.at if row is not None else None, row.actor if row else ""
        )

    async def _verify(self, by: str) -> None:
        try:
            await self.seal(None)
            report = await asyncio.to_thread(audit.verify, self._store.url, self._path, self._key)
        except Exception as error:  # what reads a file that was tampered with must not end unheard
            log.error("audit verify failed", error=type(error).__name__)
            report = audit.AuditReport(0, 0, audit.START, f"the chain cannot be read ({type(error).__name__})")
        details = {"ok": report.ok, "sealed": report.sealed, "head": report.head, "broken": report.broken or ""}
        key = self._store.ids("aud")
        await self._store.run(Request(by, key, "audit verify", key), noted(VERIFIED, "audit", details))

    async def _seal_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.seal()
            except Exception as error:  # the next round tries again; sealing must never stop the console
                log.error("sealing failed", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SEAL_SECONDS)
