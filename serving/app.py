"""The composition root: builds the three apps from settings and runs them. Nothing happens on import.

``fairdeal serve`` runs scoring, coupons and console in **one process on one event loop**, because that is simplest and
means one Feast store. Each app may also be its own process (``fairdeal serve coupons`` …): on one SQLite ledger they
take turns, in production there is PostgreSQL behind them, and nothing but settings differs.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
import uvicorn
from fastapi import FastAPI

from features.errors import InputError
from models.registry import Registry
from serving.api import coupons as coupons_api
from serving.api.coupons import Outgoing
from serving.api.webhooks import WebhookParts
from serving.business import sandbox, side
from serving.client import ScoringClient
from serving.clock import Clock, Ids, utc_now
from serving.console import app as console_pages
from serving.console.desk import Desk
from serving.console.starter import Starter
from serving.keys import SCOPES, KeyRing, Principal, embedded_keys
from serving.privacy import Hasher
from serving.review.flags import standings_of
from serving.risk_settings import EMBEDDED_KEY
from serving.scoring import app as scoring_api
from serving.scoring.champions import Holder
from serving.scoring.sources import FeatureReader, ModelSource
from serving.settings import Service, Settings
from serving.sides import Sides
from serving.staff.entrance import Entrance
from serving.staff.links import GOOD_FOR
from serving.staff.oidc import Provider
from serving.staff.passwords import Passwords
from serving.staff.roles import LEAD
from serving.staff.sealer import Sealer
from serving.staff.sessions import Sessions
from serving.staff.welcome import welcome
from serving.store.engine import is_sqlite, reader_engine
from serving.store.unit import Store
from serving.webhooks.guard import Guard
from serving.webhooks.relay import Relay
from serving.webhooks.sender import Sender
from serving.webhooks.signing import Signer

log = structlog.get_logger(__name__)

NAMES = ("scoring", "coupons", "console")
# Longer than the slowest write, so that stopping drops no request that has begun.
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Parts:
    """What may be exchanged: clock and ids, features and models, the way to scoring, what starts flows."""

    clock: Clock = utc_now
    ids: Ids | None = None
    features: FeatureReader | None = None
    models: ModelSource | None = None
    transport: httpx.AsyncBaseTransport | None = None
    judge: Starter | None = None


def key_ring(settings: Settings) -> KeyRing:
    """Who may call: the settings' hashes, or the embedded keys below home."""
    if not settings.services.api_keys:
        return KeyRing.of(embedded_keys(settings.home))
    entries = []
    for key in settings.services.api_keys:
        unknown = set(key.scopes) - set(SCOPES)
        if unknown:
            raise InputError("services.api_keys.scopes", sorted(unknown), f"some of: {', '.join(SCOPES)}")
        entries.append((key.sha256, Principal(key.principal, frozenset(key.scopes), key.test, key.expires)))
    return KeyRing(entries)


def open_store(settings: Settings, parts: Parts | None = None) -> Store:
    """The ledger as the one writer of this process; the schema is brought up to date."""
    given = parts or Parts()
    return Store(settings.ledger_url, given.clock, given.ids)


