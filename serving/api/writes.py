"""One way for all writes: a scoped key, an Idempotency-Key, at most one twin in flight, one transaction.

A replay of the same request gets the first answer, refusals included. The same key with another body is an error
(422). A twin that arrives while the first is being answered is told so (409) and saves nothing. A request that ended
with a 5xx saved nothing either and may be sent again under its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from serving.api.access import allowed
from serving.api.problems import ProblemError, answer_response
from serving.keys import Principal
from serving.store.unit import Command, Store, canonical
from serving.store.unit import Request as Asked

_KEY = r"^[\x21-\x7e]{1,255}$"


class Write:
    """The writing side of one request: ``run`` and ``consult`` run a command once for its key."""

    def __init__(
        self, store: Store, in_flight: set[tuple[str, str]], principal: Principal, key: str, route: str
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._principal = principal
        self._key = key
        self._route = route

    async def run(self, body: BaseModel | None, command: Command) -> Response:
        """Run a command that needs nothing from outside the ledger; its own transaction finds a replay."""
        with self._alone(body) as asked:
            return answer_response(await self._store.run(asked, command))

    async def consult(self, body: BaseModel | None, prepare: Callable[[], Awaitable[Command]]) -> Response:
        """Replay, or prepare (which asks scoring, so a replay is looked for first) and run the command."""
        with self._alone(body) as asked:
            known = await self._store.fetch(lambda connection: self._store.replayed(connection, asked))
            if known is None:
                known = await self._store.run(asked, await prepare())
            return answer_response(known)

    @contextmanager
    def _alone(self, body: BaseModel | None) -> Iterator[Asked]:
        """The request with its fingerprint, while no twin of it is being answered in this process."""
        sent = canonical(body.model_dump(mode="json")) if body is not None else ""
        fingerprint = hashlib.sha256(f"{self._route}\n{sent}".encode()).hexdigest()
        asked = Asked(self._principal.name, self._key, self._route, fingerprint)
        twin = (asked.principal, asked.key)
        if twin in self._in_flight:
            raise ProblemError("request_in_flight")
        self._in_flight.add(twin)
        try:
            yield asked
        finally:
            self._in_flight.discard(twin)


def writes(scope: str) -> Callable[..., Awaitable[Write]]:
    """A dependency for a route that writes under ``scope``."""

    async def write(
        request: Request,
        principal: Principal = Depends(allowed(scope)),  # noqa: B008 - an annotation cannot see the local scope
        idempotency_key: Annotated[str | None, Header(pattern=_KEY, description="1 to 255 visible characters")] = None,
    ) -> Write:
        if idempotency_key is None:
            raise ProblemError("idempotency_key_missing")
        state = request.app.state
        return Write(state.store, state.in_flight, principal, idempotency_key, f"{request.method} {request.url.path}")

    return write
