"""How people come in and go: with a password, with a one-time link, from an identity provider; each time an event.

Nobody learns here whether a name exists: an unknown name, a wrong password, a shut account and one at rest cost the
same time and get the same answer. Names that do not exist are told as keyed hashes, because people type passwords
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from serving.console_settings import Console
from serving.coupons.refusals import Refuse
from serving.privacy import Hasher
from serving.staff import links
from serving.staff.account import OIDC, PASSWORD_SET, ROLE_SET, UNLOCKED, Account, known_name
from serving.staff.accounts import added, find, happened, keep_secret, secret_of, taken
from serving.staff.notes import append_next
from serving.staff.passwords import Passwords
from serving.staff.sessions import Sessions, new_cookie
from serving.staff.tries import Trier, Tries
from serving.store.schema_staff import staff, staff_secrets
from serving.store.unit import Answer, Command, Request, Store, Transaction

CAME, FAILED, LOCKED, WENT, REFUSED = (
    "entrance.signed_in", "entrance.failed", "entrance.locked", "entrance.signed_out", "entrance.refused",
)  # fmt: skip
NOBODY = "console"


@dataclass(frozen=True, slots=True)
class Browser:
    """The client that asks: its address, what it says it is, and the session it has already."""

    client: str
    agent: str
    old: str | None = None


class Entrance:
    """Lets people in; a method answers with the cookie of a new session, or with None."""

    def __init__(
        self, store: Store, sessions: Sessions, settings: Console, hasher: Hasher, passwords: Passwords
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._hasher = hasher
        self.passwords = passwords
        self.tries = Tries(settings.lock_out, hasher)

    async def by_password(self, text: str, password: str, browser: Browser) -> str | None:
        name = known_name(text) or ""
        trier = self.tries.trier(name or text[:200], browser.client)
        held = await self._run(NOBODY, "try", lambda tx: Answer(200, {"held": self.tries.take(tx, trier)}))
        if held["held"] == "client":
            return None
        known = await self._store.fetch(lambda connection: _kept(connection, name))
        kept = known if not held["held"] else None
        checked = await self.passwords.check(kept, password)
        cookie = new_cookie()

        def enter(tx: Transaction) -> Answer:
            account = taken(tx, name)
            right = checked.right and isinstance(account, Account) and account.active
            # Changed while it was checked: the old one is wrong by now.
            if not right or not isinstance(account, Account) or secret_of(tx, name).password != kept:
                return self._failed(tx, text, name, "password", browser, trier)
            if checked.fresh:
                keep_secret(tx, name, password=checked.fresh)
            self.tries.give_back(tx, trier)
            return self._came(tx, name, "password", cookie, browser)

        actor = f"staff:{name}" if checked.right else NOBODY
        return cookie if (await self._run(actor, "sign-in", enter))["in"] else None

    async def by_link(self, link: str, browser: Browser) -> str | None:
        cookie = new_cookie()

        def enter(tx: Transaction) -> Answer:
            name, good = links.use(tx, link)
            account = taken(tx, name) if name is not None else None
            if name is None:
                return Answer(200, {"in": False})  # 256 bits are not guessed; there is nobody to tell it of
            if not good or not isinstance(account, Account) or not account.active:
                return self._failed(tx, name, name, "link", browser, None)
            self.tries.forget(tx, self.tries.trier(name, browser.client).account)
            return self._came(tx, name, "link", cookie, browser)

        return cookie if (await self._run(NOBODY, "sign-in", enter))["in"] else None

    async def by_provider(self, name: str, role: str, subject: str, browser: Browser) -> str | Refuse:
        """Somebody whom the provider vouches for; ``subject`` is the hash of who that is there.

        The role is what the provider says at each sign-in. A name that is a local account's, or somebody else's there,
        is refused: a name alone proves nothing.
        """
        cookie = new_cookie()

        def enter(tx: Transaction) -> Answer | Refuse:
            account = added(tx, name, role, OIDC) if find(tx.connection, name) is None else taken(tx, name)
            if isinstance(account, Refuse):
                return account
            kept = secret_of(tx, name)
            if account.origin != OIDC or kept.subject not in (None, subject):
                return Refuse("staff_elsewhere")
            if not account.active:
                return Refuse("staff_disabled")
            keep_secret(tx, name, subject=subject)
            if account.role != role:
                happened(tx, account, ROLE_SET, {"role": role, "before": account.role})
            return self._came(tx, name, "provider", cookie, browser)

        answer = await self._answer(f"staff:{name}", "sign-in", enter)
        return cookie if answer.status == 200 else Refuse(answer.body["code"])

    async def refused(self, name: str, why: str, browser: Browser) -> None:
        """Tell that the provider vouched for somebody who may not come in."""
        told = self._told(name, "provider", browser)
        await self._run(NOBODY, "sign-in", lambda tx: _noted(tx, REFUSED, {**told, "why": why}))

    async def leave(self, name: str, cookie: str) -> None:
        def command(tx: Transaction) -> Answer:
            if self._sessions.end(tx, cookie):
                append_next(tx, f"entrance:{name}", WENT, {"subject": name})
            return Answer(200, {})

        await self._run(f"staff:{name}", "sign-out", command)

    async def sure(self, name: str, password: str, client: str) -> tuple[bool, str | None]:
        """Whether somebody who is signed in is who they say, and the hash that says so; guesses count as at the door.
        Who has no password has nothing to say."""
        kept = await self._store.fetch(lambda connection: _kept(connection, name))
        if kept is None:
            return True, None
        trier = self.tries.trier(name, client)
        held = await self._run(f"staff:{name}", "try", lambda tx: Answer(200, {"held": self.tries.take(tx, trier)}))
        checked = await self.passwords.check(None if held["held"] else kept, password)
        if not checked.right:
            browser = Browser(client, "")
            await self._run(f"staff:{name}", "try", lambda tx: self._failed(tx, name, name, "change", browser, trier))
            return False, None

        def give_back(tx: Transaction) -> Answer:
            self.tries.give_back(tx, trier)
            return Answer(200, {})

        await self._run(f"staff:{name}", "try", give_back)
        return True, kept

    def unlock(self, name: str) -> Command:
        """Let an account try again at once."""

        def command(tx: Transaction) -> Answer | Refuse:
            account = taken(tx, name)
            if isinstance(account, Refuse):
                return account
            self.tries.forget(tx, self.tries.trier(name, "").account)
            happened(tx, account, UNLOCKED, {})
            return Answer(200, {})

        return command

    def rests(self, connection: Connection, name: str) -> datetime | None:
        """Until when an account rests after wrong passwords, if it does."""
        return self.tries.until(connection, self.tries.trier(name, "").account, self._store.clock())

    def change_password(self, name: str, before: str | None, fresh: str, cookie: str) -> Command:
        """Keep a new hash where ``before`` is still the one that was checked; the other sessions and links end."""

        def command(tx: Transaction) -> Answer | Refuse:
            account = taken(tx, name)
            if isinstance(account, Refuse):
                return account
            if account.origin == OIDC:
                return Refuse("staff_elsewhere")
            if secret_of(tx, name).password != before:
                return Refuse("password_wrong")
            keep_secret(tx, name, password=fresh)
            links.drop_links(tx, name)
            happened(tx, account, PASSWORD_SET, {"sessions": self._sessions.end_others(tx, name, cookie)})
            return Answer(200, {})

        return command

    # -- telling -----------------------------------------------------------------------------------------------------

    def _came(self, tx: Transaction, name: str, how: str, cookie: str, browser: Browser) -> Answer:
        self._sessions.begin(tx, name, cookie, browser.agent, browser.old)
        append_next(tx, f"entrance:{name}", CAME, self._told(name, how, browser))
        return Answer(200, {"in": True})

    def _failed(self, tx: Transaction, text: str, name: str, how: str, browser: Browser, trier: Trier | None) -> Answer:
        known = bool(name) and find(tx.connection, name) is not None
        told = self._told(name if known else f"?{self._hasher('name', name or text[:200])}", how, browser)
        until = self.tries.until(tx.connection, trier.account, tx.now) if trier is not None else None
        if until is None:
            return _noted(tx, FAILED, told)
        return _noted(tx, LOCKED, {**told, "until": until.isoformat()})

    def _told(self, subject: str, how: str, browser: Browser) -> dict[str, Any]:
        return {"subject": subject, "how": how, "client": self._hasher("ip", browser.client) or ""}

    async def _run(self, actor: str, what: str, command: Command) -> Mapping[str, Any]:
        return (await self._answer(actor, what, command)).body

    async def _answer(self, actor: str, what: str, command: Command) -> Answer:
        key = self._store.ids("ent")
        return await self._store.run(Request(actor, key, what, key), command)


def _noted(tx: Transaction, kind: str, told: dict[str, Any]) -> Answer:
    append_next(tx, f"entrance:{told['subject']}", kind, told)
    return Answer(200, {"in": False})


def _kept(connection: Connection, name: str) -> str | None:
    """The hash of an account's password, if there is such an account with one."""
    query = select(staff_secrets.c.password).join(staff, staff.c.name == staff_secrets.c.name)
    found: str | None = connection.execute(query.where(staff.c.name == name)).scalar()
    return found
