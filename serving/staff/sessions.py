"""Sessions in the ledger's database: any process of the console knows them, and ending one ends it everywhere.

A browser holds 256 random bits; only their SHA-256 is kept. A session ends some hours after it began, after some
minutes without a click, when somebody ends it, and when the account is shut. The role is read with it at every request.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from serving.console.visitor import Visitor
from serving.console_settings import Console
from serving.coupons.refusals import Refuse
from serving.staff.account import ACTIVE, LOCAL, ROLE_SET, clean_name, clean_role
from serving.staff.accounts import added, drop_sessions, find, happened, taken
from serving.store.rows import Prepared
from serving.store.schema_staff import console_sessions, staff
from serving.store.unit import Answer, Command, Request, Store, Transaction

_SEEN_EVERY = timedelta(minutes=1)
_MOST_AGENT = 200

_FIND = Prepared(
    select(console_sessions.c.name, console_sessions.c.seen_at, console_sessions.c.ends_at, staff.c.role, staff.c.state)
    .join(staff, staff.c.name == console_sessions.c.name)
    .where(console_sessions.c.session_hash == bindparam("session_hash"))
)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session as its owner sees it; ``mine`` is the one that asks."""

    agent: str
    opened_at: datetime
    seen_at: datetime
    ends_at: datetime
    mine: bool


class Sessions:
    """Opens, finds and ends sessions on a store that the caller opened and closes."""

    def __init__(self, store: Store, settings: Console) -> None:
        self._store = store
        self._length = timedelta(hours=settings.session_hours)
        self._idle = timedelta(minutes=settings.idle_minutes)
        self._seen_every = min(_SEEN_EVERY, self._idle / 4)

    async def find(self, cookie: str) -> Visitor | None:
        """Who holds this cookie, if it is of an open session; one short read, and a write once a minute."""
        known = hash_of(cookie)
        row = await self._store.fetch(lambda connection: _FIND.one(connection, {"session_hash": known}))
        now = self._store.clock()
        if row is None or row.state != ACTIVE or now >= row.ends_at or now - row.seen_at >= self._idle:
            return None
        if now - row.seen_at >= self._seen_every:
            await self._seen(known, row.seen_at)
        return Visitor(row.name, row.role, form_token(cookie))

    async def open(self, name: str, role: str) -> str:
        """A session for a name with a role, without asking for a password; the account is made or changed to be so."""
        name, role, cookie = clean_name(name), clean_role(role), new_cookie()

        def command(tx: Transaction) -> Answer | Refuse:
            account = added(tx, name, role, LOCAL) if find(tx.connection, name) is None else taken(tx, name)
            if isinstance(account, Refuse):
                return account
            if account.role != role:
                happened(tx, account, ROLE_SET, {"role": role, "before": account.role})
            self.begin(tx, name, cookie, "")
            return Answer(200, {})

        await self._run("open", command)
        return cookie

    def begin(self, tx: Transaction, name: str, cookie: str, agent: str, old: str | None = None) -> None:
        """Open the session of a new ``cookie``; the one that this browser had before ends."""
        over = or_(console_sessions.c.ends_at <= tx.now, console_sessions.c.seen_at <= tx.now - self._idle)
        tx.connection.execute(delete(console_sessions).where(over))
        if old:
            tx.connection.execute(delete(console_sessions).where(console_sessions.c.session_hash == hash_of(old)))
        tx.connection.execute(
            insert(console_sessions).values(
                session_hash=hash_of(cookie), name=name, agent=_plain(agent), opened_at=tx.now, seen_at=tx.now,
                ends_at=tx.now + self._length,
            )
        )  # fmt: skip

    def of(self, connection: Connection, name: str, cookie: str) -> list[Session]:
        """The open sessions of an account, the one seen last first."""
        now, mine = self._store.clock(), hash_of(cookie)
        query = (
            select(console_sessions)
            .where(
                console_sessions.c.name == name,
                console_sessions.c.ends_at > now,
                console_sessions.c.seen_at > now - self._idle,
            )
            .order_by(console_sessions.c.seen_at.desc(), console_sessions.c.opened_at.desc())
        )
        return [
            Session(row.agent, row.opened_at, row.seen_at, row.ends_at, row.session_hash == mine)
            for row in connection.execute(query)
        ]

    @staticmethod
    def end_others(tx: Transaction, name: str, cookie: str) -> int:
        """End the sessions of an account but the one of this cookie; how many there were."""
        return drop_sessions(tx, name, hash_of(cookie))

    @staticmethod
    def end(tx: Transaction, cookie: str) -> bool:
        """End the session of this cookie; False when there was none."""
        gone = delete(console_sessions).where(console_sessions.c.session_hash == hash_of(cookie))
        return bool(tx.connection.execute(gone).rowcount)

    async def _seen(self, known: str, before: datetime) -> None:
        def command(tx: Transaction) -> Answer:
            same = (console_sessions.c.session_hash == known, console_sessions.c.seen_at == before)
            tx.connection.execute(update(console_sessions).where(*same).values(seen_at=tx.now))
            return Answer(200, {})

        await self._run("seen", command)

    async def _run(self, what: str, command: Command) -> Any:
        key = self._store.ids("ses")
        return await self._store.run(Request("console", key, what, key), command)


def new_cookie() -> str:
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is kept of a cookie or of a one-time link: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def form_token(cookie: str) -> str:
    """The token that forms of a session carry: without the cookie nobody can make it, and it is not the cookie."""
    return hashlib.sha256(f"fairdeal-form\0{cookie}".encode()).hexdigest()


def _plain(agent: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in agent)[:_MOST_AGENT]
