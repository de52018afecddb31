"""A shop that only has webhooks: the routes, a relay, and a receiver on an internet of our own."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fakes.shop import Clock, seeded_ids
from fastapi import FastAPI
from standardwebhooks import Webhook

from serving.api import webhooks as routes
from serving.api.problems import add_problem_handlers
from serving.keys import ROLES, WEBHOOKS, KeyRing, Principal
from serving.store.unit import Answer, Request, Store
from serving.webhooks.guard import Guard
from serving.webhooks.relay import Relay
from serving.webhooks.sender import Sender
from serving.webhooks.signing import Signer

PUBLIC = "93.184.215.14"
KEY = "a key of the installation"


class Receiver:
    """Answers as told; ``seen`` keeps every request, ``took`` what a receiver that drops repetitions would keep."""

    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []
        self.took: dict[str, Any] = {}
        self.answer: Callable[[httpx.Request], Any] = lambda _: 200

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        outcome = self.answer(request)
        if hasattr(outcome, "__await__"):
            outcome = await outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, httpx.Response) else httpx.Response(outcome)

    def take(self, request: httpx.Request, secret: str) -> bool:
        """What a receiver does: verify, then drop what it has seen; raises when the signature is no good."""
        body = Webhook(secret).verify(request.content, dict(request.headers))
        if request.headers["webhook-id"] in self.took:
            return False
        self.took[request.headers["webhook-id"]] = body
        return True

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.seen]

    def by_endpoint(self) -> Counter[tuple[str, str]]:
        return Counter((request.headers["host"], request.headers["webhook-id"]) for request in self.seen)


@dataclass(frozen=True)
class OneSide:
    """The side of every key: routes of webhooks need nothing but its store."""

    store: Store

    async def of(self, principal: Principal) -> OneSide:
        return self


class HookShop:
    """Routes, relay and receiver on one ledger; names are resolved from ``addresses``."""

    def __init__(self, url: str, clock: Clock, seed: int = 1, receiver: Receiver | None = None) -> None:
        self.clock = clock
        self.url = url
        self.store = Store(url, clock, seeded_ids(clock, seed))
        self.receiver = receiver or Receiver()
        self.addresses: dict[str, Sequence[str]] = {}
        self.guard = Guard(resolve=self.resolve)
        self.signer = Signer(KEY)
        self.sender = Sender(self.guard, httpx.MockTransport(self.receiver.handle))
        self.relay = self.another_relay()
        app = FastAPI()
        app.state.sides, app.state.in_flight = OneSide(self.store), set()
        app.state.keys = KeyRing.of({"operator": "fd_operator", "checkout": "fd_checkout"})
        app.state.webhooks = routes.WebhookParts(self.signer, self.guard)
        add_problem_handlers(app)
        app.include_router(routes.router)
        self.app = app
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://coupons")
        self._numbers = itertools.count(1)
        assert WEBHOOKS in ROLES["operator"]

    def another_relay(self) -> Relay:
        return Relay(self.store, self.signer, self.sender, draw=lambda: 0.5)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return self.addresses.get(host, [PUBLIC])

    async def post(self, path: str, body: Any = None, key: str = "", role: str = "operator") -> httpx.Response:
        headers = {"Authorization": f"Bearer fd_{role}", "Idempotency-Key": key or f"k{next(self._numbers)}"}
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, path: str, role: str = "operator") -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer fd_{role}"})

    async def endpoint(self, host: str = "hooks.example", events: Sequence[str] = ("*",)) -> dict[str, Any]:
        """A new endpoint, with its secret."""
        answer = await self.post("/v1/webhooks", {"url": f"https://{host}/in?t=1", "events": list(events)})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def happen(self, kind: str = "coupon.redeemed", subject: str = "", n: int = 1, **data: Any) -> str:
        """An event in the ledger; returns its id."""
        number = next(self._numbers)
        stream = f"coupon:{subject or number}"

        def command(tx: Any) -> Answer:
            tx.append(stream, n, kind, {"coupon_id": subject or f"cpn_{number}", **data})
            return Answer(200, {})

        request = Request("shop", f"happens-{self.store.ids('k')}", "happen", "")
        await self.store.run(request, command)
        return (await self.get("/v1/events?limit=1")).json()["data"][0]["id"]

    async def deliveries(self, webhook_id: str) -> list[dict[str, Any]]:
        return (await self.get(f"/v1/webhooks/{webhook_id}/deliveries?limit=100")).json()["data"]

    async def rounds(self, count: int = 1, **length: float) -> None:
        for _ in range(count):
            await self.relay.once()
            self.clock.forward(**length)

    async def close(self) -> None:
        await self.http.aclose()
        await self.sender.close()
        await asyncio.to_thread(self.store.close)


@pytest.fixture
async def hooks(ledger_url: str, clock: Clock) -> Any:
    """On each database in turn."""
    made = HookShop(ledger_url, clock)
    yield made
    await made.close()


@pytest.fixture
async def small_hooks(sqlite_url: str, clock: Clock) -> Any:
    """On SQLite, where the database does not matter."""
    made = HookShop(sqlite_url, clock)
    yield made
    await made.close()


@pytest.fixture
def make_hooks() -> type[HookShop]:
    """For tests with several processes or ledgers of their own."""
    return HookShop
