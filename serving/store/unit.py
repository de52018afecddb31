"""One transaction per command: request key, state, event and outbox row are written together or not at all.

A command is a function of a ``Transaction`` that returns an ``Answer`` or a ``Refuse``. A refusal undoes what the
command wrote and keeps the key with the refusal, so that a replay is told the same. An exception undoes everything,
the key too: the caller may try again. Keys are never pruned: a coupon can be refunded long after it was claimed.

Any number of processes may write one ledger. On SQLite they take turns; on PostgreSQL the key row, written after the
command's own rows, lets one of two twins through: the other is undone and gets the first one's answer.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import DBAPIError

from serving.clock import Clock, Ids, utc_now
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.store.engine import POSTGRES_WRITERS, is_sqlite, reader_engine, require_durable, writer_engine
from serving.store.faults import fault
from serving.store.line import Line
from serving.store.migrate import migrate
from serving.store.rows import Prepared, insert_new, insert_rows, run
from serving.store.schema import events, outbox, requests
from serving.store.turn import Turn

T = TypeVar("T")

CHECKPOINT_EVERY = 500  # commands; some megabytes of log
RETRIES = 3
_RETRY_STATES = frozenset({"40001", "40P01"})  # serialisation failure, deadlock: the other one won, try again


class StaleError(RuntimeError):
    """A row changed between its read and its conditional write; the transaction is tried again."""


class KeyReusedError(ValueError):
    """The request key was used before for another request."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, under which key, for what: the fingerprint covers route and body; ``trace`` finds it in the logs."""

    principal: str
    key: str
    route: str
    fingerprint: str
    trace: str = ""


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
        self._events: list[dict[str, Any]] = []
        self._last: list[tuple[tuple[str, ...], Callable[[], Verdict]]] = []

    def append(self, stream: str, n: int, kind: str, data: dict[str, Any]) -> None:
        """Note the ``n``-th event of a stream; all events are written with their outbox rows when the command ends."""
        self._events.append(
            {
                "event_id": self.ids("evt"),
                "stream": stream,
                "n": n,
                "kind": kind,
                "at": self.now,
                "actor": self.request.principal,
                "request_key": self.request.key,
                "data": canonical(data),
            }
        )

    def last(self, row: tuple[str, ...], step: Callable[[], Verdict]) -> None:
        """Leave a write of a row that many commands want until just before the commit, so that it is locked shortly.

        ``row`` names it (table, key): steps run in that order, so that two commands never wait for each other in a
        ring. A step that refuses undoes the whole command.
        """
        self._last.append((row, step))

    def attempt(self, step: Callable[[], T | Refuse]) -> T | Refuse:
        """Run a step that may be refused without ending the command: a refusal undoes all that the step did."""
        savepoint, events, last = self.connection.begin_nested(), len(self._events), len(self._last)
        outcome = step()
        if isinstance(outcome, Refuse):
            savepoint.rollback()
            del self._events[events:], self._last[last:]
        else:
            savepoint.commit()
        return outcome

    def write_events(self) -> None:
        if not self._events:
            return
        insert_rows(self.connection, events, self._events)
        fault("after_event")
        messages = [{"event_id": row["event_id"], "kind": row["kind"], "created_at": row["at"]} for row in self._events]
        insert_rows(self.connection, outbox, messages)
        fault("after_outbox")

    def write_last(self) -> Verdict:
        for _, step in sorted(self._last, key=lambda pair: pair[0]):
            verdict = step()
            if isinstance(verdict, Refuse):
                return verdict
        return PASS


Command = Callable[[Transaction], Answer | Refuse]


