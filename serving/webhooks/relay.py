"""The relay: from the outbox to the receivers, at least once, for as long as the app runs.

A round tells every endpoint of new events (one delivery row per event and endpoint) and then runs one lane for each
endpoint that has something due: claim under a lease, POST one after the other, write down what became of them. A relay
that dies between a POST and that commit leaves the lease to run out; another sends the same event again under the same
``webhook-id``, by which receivers tell a repetition.

Order is best effort. A lane sends the events of one coupon in the order of the ledger and stops when the receiver is
down, but what failed is sent later than what followed it, and two processes share an endpoint's work. ``sequence`` in
the payload numbers the events of one coupon for receivers that need their order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from serving.clock import Clock, utc_now
from serving.coupons.refusals import Refuse
from serving.store.faults import fault
from serving.store.unit import Answer, Command, Request, Store, Transaction
from serving.webhooks import deliveries, endpoints
from serving.webhooks.backoff import delay
from serving.webhooks.deliveries import Attempt, Parcel
from serving.webhooks.endpoint import FAILING, GONE, Endpoint
from serving.webhooks.lane import Lane
from serving.webhooks.payload import payload_text
from serving.webhooks.sender import Outcome, Sender
from serving.webhooks.signing import Signer

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
PUBLISH = 200  # events in one transaction
LANE = 50  # parcels under one lease
LANES = 32  # endpoints at once
LEASE = timedelta(minutes=2)
LANE_TIME = timedelta(seconds=20)  # then what was sent is committed, long before the lease runs out
PAUSE = timedelta(seconds=10)  # for the others of an endpoint that is down


class Relay:
    """Sends what the outbox holds; ``draw`` spreads retries and ``sent_clock`` is the time that receivers check."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        sender: Sender,
        draw: Callable[[], float] = random.random,
        sent_clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._signer = signer
        self._sender = sender
        self._draw = draw
        self._sent_clock = sent_clock
        self._busy: set[str] = set()

    async def once(self) -> int:
        """One round, to its end; how many POSTs it made."""
        return sum(await asyncio.gather(*[self.lane(webhook_id) for webhook_id in await self.waiting()]))

    async def waiting(self) -> Sequence[str]:
        """Tell endpoints of new events; then those that have something due and no lane in this relay."""
        while await self._store.fetch(deliveries.unpublished):
            if await self._run("publish", lambda tx: Answer(200, {"done": deliveries.publish(tx, PUBLISH)})) == 0:
                break  # another relay has them
        due = await self._store.fetch(partial(deliveries.due_endpoints, now=self._store.clock()))
        return [webhook_id for webhook_id in due if webhook_id not in self._busy][: LANES - len(self._busy)]

    async def lane(self, webhook_id: str) -> int:
        """Claim what is due for one endpoint, send it and settle it, until nothing is due; how many POSTs."""
        self._busy.add(webhook_id)
        try:
            total = sent = await self._lane(webhook_id)
            while sent == LANE:
                total += (sent := await self._lane(webhook_id))
            return total
        finally:
            self._busy.discard(webhook_id)

    async def _lane(self, webhook_id: str) -> int:
        lease, began = self._store.ids("lse"), self._store.clock()
        until = began + LEASE

        def claim(tx: Transaction) -> Answer:
            return Answer(200, {"done": deliveries.claim(tx, webhook_id, lease, until, LANE)})

        if await self._run("claim", claim) == 0:
            return 0
        parcels = await self._store.fetch(partial(deliveries.claimed, lease=lease))
        endpoint = await self._store.fetch(partial(endpoints.find, webhook_id=webhook_id))
        if endpoint is None:
            return 0
        lane = Lane(partial(self._attempt, endpoint), lambda: self._store.clock() <= began + LANE_TIME)
        try:
            await lane.run(parcels)
        finally:
            await self._run(
                "settle", self._settling(webhook_id, lease, lane.tried, PAUSE if lane.down else timedelta())
            )
        return len(lane.tried)

    async def _attempt(self, endpoint: Endpoint, parcel: Parcel) -> Attempt:
        event, body = parcel.event, payload_text(parcel.event)
        headers = self._signer.headers(endpoint, event.event_id, body, self._store.clock(), self._sent_clock())
        outcome = await self._sender.post(endpoint.url, headers, body)
        fault("after_post")
        if not outcome.delivered:
            # The address is not logged: some carry a token.
            log.warning(
                "webhook failed",
                webhook_id=endpoint.webhook_id,
                event_id=event.event_id,
                status=outcome.status,
                error=outcome.error,
            )
        now = self._store.clock()
        return Attempt(event.event_id, now, outcome, self._next(parcel, outcome, now))

    def _next(self, parcel: Parcel, outcome: Outcome, now: datetime) -> datetime | None:
        wait = None if outcome.gone else delay(parcel.attempts + 1, self._draw())
        return None if wait is None else now + wait

    def _settling(self, webhook_id: str, lease: str, tried: Sequence[Attempt], resume: timedelta) -> Command:
        gone = any(attempt.outcome.gone for attempt in tried)

        def command(tx: Transaction) -> Answer | Refuse:
            failed = deliveries.settle(tx, webhook_id, lease, tried, tx.now + resume)
            if gone:
                endpoints.disable(tx, webhook_id, GONE)
            elif any(deliveries.nothing_arrived_since(tx, webhook_id, event_id) for event_id in failed):
                endpoints.disable(tx, webhook_id, FAILING)
            return Answer(200, {"done": len(tried)})

        return command

    async def _run(self, what: str, command: Command) -> int:
        key = self._store.ids("rly")
        return int((await self._store.run(Request("relay", key, what, key), command)).body["done"])


async def relay_for_ever(relay: Relay) -> None:
    """Rounds, a second apart; a slow endpoint holds up its own lane only. Cancelling settles what is under way."""
    lanes: set[asyncio.Task[None]] = set()
    try:
        while True:
            try:
                for webhook_id in await relay.waiting():
                    task = asyncio.create_task(_quietly(relay, webhook_id))
                    lanes.add(task)
                    task.add_done_callback(lanes.discard)
            except Exception as error:  # the next round tries again; the relay must never stop the service
                log.error("relay failed", error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)
    finally:
        for task in list(lanes):
            task.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def _quietly(relay: Relay, webhook_id: str) -> None:
    try:
        await relay.lane(webhook_id)
    except Exception as error:  # its lease runs out, and then the parcels are claimed again
        log.error("relay lane failed", webhook_id=webhook_id, error=type(error).__name__)
