"""A raw value behind a keyed hash, for who may see it: looked up among what the shop delivered, and always logged.

The ledger keeps hashes only. What the shop ingested (its tables) still has the values in the clear, so the rows of the
one user in question are hashed again until one fits. The event says who looked at what of whom and why; it is written
before anything is looked up, and holds no raw value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, text

from serving.coupons.refusals import Refuse
from serving.privacy import Hasher
from serving.staff.notes import note
from serving.store.rows import insert_rows
from serving.store.schema_lists import reveals
from serving.store.unit import Answer, Command, Transaction

REVEALED = "audit.revealed"
MOST_PER_HOUR = 30
HOUR = timedelta(hours=1)
# Where the shop's tables have things of a kind in the clear: the latest first.
COLUMNS = {
    "device": (("orders", "device_id"), ("events", "device_id"), ("coupons", "device_id")),
    "ip": (("orders", "ip"), ("events", "ip"), ("coupons", "ip")),
    "address": (("orders", "address"), ("coupons", "address")),
    "phone": (("users", "phone_token"),),
    "identity": (("users", "identity_token"),),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose value somebody wants to see, and why; ``case_id`` where it was met."""

    kind: str
    value: str
    user_id: str
    reason: str
    case_id: str | None = None


def log_reveal(wish: Wish, by: str) -> Command:
    """Note that ``by`` looks; refused after ``MOST_PER_HOUR`` looks within an hour."""

    def command(tx: Transaction) -> Answer | Refuse:
        if tx.connection.dialect.name == "postgresql":  # elsewhere commands take turns anyway
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:who, 0))")
            tx.connection.execute(lock, {"who": f"reveal:{by}"})
        lately, first = tx.connection.execute(
            select(func.count(), func.min(reveals.c.revealed_at)).where(
                reveals.c.actor == by, reveals.c.revealed_at > tx.now - HOUR
            )
        ).one()
        if lately >= MOST_PER_HOUR:
            return Refuse("reveals_too_many", max(1, int((first + HOUR - tx.now).total_seconds())), "seconds")
        reveal_id = tx.ids("rvl")
        insert_rows(tx.connection, reveals, [{"reveal_id": reveal_id, "actor": by, "revealed_at": tx.now}])
        details = {
            "reveal_id": reveal_id,
            "kind": wish.kind,
            wish.kind: wish.value,  # by this name webhooks leave it out
            "user_id": wish.user_id,
            "reason": wish.reason,
            "case_id": wish.case_id,
        }
        note(tx, REVEALED, f"user:{wish.user_id}", details)
        return Answer(200, {"reveal_id": reveal_id, "at": tx.now.isoformat()})

    return command


def find_raw(tables: Path, wish: Wish, hasher: Hasher) -> str | None:
    """The value as the shop delivered it, or None where its tables do not have it; takes seconds on a large shop."""
    for raw in _values(tables, wish):
        if hasher(wish.kind, raw) == wish.value:
            return raw
    return None


def _values(tables: Path, wish: Wish) -> Iterator[str]:
    from features.engine import connect, load_tables  # heavy, and asked for rarely

    con = connect(threads=1, memory="512MB")
    try:
        for name, column in COLUMNS[wish.kind]:
            if not (tables / f"{name}.parquet").exists():
                continue
            table = load_tables(con, tables, [name])[name]
            mine = table.filter(table.user_id == wish.user_id).select(column).distinct()
            yield from sorted(str(raw) for raw in mine.to_pyarrow()[column].to_pylist() if raw)
    finally:
        con.disconnect()
