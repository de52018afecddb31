"""Accounts in the ledger: add, change the role, shut and open again; the last active admin stays.

A role holds from the next request on, because every request reads it; who is shut out loses all sessions at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from serving.coupons.refusals import Refuse
from serving.staff.account import (
    ACTIVE,
    ADDED,
    LOCAL,
    OIDC,
    OPENED,
    PASSWORD_SET,
    ROLE_SET,
    SESSIONS_ENDED,
    SHUT,
    Account,
    apply,
    clean_name,
    clean_role,
    stream_of,
)
from serving.staff.roles import ADMIN
from serving.store.rows import insert_new
from serving.store.schema_staff import console_sessions, sign_in_links, staff, staff_secrets
from serving.store.unit import Answer, Command, StaleError, Transaction


@dataclass(frozen=True, slots=True)
class Person:
    """An account as a list of staff shows it; ``seen_at`` is of the sessions that are open."""

    account: Account
    has_password: bool
    sessions: int
    seen_at: datetime | None


# -- reading ---------------------------------------------------------------------------------------------------------


def find(connection: Connection, name: str) -> Account | None:
    row = connection.execute(select(staff).where(staff.c.name == name)).one_or_none()
    return None if row is None else _account(row)


def people(connection: Connection, now: datetime, name: str | None = None) -> list[Person]:
    """Everybody, or one of them, by name."""
    open_ones = (
        select(
            console_sessions.c.name,
            func.count().label("sessions"),
            func.max(console_sessions.c.seen_at, type_=console_sessions.c.seen_at.type).label("seen_at"),
        )
        .where(console_sessions.c.ends_at > now)
        .group_by(console_sessions.c.name)
        .subquery()
    )
    query = (
        select(staff, staff_secrets.c.password.is_not(None).label("secret"), open_ones.c.sessions, open_ones.c.seen_at)
        .outerjoin(staff_secrets, staff_secrets.c.name == staff.c.name)
        .outerjoin(open_ones, open_ones.c.name == staff.c.name)
        .order_by(staff.c.name)
    )
    if name is not None:
        query = query.where(staff.c.name == name)
    found = connection.execute(query)
    return [Person(_account(row), bool(row.secret), row.sessions or 0, row.seen_at) for row in found]


def anybody(connection: Connection) -> bool:
    """Whether somebody could sign in at all."""
    return connection.execute(select(staff.c.name).where(staff.c.state == ACTIVE).limit(1)).one_or_none() is not None


# -- commands --------------------------------------------------------------------------------------------------------


def add(name: str, role: str) -> Command:
    """A new account without a password; refuses a name that is taken. Raises ``InputError`` for a bad name or role."""
    name, role = clean_name(name), clean_role(role)

    def command(tx: Transaction) -> Answer | Refuse:
        return _answer(added(tx, name, role, LOCAL))

    return command


def set_role(name: str, role: str) -> Command:
    """Another role from the next request on; of an account of the provider the provider says the role."""
    role = clean_role(role)

    def command(tx: Transaction) -> Answer | Refuse:
        another = _another_admin(tx, name)
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        if account.origin == OIDC:
            return Refuse("staff_elsewhere")
        if account.role == role:
            return _answer(account)
        if account.role == ADMIN and not another:
            return Refuse("staff_last_admin")
        return _answer(happened(tx, account, ROLE_SET, {"role": role, "before": account.role}))

    return command


def disable(name: str) -> Command:
    """Shut an account: its sessions and links end with this command."""

    def command(tx: Transaction) -> Answer | Refuse:
        another = _another_admin(tx, name)
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        if not account.active:
            return _answer(account)
        if account.role == ADMIN and not another:
            return Refuse("staff_last_admin")
        drop_sessions(tx, name)
        tx.connection.execute(delete(sign_in_links).where(sign_in_links.c.name == name))
        return _answer(happened(tx, account, SHUT, {}))

    return command


def enable(name: str) -> Command:
    def command(tx: Transaction) -> Answer | Refuse:
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        return _answer(account if account.active else happened(tx, account, OPENED, {}))

    return command


def password_kept(name: str, fresh: str) -> Command:
    """Keep the hash of a password that an admin chose; sessions end."""

    def command(tx: Transaction) -> Answer | Refuse:
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        keep_secret(tx, name, password=fresh)
        return _answer(happened(tx, account, PASSWORD_SET, {"sessions": drop_sessions(tx, name)}))

    return command


def end_sessions(name: str) -> Command:
    """Sign somebody out everywhere."""

    def command(tx: Transaction) -> Answer | Refuse:
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        ended = drop_sessions(tx, name)
        return _answer(happened(tx, account, SESSIONS_ENDED, {"sessions": ended}) if ended else account)

    return command


# -- steps of commands -----------------------------------------------------------------------------------------------


def added(tx: Transaction, name: str, role: str, origin: str) -> Account | Refuse:
    data = {"name": name, "role": role, "origin": origin}
    account = apply(None, ADDED, data, tx.now)
    if not insert_new(tx.connection, staff, account_row(account)):
        return Refuse("staff_exists")
    insert_new(tx.connection, staff_secrets, {"name": name, "password": None, "subject": None})
    tx.append(stream_of(name), 1, ADDED, data)
    return account


def taken(tx: Transaction, name: str) -> Account | Refuse:
    """The account, locked until the command ends."""
    row = tx.connection.execute(select(staff).where(staff.c.name == name).with_for_update()).one_or_none()
    return Refuse("staff_unknown") if row is None else _account(row)


def happened(tx: Transaction, account: Account, kind: str, data: Mapping[str, Any]) -> Account:
    """Let an event happen to an account that this command has ``taken``."""
    told = {"name": account.name, **data}
    after = apply(account, kind, told, tx.now)
    written = tx.connection.execute(
        update(staff).where(staff.c.name == account.name, staff.c.n == account.n).values(**account_row(after))
    )
    if written.rowcount != 1:
        raise StaleError(account.name)
    tx.append(stream_of(account.name), after.n, kind, told)
    return after


def drop_sessions(tx: Transaction, name: str, but: str = "") -> int:
    """End the sessions of an account except the one of the hash ``but``; how many there were."""
    gone = delete(console_sessions).where(console_sessions.c.name == name, console_sessions.c.session_hash != but)
    return int(tx.connection.execute(gone).rowcount)


def secret_of(tx: Transaction, name: str) -> Row[Any]:
    """The row of secrets, made when a ledger was restored without it."""
    insert_new(tx.connection, staff_secrets, {"name": name, "password": None, "subject": None})
    return tx.connection.execute(select(staff_secrets).where(staff_secrets.c.name == name)).one()


def keep_secret(tx: Transaction, name: str, **values: str | None) -> None:
    if tx.connection.execute(update(staff_secrets).where(staff_secrets.c.name == name).values(**values)).rowcount == 0:
        tx.connection.execute(insert(staff_secrets).values(name=name, **values))


def account_row(account: Account) -> dict[str, Any]:
    return asdict(account)


def _another_admin(tx: Transaction, name: str) -> bool:
    """Whether an active admin remains without this one.

    They are locked, and before the account that is changed, so that two can neither shut out nor wait for each other.
    """
    admins = select(staff.c.name).where(staff.c.role == ADMIN, staff.c.state == ACTIVE).order_by(staff.c.name)
    return any(row.name != name for row in tx.connection.execute(admins.with_for_update()))


def _account(row: Row[Any]) -> Account:
    return Account(row.name, row.role, row.state, row.origin, row.added_at, row.n)


def _answer(account: Account | Refuse) -> Answer | Refuse:
    if isinstance(account, Refuse):
        return account
    return Answer(200, {"name": account.name, "role": account.role, "state": account.state})