class Store:
    """The ledger of this process: opens the store, brings its schema up to date and runs commands on it."""

    def __init__(self, url: str, clock: Clock = utc_now, ids: Ids | None = None) -> None:
        self.url = url
        self.clock = clock
        self.ids = ids or Ids(clock)
        self._writer = writer_engine(url)
        self._turn = Turn(url)
        try:
            with self._turn:
                require_durable(self._writer)
                migrate(self._writer)
        except BaseException:
            self._writer.dispose()
            self._turn.close()
            raise
        self._reader = reader_engine(url)
        self._process = os.getpid()
        self._commands = 0
        self._sqlite = is_sqlite(url)
        self._writers = ThreadPoolExecutor(1 if self._sqlite else POSTGRES_WRITERS, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="ledger-reader")
        self._line = Line(self._writers, lambda work: self.write(*work), self._together)
        self._looks: Line[Callable[[Connection], Any], Any] = Line(
            self._writers, self.read, lambda queries: self.read(lambda found: [query(found) for query in queries])
        )

    # -- commands ----------------------------------------------------------------------------------------------------

    def write(self, request: Request, command: Command, *, dry_run: bool = False) -> Answer:
        """Run a command once per request key; raises ``KeyReusedError`` when the key names another request.

        ``dry_run`` runs it as it would go now and keeps nothing of it; the key is neither looked up nor kept.
        """
        self._require_home()
        once = self._rehearse if dry_run else self._once
        for attempt in range(RETRIES + 1):
            try:
                with self._turn:
                    return once(request, command)
            except StaleError:
                if attempt == RETRIES:
                    raise
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state not in _RETRY_STATES or attempt == RETRIES:
                    raise
        raise AssertionError("unreachable")

    async def run(self, request: Request, command: Command, *, dry_run: bool = False) -> Answer:
        """``write`` in a worker thread; a caller who goes away does not stop a commit that has begun.

        On SQLite, commands that wait for the writer at the same time share a commit (``serving.store.line``).
        """
        self._require_home()
        if self._sqlite and not dry_run:
            return await self._line.join((request, command))
        work = partial(self.write, request, command, dry_run=dry_run)
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writers, work))

    def _once(self, request: Request, command: Command) -> Answer:
        with self._writer.connect() as connection:
            with connection.begin() as whole:
                known = _known(connection, request)
                if known is not None:
                    return known
                transaction = Transaction(connection, self.clock(), self.ids, request)
                outcome = _execute(transaction, command, keep=True)
                if isinstance(outcome, Refuse):
                    whole.rollback()
                else:
                    fault("before_commit")
            if isinstance(outcome, Refuse):
                fault("after_undo")
                outcome = _traced(refusal(outcome), request)
                with connection.begin():
                    _keep_key(transaction, outcome)
                    fault("before_commit")
        fault("after_commit")
        self._committed()
        return outcome

    def _together(self, works: Sequence[tuple[Request, Command]]) -> list[Answer]:
        """All of the commands in one transaction; raises, with nothing done, when any of them does."""
        self._require_home()
        with self._turn, self._writer.connect() as connection, connection.begin():
            answers = [self._among(connection, *work) for work in works]
            fault("before_commit")
        fault("after_commit")
        self._committed(len(works))
        return answers

    def _among(self, connection: Connection, request: Request, command: Command) -> Answer:
        known = _known(connection, request)
        if known is not None:
            return known
        run(connection, "SAVEPOINT command", ())
        transaction = Transaction(connection, self.clock(), self.ids, request)
        outcome = _execute(transaction, command, keep=True)
        if isinstance(outcome, Refuse):
            run(connection, "ROLLBACK TO command", ())
            fault("after_undo")
            outcome = _traced(refusal(outcome), request)
            _keep_key(transaction, outcome)
        run(connection, "RELEASE command", ())
        return outcome

    def _rehearse(self, request: Request, command: Command) -> Answer:
        with self._writer.connect() as connection, connection.begin() as nothing:
            outcome = _execute(Transaction(connection, self.clock(), self.ids, request), command, keep=False)
            nothing.rollback()
        answer = _traced(refusal(outcome), request) if isinstance(outcome, Refuse) else outcome
        return Answer(answer.status, {**answer.body, "dry_run": True})

    @staticmethod
    def replayed(connection: Connection, request: Request) -> Answer | None:
        """The answer given before under this key, if any."""
        return _known(connection, request)

    # -- reads -------------------------------------------------------------------------------------------------------

    def read(self, query: Callable[[Connection], T]) -> T:
        """Read committed rows for pages and lists; what decides is read inside a command."""
        self._require_home()
        with self._reader.begin() as connection:
            return query(connection)

    async def look(self, query: Callable[[Connection], T]) -> T:
        """A short read before a write. On SQLite it stands in the writer's line, where the write has to wait anyway:
        a thread more would only take the interpreter from the one that writes."""
        self._require_home()
        if not self._sqlite:
            return await self.fetch(query)
        found: T = await self._looks.join(query)
        return found

    async def fetch(self, query: Callable[[Connection], T]) -> T:
        self._require_home()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read, query)

    # -- care --------------------------------------------------------------------------------------------------------

    def _committed(self, commands: int = 1) -> None:
        self._commands += commands
        if self._sqlite and self._commands >= CHECKPOINT_EVERY:
            self._commands = 0
            self._checkpoint("PASSIVE")

    def _checkpoint(self, mode: str, *, wait: bool = True) -> None:
        raw = self._writer.raw_connection()  # a checkpoint cannot run inside a transaction
        try:
            if not wait:
                raw.cursor().execute("PRAGMA busy_timeout=0")
            raw.cursor().execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        finally:
            raw.close()

    def _require_home(self) -> None:
        """A connection that two processes use corrupts what both read, and a forked child has no worker threads."""
        if os.getpid() != self._process:
            raise RuntimeError("this ledger was opened before a fork; open one in the child")

    def close(self) -> None:
        """Finish what was begun and fold the log back, unless another process is still reading it."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._reader.dispose()
        if self._sqlite:
            with self._turn:
                self._checkpoint("TRUNCATE", wait=False)
        self._writer.dispose()
        self._turn.close()


def _execute(transaction: Transaction, command: Command, *, keep: bool) -> Answer | Refuse:
    """The command, then its events, its key and what it left for last; a refusal of any of them is the outcome."""
    outcome = command(transaction)
    if isinstance(outcome, Refuse):
        return outcome
    outcome = _traced(outcome, transaction.request)
    transaction.write_events()
    if keep:
        _keep_key(transaction, outcome)
    verdict = transaction.write_last()
    return verdict if isinstance(verdict, Refuse) else outcome


def _keep_key(transaction: Transaction, answer: Answer) -> None:
    """On PostgreSQL a twin in another process waits here for the first one, and then starts again to be replayed."""
    request = transaction.request
    row = {
        "principal": request.principal,
        "key": request.key,
        "route": request.route,
        "fingerprint": request.fingerprint,
        "status": answer.status,
        "body": canonical(answer.body),
        "created_at": transaction.now,
    }
    if not insert_new(transaction.connection, requests, row):
        raise StaleError(request.key)
    fault("after_key")


def _traced(answer: Answer, request: Request) -> Answer:
    """A refusal names the request that was refused, in its replays too."""
    if answer.status < 400 or not request.trace:
        return answer
    return Answer(answer.status, {**answer.body, "request_id": request.trace})


def refusal(refuse: Refuse) -> Answer:
    """How a refusal is answered and remembered: code, both texts and the distance to success."""
    body: dict[str, Any] = {"code": refuse.code, "detail": refuse.text("en"), "detail_zh": refuse.text("zh")}
    if refuse.distance is not None:
        body["distance"] = {"amount": refuse.distance, "unit": refuse.unit}
    return Answer(refuse.status, body)


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spare blanks: the bytes that are stored, fingerprinted and compared."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


_BY_KEY = Prepared(
    select(requests.c.fingerprint, requests.c.status, requests.c.body).where(
        requests.c.principal == bindparam("principal"), requests.c.key == bindparam("key")
    )
)


def _known(connection: Connection, request: Request) -> Answer | None:
    row = _BY_KEY.one(connection, {"principal": request.principal, "key": request.key})
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise KeyReusedError(request.key)
    return Answer(row.status, json.loads(row.body), replayed=True)
