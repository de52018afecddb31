"""The coupons app: catalogue, issuer and redeemer over HTTP. Routes only translate; rules live below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.api import appeals, catalogue, decisions, display, issuing, people, redeeming, sandbox, webhooks
from serving.api.ledger_ready import ledger_ready
from serving.api.plumbing import add_plumbing
from serving.api.problems import add_problem_handlers
from serving.api.sweeper import sweep_for_ever
from serving.client import ScoringClient
from serving.keys import KeyRing
from serving.shop_settings import Advice
from serving.sides import Sides
from serving.webhooks.relay import Relay, relay_for_ever
from serving.webhooks.sender import Sender


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What sends webhooks: the routes' parts, the relay, and the sender that it posts with."""

    parts: webhooks.WebhookParts
    relay: Relay
    sender: Sender


def build(sides: Sides, keys: KeyRing, outgoing: Outgoing, advice: Advice) -> FastAPI:
    """The app on its parts. Who made the live store closes it, because other apps of the process may share it."""
    live = sides.live

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(sweep_for_ever(live.store, live.redeemer)),
            asyncio.create_task(relay_for_ever(outgoing.relay)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await outgoing.sender.close()
            await live.issuer.scoring.close()
            await sides.close()

    app = FastAPI(title="Fairdeal coupons", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.sides, app.state.keys, app.state.in_flight = sides, keys, set()
    app.state.webhooks, app.state.advice = outgoing.parts, advice
    add_problem_handlers(app)
    registry = CollectorRegistry()
    registry.register(_Consulting(live.issuer.scoring))
    add_plumbing(app, ledger_ready(live.store), registry)
    for part in (catalogue, issuing, redeeming, decisions, display, people, appeals, webhooks, sandbox):
        app.include_router(part.router)
    return app


class _Consulting(Collector):
    """How often rules answered in place of scoring, by cause, and whether the breaker is closed."""

    def __init__(self, scoring: ScoringClient) -> None:
        self._scoring = scoring

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily("scoring_fallbacks", "answers by rules in place of scoring", labels=["cause"])
        for cause, count in self._scoring.fallbacks.items():
            counter.add_metric([cause], count)
        yield counter
        closed = float(self._scoring.breaker.state == "closed")
        yield GaugeMetricFamily("scoring_breaker_closed", "1 while scoring is asked", value=closed)
