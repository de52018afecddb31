"""What time does to coupons: holds past their deadline are freed, coupons past their validity expire."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from serving.redeemer import Redeemer
from serving.store.coupons import due
from serving.store.unit import Request, Store

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30.0
BATCH = 200


async def sweep(store: Store, redeemer: Redeemer) -> int:
    """Do what is due now, in small transactions; how many coupons changed."""
    changed = 0
    while True:
        found = await store.fetch(partial(due, now=store.clock(), limit=BATCH))
        if not found:
            return changed
        key = store.ids("swp")
        answer = await store.run(Request("sweeper", key, "sweep", key), redeemer.expire(found))
        if not answer.body.get("changed"):
            return changed
        changed += int(answer.body["changed"])


async def sweep_for_ever(store: Store, redeemer: Redeemer) -> None:
    """Sweep every half minute; nothing depends on it being on time, because every rule looks at the clock itself."""
    while True:
        try:
            await sweep(store, redeemer)
        except Exception as error:  # the next round tries again; a sweep must never stop the service
            log.error("sweep failed", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
