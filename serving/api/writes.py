"""One way for all writes: a scoped key, an Idempotency-Key, at most one twin in flight, one transaction.

A replay of the same request gets the first answer, refusals included. The same key with another body is an error
(422). A twin that arrives while the first is being answered is told so (409) and saves nothing. A request that ended
with a 5xx saved nothing either and may be sent again under its key.

``?dry_run=true`` answers what the write would answer now, marked ``dry_run``, and saves nothing at all: no key is
needed, looked up or kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from serving.api.access import allowed, side_of
from serving.api.problems import ProblemError, answer_response, request_id
from serving.keys import Principal
from serving.store.unit import Answer, Command, Store, canonical
from serving.store.unit import Request as Asked

# Runs one part of a request in a transaction of its own, under a name by which a replay finds it.
Part = Callable[[str, Command], Awaitable[Answer]]
_KEY = r"^[\x21-\x7e]{1,255}$"


class Write:
    """The writing side of one request: ``run`` and ``consult`` run a command once for its key, or rehearse it."""

    def __init__(
        self,
        store: Store,
        in_flight: set[tuple[str, str]],
        principal: Principal,
        key: str,
        route: str,
        *,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self.principal = principal
        self._key = key
        self._route = route
        self.dry_run = dry_run

    async def run(self, body: BaseModel | None, command: Command) -> Response:
        """Run a command that needs nothing from outside the ledger; its own transaction finds a replay."""
        with self._alone(body) as asked:
            return answer_response(await self._store.run(asked, command, dry_run=self.dry_run))

    async def consult(self, body: BaseModel | None, prepare: Callable[[], Awaitable[Command]]) -> Response:
        """Replay, or prepare (which asks scoring, so a replay is looked for first) and run the command."""
        with self._alone(body) as asked:
            known = None
            if not self.dry_run:
                known = await self._store.look(lambda connection: self._store.replayed(connection, asked))
            if known is None:
                known = await self._store.run(asked, await prepare(), dry_run=self.dry_run)
            return answer_response(known)

    async def in_parts(self, body: BaseModel | None, prepare: Callable[[Part], Awaitable[Command]]) -> Response:
        """``consult`` for a request of many transactions; ``prepare`` runs each of them under a key of its own.

        The whole answer is stored last. A request that was cut off and is sent again replays the parts that were
        done, and does the others.
        """
        with self._alone(body) as asked:
            known = None
            if not self.dry_run:
                known = await self._store.look(lambda connection: self._store.replayed(connection, asked))
            if known is None:
                command = await prepare(partial(self._part, asked))
                known = await self._store.run(asked, command, dry_run=self.dry_run)
            return answer_response(known)

    async def _part(self, asked: Asked, name: str, command: Command) -> Answer:
        # No principal has a name like this, so a part never meets another request.
        digest = hashlib.sha256(f"{asked.key}\n{name}".encode()).hexdigest()
        part = replace(asked, principal=f"{asked.principal}|part", key=digest, trace="")
        return await self._store.run(part, command, dry_run=self.dry_run)

    @contextmanager
    def _alone(self, body: BaseModel | None) -> Iterator[Asked]:
        """The request with its fingerprint, while no twin of it is being answered in this process."""
        sent = canonical(body.model_dump(mode="json")) if body is not None else ""
        fingerprint = hashlib.sha256(f"{self._route}\n{sent}".encode()).hexdigest()
        asked = Asked(self.principal.name, self._key, self._route, fingerprint, request_id.get())
        if self.dry_run:
            yield asked
            return
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
    return write_of(allowed(scope))


def write_of(admitted: Callable[..., Awaitable[Principal]]) -> Callable[..., Awaitable[Write]]:
    """A dependency for a route that writes as whom ``admitted`` lets in, on that principal's side."""

    async def write(
        request: Request,
        principal: Principal = Depends(admitted),  # noqa: B008 - an annotation cannot see the local scope
        idempotency_key: Annotated[
            str | None, Header(pattern=_KEY, description="1 to 255 visible characters; a dry run needs none")
        ] = None,
        dry_run: Annotated[
            bool, Query(description="answer what this write would do now, marked `dry_run`, and save nothing")
        ] = False,
    ) -> Write:
        if idempotency_key is None and not dry_run:
            raise ProblemError("idempotency_key_missing")
        return Write(
            side_of(request).store,
            request.app.state.in_flight,
            principal,
            idempotency_key or "",
            f"{request.method} {request.url.path}",
            dry_run=dry_run,
        )

    return write
