"""The sealed log: a chain of keyed hashes over every event of the ledger, kept in a file of its own.

Each line of the chain is one event: its place, its id, the SHA-256 of its canonical bytes, and the HMAC of the previous
link with them. Changing, deleting, swapping or inserting an event or a line breaks the chain at that line, and nobody
without the key can build another. Who holds a copy of the last line also sees a tail that was cut off.

Sealing reads committed events only, in the order in which it finds them (PostgreSQL numbers rows before they
are committed, so a later look may find a smaller number), and never holds up a command.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Row, select

from serving.store.engine import reader_engine, require_ledger
from serving.store.schema import events

DOMAIN = b"fairdeal-audit-1"
START = "0" * 64


@dataclass(frozen=True)
class Link:
    """One line of the chain."""

    n: int
    event_id: str
    digest: str
    chain: str


@dataclass(frozen=True)
class AuditReport:
    """What ``verify`` found: ``broken`` names the first bad line, ``unsealed`` counts events after the last seal."""

    sealed: int
    unsealed: int
    head: str
    broken: str | None

    @property
    def ok(self) -> bool:
        return self.broken is None


def seal(url: str, path: Path, key: str) -> int:
    """Append every event that is not in the chain yet; returns how many. One sealer at a time holds the file."""
    require_ledger(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        sealed, last = set(), Link(0, "", "", START)
        for last in _links(stream):
            sealed.add(last.event_id)
        added = 0
        with _reading(url) as connection:
            for event in _events(connection):
                if event.event_id in sealed:
                    continue
                digest = _digest(event)
                last = Link(last.n + 1, event.event_id, digest, _chain(key, last.chain, last.n + 1, digest))
                stream.write(json.dumps(last.__dict__) + "\n")
                added += 1
        stream.flush()
        os.fsync(stream.fileno())
    return added


def verify(url: str, path: Path, key: str) -> AuditReport:
    """Recompute the chain from the events themselves."""
    with _reading(url) as connection:
        digests = {event.event_id: _digest(event) for event in _events(connection)}
    total, previous, n = len(digests), START, 0
    if not path.exists():
        return AuditReport(0, total, START, None)
    with path.open(encoding="utf-8") as stream:
        for n, link in enumerate(_links(stream), start=1):
            fault = _fault(link, n, digests, key, previous)
            if fault:
                return AuditReport(n - 1, total - n + 1, previous, f"line {n} (event {link.event_id}): {fault}")
            previous = link.chain
            del digests[link.event_id]
    return AuditReport(n, len(digests), previous, None)


def _fault(link: Link, n: int, digests: dict[str, str], key: str, previous: str) -> str | None:
    if link.n != n:
        return f"is numbered {link.n}"
    if link.event_id not in digests:
        return "its event is missing or sealed twice"
    if link.digest != digests[link.event_id]:
        return "its event was changed"
    if not hmac.compare_digest(link.chain, _chain(key, previous, n, link.digest)):
        return "does not follow from the line before"
    return None


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    require_ledger(url)
    engine = reader_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _events(connection: Connection) -> Iterator[Row[tuple[object, ...]]]:
    yield from connection.execute(select(events).order_by(events.c.seq)).yield_per(10_000)


def _digest(event: Row[tuple[object, ...]]) -> str:
    values = [event.event_id, event.stream, event.n, event.kind, event.at.isoformat(), event.actor, event.request_key]
    text = json.dumps([*values, event.data], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(DOMAIN + text.encode()).hexdigest()


def _chain(key: str, previous: str, n: int, digest: str) -> str:
    return hmac.new(key.encode(), DOMAIN + f"{previous}:{n}:{digest}".encode(), hashlib.sha256).hexdigest()


def _links(stream: Iterator[str]) -> Iterator[Link]:
    for line in stream:
        try:
            yield Link(**json.loads(line))
        except (ValueError, TypeError):
            yield Link(-1, line.strip()[:40], "", "")
