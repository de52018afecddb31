"""What time does to coupons: holds past their deadline are freed, coupons past their validity expire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection

from serving.redeemer import Redeemer
from serving.store import coupons, orders
from serving.store.unit import Request, Store

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30.0
BATCH = 200


async def sweep(store: Store, redeemer: Redeemer) -> int:
    """Do what is due now, in small transactions; how many holds and coupons changed."""
    changed = 0
    while True:
        over, late = await store.fetch(lambda connection: _due(connection, store))
        if not over and not late:
            return changed
        key = store.ids("swp")
        answer = await store.run(Request("sweeper", key, "sweep", key), redeemer.expire(over, late))
        if not answer.body.get("changed"):
            return changed
        changed += int(answer.body["changed"])


def _due(connection: Connection, store: Store) -> tuple[Sequence[str], Sequence[str]]:
    now = store.clock()
    return coupons.due(connection, now, BATCH), orders.due(connection, now, BATCH)


async def sweep_for_ever(store: Store, redeemer: Redeemer) -> None:
    """Sweep every half minute; nothing depends on it being on time, because every rule looks at the clock itself."""
    while True:
        try:
            await sweep(store, redeemer)
        except Exception as error:  # the next round tries again; a sweep must never stop the service
            log.error("sweep failed", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
