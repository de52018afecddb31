"""Guessing is counted before the password is looked at, so that a hundred guesses at once are still only a few.

By account, whether it exists or not, and by the address of the client, which may try ten times as many names. Both are
keyed hashes. Who gets in gives the try back; who does not leaves it there until the rest is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from serving.console_settings import LockOut
from serving.privacy import Hasher
from serving.store.rows import insert_new
from serving.store.schema_staff import sign_in_tries as tries
from serving.store.unit import Transaction

CLIENT_FACTOR = 10
_FORGOTTEN = timedelta(days=1)

Held = Literal["", "account", "client"]


@dataclass(frozen=True, slots=True)
class Trier:
    """Whose tries are counted: the account that is asked for and the client that asks."""

    account: str
    client: str


class Tries:
    """The counters, kept by the settings of the lock-out."""

    def __init__(self, lock_out: LockOut, hasher: Hasher) -> None:
        self._most = lock_out.failures
        self._rest = timedelta(minutes=lock_out.minutes)
        self._hasher = hasher

    def trier(self, name: str, client: str) -> Trier:
        return Trier(f"name:{self._hasher('name', name)}", f"from:{self._hasher('ip', client or 'none')}")

    def take(self, tx: Transaction, trier: Trier) -> Held:
        """Count a try; says who has to rest, if anybody. A client at rest writes nothing."""
        if not self._count(tx, trier.client, self._most * CLIENT_FACTOR):
            return "client"
        return "" if self._count(tx, trier.account, self._most) else "account"

    def give_back(self, tx: Transaction, trier: Trier) -> None:
        """The try was good: nothing stands against the account, and the client has one try less."""
        self.forget(tx, trier.account)
        tx.connection.execute(
            update(tries)
            .where(tries.c.subject == trier.client, tries.c.failures > 0)
            .values(failures=tries.c.failures - 1, locked_until=None)
        )
        tx.connection.execute(delete(tries).where(tries.c.tried_at < tx.now - _FORGOTTEN))

    def forget(self, tx: Transaction, account: str) -> None:
        tx.connection.execute(delete(tries).where(tries.c.subject == account))

    @staticmethod
    def until(connection: Connection, account: str, now: datetime) -> datetime | None:
        """Until when an account rests, if it does."""
        query = select(tries.c.locked_until).where(tries.c.subject == account, tries.c.locked_until > now)
        found: datetime | None = connection.execute(query).scalar()
        return found

    def _count(self, tx: Transaction, subject: str, most: int) -> bool:
        insert_new(tx.connection, tries, {"subject": subject, "failures": 0, "tried_at": tx.now, "locked_until": None})
        row = tx.connection.execute(select(tries).where(tries.c.subject == subject).with_for_update()).one()
        if row.locked_until is not None and row.locked_until > tx.now:
            return False
        # What lies back as far as a rest takes does not count any more.
        before = 0 if row.locked_until is not None or tx.now - row.tried_at >= self._rest else row.failures
        values = {"failures": before + 1, "tried_at": tx.now, "locked_until": None}
        if before + 1 >= most:
            values["locked_until"] = tx.now + self._rest
        tx.connection.execute(update(tries).where(tries.c.subject == subject).values(**values))
        return True
