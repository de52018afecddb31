"""Whether the ledger answers: what the readiness of the apps that write to it rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from serving.store.schema import campaigns
from serving.store.unit import Store

ANSWERS_WITHIN = 2.0  # seconds


def ledger_ready(store: Store) -> Callable[[], Awaitable[dict[str, str]]]:
    """A readiness check that reads a row; an empty mapping means ready."""

    def look(connection: Connection) -> None:
        connection.execute(select(campaigns.c.campaign_id).limit(1)).all()

    async def ready() -> dict[str, str]:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await store.fetch(look)
        except (SQLAlchemyError, TimeoutError):
            return {"ledger": "a ledger that answers"}
        return {}

    return ready
