"""One transaction per command: request key, state, event and outbox row are written together or not at all.

A command is a function of a ``Transaction`` that returns an ``Answer`` or a ``Refuse``. A refusal undoes what the
command wrote and keeps the key with the refusal, so that a replay is told the same. An exception undoes everything,
the key too: the caller may try again. Keys are never pruned: a coupon can be refunded long after it was claimed.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import DBAPIError

from serving.clock import Clock, Ids, utc_now
from serving.coupons.refusals import Refuse
from serving.store.engine import POSTGRES_WRITERS, WriterLock, is_sqlite, reader_engine, writer_engine
from serving.store.faults import fault
from serving.store.migrate import migrate
from serving.store.rows import insert_new
from serving.store.schema import events, outbox, requests

T = TypeVar("T")

CHECKPOINT_EVERY = 500  # commits; a few megabytes of log
RETRIES = 3
_RETRY_STATES = frozenset({"40001", "40P01"})  # serialisation failure, deadlock: the other one won, try again


class StaleError(RuntimeError):
    """A row changed between its read and its conditional write; the transaction is tried again."""


class KeyReusedError(ValueError):
    """The request key was used before for another request."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, under which key, for what: the fingerprint covers route and body."""

    principal: str
    key: str
    route: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body; ``replayed`` when it was given before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


class Transaction:
    """What a command may do; ``now`` is one moment for the whole command."""

    def __init__(self, connection: Connection, now: datetime, ids: Ids, request: Request) -> None:
        self.connection = connection
        self.now = now
        self.ids = ids
        self.request = request

    def append(self, stream: str, n: int, kind: str, data: dict[str, Any]) -> None:
        """Write the ``n``-th event of a stream and its outbox row."""
        event_id = self.ids("evt")
        row = {
            "event_id": event_id,
            "stream": stream,
            "n": n,
            "kind": kind,
            "at": self.now,
            "actor": self.request.principal,
            "request_key": self.request.key,
            "data": canonical(data),
        }
        self.connection.execute(insert(events), row)
        fault("after_event")
        self.connection.execute(insert(outbox), {"event_id": event_id, "kind": kind, "created_at": self.now})
        fault("after_outbox")


Command = Callable[[Transaction], Answer | Refuse]


class Store:
    """The ledger of this process: opens the store, brings its schema up to date and runs commands on it."""

    def __init__(self, url: str, clock: Clock = utc_now, ids: Ids | None = None) -> None:
        self.url = url
        self.clock = clock
        self.ids = ids or Ids(clock)
        self._lock = WriterLock(url)
        try:
            self._writer = writer_engine(url)
            migrate(self._writer)
            self._reader = reader_engine(url)
        except BaseException:
            self._lock.release()
            raise
        sqlite = is_sqlite(url)
        self._turn: Any = threading.Lock() if sqlite else nullcontext()
        self._commits = 0
        self._sqlite = sqlite
        self._writers = ThreadPoolExecutor(1 if sqlite else POSTGRES_WRITERS, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="ledger-reader")

    # -- commands ----------------------------------------------------------------------------------------------------

    def write(self, request: Request, command: Command) -> Answer:
        """Run a command once per request key; raises ``KeyReusedError`` when the key names another request."""
        for attempt in range(RETRIES + 1):
            try:
                return self._once(request, command)
            except StaleError:
                if attempt == RETRIES:
                    raise
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state not in _RETRY_STATES or attempt == RETRIES:
                    raise
        raise AssertionError("unreachable")

    async def run(self, request: Request, command: Command) -> Answer:
        """``write`` in a worker thread; a caller who goes away does not stop a commit that has begun."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._writers, self.write, request, command))

    def _once(self, request: Request, command: Command) -> Answer:
        with self._turn:
            with self._writer.begin() as connection:
                now = self.clock()
                known = _known(connection, request)
                if known is not None:
                    return known
                # Taken first: on PostgreSQL a twin in another process waits here and is then replayed.
                taken = insert_new(connection, requests, {**_row(request), "status": 0, "body": "", "created_at": now})
                if not taken:
                    raise StaleError(request.key)
                fault("after_key")
                answer = self._try(connection, Transaction(connection, now, self.ids, request), command)
                connection.execute(
                    requests.update()
                    .where(requests.c.principal == request.principal, requests.c.key == request.key)
                    .values(status=answer.status, body=canonical(answer.body))
                )
                fault("before_commit")
            fault("after_commit")
            self._committed()
            return answer

    @staticmethod
    def _try(connection: Connection, transaction: Transaction, command: Command) -> Answer:
        savepoint = connection.begin_nested()
        outcome = command(transaction)
        if isinstance(outcome, Refuse):
            savepoint.rollback()
            return refusal(outcome)
        savepoint.commit()
        return outcome

    @staticmethod
    def replayed(connection: Connection, request: Request) -> Answer | None:
        """The answer given before under this key, if any."""
        return _known(connection, request)

    # -- reads -------------------------------------------------------------------------------------------------------

    def read(self, query: Callable[[Connection], T]) -> T:
        """Read committed rows for pages and lists; what decides is read inside a command."""
        with self._reader.begin() as connection:
            return query(connection)

    async def fetch(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read, query)

    # -- care --------------------------------------------------------------------------------------------------------

    def _committed(self) -> None:
        self._commits += 1
        if self._sqlite and self._commits % CHECKPOINT_EVERY == 0:
            self._checkpoint("PASSIVE")

    def _checkpoint(self, mode: str) -> None:
        raw = self._writer.raw_connection()  # a checkpoint cannot run inside a transaction
        try:
            raw.cursor().execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        finally:
            raw.close()

    def close(self) -> None:
        """Finish what was begun, fold the log back and let another process write."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._reader.dispose()
        if self._sqlite:
            with self._turn:
                self._checkpoint("TRUNCATE")
        self._writer.dispose()
        self._lock.release()


def refusal(refuse: Refuse) -> Answer:
    """How a refusal is answered and remembered: code, both texts and the distance to success."""
    body: dict[str, Any] = {"code": refuse.code, "detail": refuse.text("en"), "detail_zh": refuse.text("zh")}
    if refuse.distance is not None:
        body["distance"] = {"amount": refuse.distance, "unit": refuse.unit}
    return Answer(refuse.status, body)


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spare blanks: the bytes that are stored, fingerprinted and compared."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _row(request: Request) -> dict[str, Any]:
    return {
        "principal": request.principal,
        "key": request.key,
        "route": request.route,
        "fingerprint": request.fingerprint,
    }


_BY_KEY = select(requests.c.fingerprint, requests.c.status, requests.c.body).where(
    requests.c.principal == bindparam("principal"), requests.c.key == bindparam("key")
)


def _known(connection: Connection, request: Request) -> Answer | None:
    row = connection.execute(_BY_KEY, {"principal": request.principal, "key": request.key}).one_or_none()
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise KeyReusedError(request.key)
    return Answer(row.status, json.loads(row.body), replayed=True)
