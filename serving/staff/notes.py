"""What was done without changing anything: exports, looks at what is masked, people coming and going.

Such an event has no table. It stands in the ledger, and so in the sealed log, under the kinds ``audit.*`` (what
somebody did) and ``entrance.*`` (who came in, or tried to).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, text

from features.errors import InputError
from serving.store.schema import events
from serving.store.unit import Answer, Command, Transaction

PREFIX = "audit."
# A stream is 160 characters wide.
_MOST = 150


def noted(kind: str, subject: str, details: Mapping[str, Any]) -> Command:
    """Put an event ``kind`` (``audit.…``) about ``subject`` into the ledger; ``details`` hold no secret."""
    if not kind.startswith(PREFIX):
        raise InputError("kind", kind, "a kind of event that begins with audit.")

    def command(tx: Transaction) -> Answer:
        note(tx, kind, subject, details)
        return Answer(200, {"subject": subject})

    return command


def note(tx: Transaction, kind: str, subject: str, details: Mapping[str, Any]) -> None:
    """``noted`` within a command of its own; at most once per subject and command."""
    append_next(tx, f"note:{subject[:_MOST]}", kind, {"subject": subject, **details})


def append_next(tx: Transaction, stream: str, kind: str, data: dict[str, Any]) -> None:
    """Append to a stream whose last number nobody keeps; at most once per stream and command."""
    if tx.connection.dialect.name == "postgresql":
        # Two who append to one stream at a time would take the same number: the second waits for the first's commit.
        tx.connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:stream, 0))"), {"stream": stream})
    last = tx.connection.execute(select(func.max(events.c.n)).where(events.c.stream == stream)).scalar()
    tx.append(stream, (last or 0) + 1, kind, data)
