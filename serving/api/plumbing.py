"""What every app has around its routes: request ids, a limit on bodies, latency metrics, health, security headers.

Pure ASGI: a middleware that wraps responses in tasks would hide that a client went away.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from itertools import count

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.problems import problem, request_id
from serving.openapi.describe import problems_of
from serving.openapi.document import complete_document
from serving.openapi.pages import add_problem_pages

MOST_BYTES = 2_000_000
# Unique and not secret: drawing random bytes gives up the interpreter, and getting it back can take milliseconds.
_PROCESS = secrets.token_hex(6)
_NUMBERS = count()
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


class Plumbing:
    """ASGI middleware; ``seconds`` is observed per route template, never per raw path."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        scope.setdefault("state", {})
        number = f"req_{_PROCESS}{next(_NUMBERS):08x}"
        # Not reset: what answers a crash comes after this, and every request sets its own.
        request_id.set(number)
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", number.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
                if scope["state"].get("test"):
                    message["headers"].append((b"fairdeal-mode", b"test"))
            await send(message)

        try:
            if _declared(scope) > MOST_BYTES:
                await problem("too_large")(scope, receive, note)
            else:
                await self.app(scope, _limited(receive), note)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self.seconds.labels(route, scope["method"], status).observe(time.perf_counter() - started)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _limited(receive: Receive) -> Receive:
    """A body without a declared length is counted as it arrives."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            raise HTTPException(413)
        return message

    return counted


def add_plumbing(app: FastAPI, ready: Callable[[], Awaitable[dict[str, str]]], registry: CollectorRegistry) -> None:
    """Add the middleware, ``/healthz /readyz /metrics`` and the pages about problems, which the OpenAPI document names.

    ``ready`` says what is missing, nothing when ready.
    """
    seconds = Histogram(
        "http_seconds", "seconds per request", ("route", "method", "status"), registry=registry, buckets=_BUCKETS
    )
    app.add_middleware(Plumbing, seconds=seconds)

    @app.get("/healthz", tags=["health"], response_class=PlainTextResponse, summary="Whether the process answers")
    async def healthz() -> str:
        """The process answers."""
        return "ok"

    @app.get(
        "/readyz",
        tags=["health"],
        response_class=PlainTextResponse,
        summary="Whether the service can do its work",
        responses=problems_of("not_ready"),
    )
    async def readyz() -> Response:
        """The service can do its work; otherwise 503 and what is missing."""
        missing = await ready()
        if not missing:
            return PlainTextResponse("ready")
        return problem("not_ready", [{"field": name, "expected": why} for name, why in missing.items()])

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse, summary="Counters and latencies")
    async def metrics() -> Response:
        """Counters and latencies in the Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    add_problem_pages(app)
    complete_document(app)
