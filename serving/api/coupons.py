"""The coupons app: catalogue, issuer and redeemer over HTTP. Routes only translate; rules live below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.api import catalogue, issuing, redeeming
from serving.api.ledger_ready import ledger_ready
from serving.api.plumbing import add_plumbing
from serving.api.problems import add_problem_handlers
from serving.api.sweeper import sweep_for_ever
from serving.client import ScoringClient
from serving.issuer import Issuer
from serving.keys import KeyRing
from serving.redeemer import Redeemer
from serving.store.unit import Store


def build(store: Store, issuer: Issuer, redeemer: Redeemer, keys: KeyRing) -> FastAPI:
    """The app on its parts. Who made the store closes it, because other apps of the process may share it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(sweep_for_ever(store, redeemer))
        try:
            yield
        finally:
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper
            await issuer.scoring.close()

    app = FastAPI(title="Fairdeal coupons", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.store, app.state.issuer, app.state.redeemer, app.state.keys = store, issuer, redeemer, keys
    app.state.in_flight = set()
    add_problem_handlers(app)
    registry = CollectorRegistry()
    registry.register(_Consulting(issuer.scoring))
    add_plumbing(app, ledger_ready(store), registry)
    for part in (catalogue, issuing, redeeming):
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
