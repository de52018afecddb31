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
from typing import IO

from sqlalchemy import Connection, Row, select

from serving.store.engine import reader_engine, require_ledger
from serving.store.schema import events

DOMAIN = b"fairdeal-audit-1"
START = "0" * 64
_CUT = "the end: the head that was written down is not in the chain, its tail was cut off or sealed anew"
# A line of the chain is about 220 bytes, and never longer than this.
_LINE = 260


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


def seal(url: str, path: Path, key: str, look_back: int | None = None) -> int:
    """Append every event that is not in the chain yet; returns how many. One sealer at a time holds the file.

    With ``look_back``, only events are looked at that the ledger numbered after the last sealed one, or at most so many
    before it: what a sealer does that comes by every minute. Who begins looks at all of them.
    """
    require_ledger(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        _seek_back(stream, None if look_back is None else 2 * look_back)
        sealed, last = set(), Link(0, "", "", START)
        for last in _links(stream):
            sealed.add(last.event_id)
        added = 0
        with _reading(url) as connection:
            for event in _events(connection, _first(connection, last.event_id, look_back)):
                if event.event_id in sealed:
                    continue
                digest = _digest(event)
                last = Link(last.n + 1, event.event_id, digest, _chain(key, last.chain, last.n + 1, digest))
                stream.write(json.dumps(last.__dict__) + "\n")
                added += 1
        stream.flush()
        os.fsync(stream.fileno())
    return added


def last_link(path: Path) -> Link:
    """The last line of the chain, unverified; the start when there is none."""
    found = [Link(0, "", "", START)]
    if path.exists():
        with path.open(encoding="utf-8") as stream:
            _seek_back(stream, 1)
            found.extend(_links(stream))
    return found[-1]


def verify(url: str, path: Path, key: str, head: str | None = None) -> AuditReport:
    """Recompute the chain from the events themselves.

    With a ``head`` that was written down elsewhere, the chain must have come past it: nobody can cut off the events
    before it, or seal others in their place, not even with the key.
    """
    with _reading(url) as connection:
        digests = {event.event_id: _digest(event) for event in _events(connection)}
    total, previous, n = len(digests), START, 0
    missing = head not in (None, START)
    if not path.exists():
        return AuditReport(0, total, START, _CUT if missing else None)
    with path.open(encoding="utf-8") as stream:
        for n, link in enumerate(_links(stream), start=1):
            fault = _fault(link, n, digests, key, previous)
            if fault:
                return AuditReport(n - 1, total - n + 1, previous, f"line {n} (event {link.event_id}): {fault}")
            previous = link.chain
            missing = missing and link.chain != head
            del digests[link.event_id]
    return AuditReport(n, len(digests), previous, _CUT if missing else None)


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


def _events(connection: Connection, first: int = 0) -> Iterator[Row[tuple[object, ...]]]:
    query = select(events).where(events.c.seq >= first) if first else select(events)
    yield from connection.execute(query.order_by(events.c.seq)).yield_per(10_000)


def _first(connection: Connection, last: str, look_back: int | None) -> int:
    """Where a sealer begins to look: at the first event, or a bit before the last sealed one."""
    if look_back is None:
        return 0
    seq = connection.execute(select(events.c.seq).where(events.c.event_id == last)).scalar()
    return max(0, seq - look_back) if seq is not None else 0


def _seek_back(stream: IO[str], lines: int | None) -> None:
    """To the beginning, or to where at least so many of the last lines begin."""
    end = stream.seek(0, os.SEEK_END)
    start = 0 if lines is None else max(0, end - (lines + 1) * _LINE)
    stream.seek(start)
    if start:
        stream.readline()  # the rest of a line


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