def scoring_app(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The scoring service; models are loaded when it starts, flags are read from the ledger's review tables."""
    given = parts or Parts()
    features = given.features or _online(settings)
    models: ModelSource = given.models or Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    flags = reader_engine(settings.ledger_url)

    def standings(user_ids: list[str]) -> dict[str, str]:
        with flags.begin() as connection:
            return standings_of(connection, user_ids, given.clock())

    return scoring_api.build(Holder(models, features), features, standings, key_ring(settings))


def coupons_app(settings: Settings, store: Store, parts: Parts | None = None) -> FastAPI:
    """Issuer and redeemer on a store that the caller opened and closes; test keys get a sandbox beside it."""
    given = parts or Parts()
    live = side(settings, store, scoring_client(settings, given.transport))
    guard = Guard(settings.webhooks.allow_private)
    signer = Signer(settings.webhooks.signing_key or settings.risk.key)
    sender = Sender(guard)
    outgoing = Outgoing(WebhookParts(signer, guard), Relay(store, signer, sender), sender)
    sides = Sides(live, lambda: sandbox(settings, live))
    return coupons_api.build(sides, key_ring(settings), outgoing, settings.advice)


def console_app(
    settings: Settings,
    store: Store,
    transport: httpx.AsyncBaseTransport | None = None,
    provider: httpx.AsyncBaseTransport | None = None,
    judge: Starter | None = None,
) -> FastAPI:
    """The console on a store that the caller opened and closes; ``transport`` replaces the way to the coupons app,
    ``provider`` the way to the identity provider; ``judge`` starts the flows that pages ask for."""
    console = settings.console
    coupons = httpx.AsyncClient(
        base_url=console.coupons_url or address(settings.services.coupons),
        headers={"Authorization": f"Bearer {console.coupons_key or embedded_keys(settings.home)['console']}"},
        transport=transport,
        timeout=10,
    )
    sessions = Sessions(store, console)
    entrance = Entrance(store, sessions, console, Hasher(settings.risk.key), Passwords())
    oidc = None
    if console.oidc.issuer:
        oidc = Provider(console.oidc, console_address(settings), store.clock, provider)
    desk = Desk(store, settings, sessions, coupons, entrance, Sealer(store, settings), oidc)
    desk.starter = judge
    return console_pages.build(desk)


def scoring_client(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> ScoringClient:
    """How the coupons app asks scoring; ``transport`` replaces the network (``httpx.ASGITransport``)."""
    services = settings.services
    key = services.scoring_key or embedded_keys(settings.home)["coupons"]
    http = httpx.AsyncClient(
        base_url=services.scoring_url or address(services.scoring),
        headers={"Authorization": f"Bearer {key}"},
        transport=transport,
        timeout=services.scoring_deadline_ms / 1000,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
    )
    return ScoringClient(http, services.scoring_deadline_ms / 1000)


def address(service: Service) -> str:
    return f"http://{service.host}:{service.port}"


def console_address(settings: Settings) -> str:
    """Where browsers find the console."""
    return settings.console.public_url or address(settings.services.console)


def console_links(settings: Settings, length: timedelta = GOOD_FOR, clock: Clock = utc_now) -> dict[str, str]:
    """Links by role that sign in once each, within ``length``; the accounts are made on first use."""
    store = open_store(settings, Parts(clock=clock))
    try:
        return welcome(store, console_address(settings), length)
    finally:
        store.close()


def console_link(settings: Settings, role: str = LEAD) -> str:
    """One of ``console_links``."""
    return console_links(settings)[role]


def serve(settings: Settings, which: str | None = None, parts: Parts | None = None) -> None:
    """Run one app, or all three side by side, until SIGINT or SIGTERM."""
    if which is not None and which not in NAMES:
        raise InputError("app", which, f"one of: {', '.join(NAMES)}")
    names = NAMES if which is None else (which,)
    _require_secrets(settings)
    store = open_store(settings, parts) if {"coupons", "console"} & set(names) else None
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(_serve(settings, names, store, parts))
    finally:
        if store is not None:
            store.close()


def _require_secrets(settings: Settings) -> None:
    """What is harmless on one machine is not on a server: a key that is public, webhooks into our own network."""
    if is_sqlite(settings.ledger_url):
        return
    if settings.risk.key == EMBEDDED_KEY:
        raise InputError("risk.key", "the embedded default", "a secret of this installation (FAIRDEAL_RISK__KEY)")
    if settings.webhooks.allow_private:
        raise InputError("webhooks.allow_private", True, "false, where the ledger is not embedded")


async def _serve(settings: Settings, names: tuple[str, ...], store: Store | None, parts: Parts | None) -> None:
    servers = []
    for name in names:
        service: Service = getattr(settings.services, name)
        config = uvicorn.Config(
            _build(name, settings, store, parts),
            host=service.host,
            port=service.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            server_header=False,
        )
        servers.append(_Server(config))
        log.info("serving", app=name, address=address(service), process=os.getpid())

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    running = [asyncio.create_task(server.serve()) for server in servers]
    # An app that cannot start (a port in use) takes the others down with it, instead of a shop that is half there.
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*running)


class _Server(uvicorn.Server):
    """Leaves signals to us: several servers would pass each other's on and end the process before the ledger closes."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _build(name: str, settings: Settings, store: Store | None, parts: Parts | None) -> FastAPI:
    if name == "scoring" or store is None:
        return scoring_app(settings, parts)
    if name == "coupons":
        return coupons_app(settings, store, parts)
    return console_app(settings, store, judge=parts.judge if parts else None)


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _online(settings: Settings) -> FeatureReader:
    from serving.scoring.online import feast_features  # Feast takes seconds to import

    return feast_features(settings)
