"""One-time links: a way in without a password, good once and for some minutes; only their hash is kept."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import delete, insert, select, update

from serving.coupons.refusals import Refuse
from serving.staff.account import LINK_MADE, LOCAL, RESET
from serving.staff.accounts import drop_sessions, happened, keep_secret, taken
from serving.staff.sessions import hash_of
from serving.store.schema_staff import sign_in_links
from serving.store.unit import Answer, Command, Transaction

GOOD_FOR = timedelta(minutes=15)
_KEPT = timedelta(days=1)  # a link that is tried a second time is noticed


def new_link() -> str:
    return secrets.token_urlsafe(32)


def address_of(console: str, link: str) -> str:
    """Where a browser opens a link; ``console`` is the address of the console."""
    return f"{console.rstrip('/')}/sign-in/link?link={quote(link)}"


def give(name: str, link: str, length: timedelta = GOOD_FOR, *, reset: bool = False) -> Command:
    """Make a link good for an account; earlier ones are good no longer. ``reset`` also forgets the password and signs
    the account out everywhere."""

    def command(tx: Transaction) -> Answer | Refuse:
        account = taken(tx, name)
        if isinstance(account, Refuse):
            return account
        if not account.active:
            return Refuse("staff_disabled")
        if account.origin != LOCAL:
            return Refuse("staff_elsewhere")
        if reset:
            keep_secret(tx, name, password=None)
            account = happened(tx, account, RESET, {"sessions": drop_sessions(tx, name)})
        drop_links(tx, name)
        tx.connection.execute(
            insert(sign_in_links).values(link_hash=hash_of(link), name=name, ends_at=tx.now + length, used_at=None)
        )
        happened(tx, account, LINK_MADE, {"minutes": int(length.total_seconds() // 60)})
        return Answer(200, {"name": name})

    return command


def use(tx: Transaction, link: str) -> tuple[str | None, bool]:
    """Whose link it is, and whether it was good until now; it is not any more."""
    tx.connection.execute(delete(sign_in_links).where(sign_in_links.c.ends_at < tx.now - _KEPT))
    mine = sign_in_links.c.link_hash == hash_of(link)
    good = (mine, sign_in_links.c.used_at.is_(None), sign_in_links.c.ends_at > tx.now)
    used = tx.connection.execute(update(sign_in_links).where(*good).values(used_at=tx.now))
    return tx.connection.execute(select(sign_in_links.c.name).where(mine)).scalar(), used.rowcount == 1


def drop_links(tx: Transaction, name: str) -> None:
    """Make the links of an account that were not used good for nothing."""
    waiting = (sign_in_links.c.name == name, sign_in_links.c.used_at.is_(None))
    tx.connection.execute(delete(sign_in_links).where(*waiting))
