"""Passwords: argon2id hashes with the parameters of today, checked in threads of their own.

A check takes tens of milliseconds and 64 MiB on purpose. Two run at a time, so that guessing can neither fill the
memory nor keep the event loop; who is unknown is checked against a hash of nobody, which takes as long.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from features.errors import InputError

LEAST, MOST = 12, 200
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the password was right; ``fresh`` is a new hash of it when the kept one has old parameters."""

    right: bool
    fresh: str | None = None


class Passwords:
    """Makes and checks hashes; ``hasher`` has the parameters."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    def hash_now(self, password: str) -> str:
        """``hash`` for a command line."""
        return self._hasher.hash(password)

    async def check(self, kept: str | None, password: str) -> Checked:
        """Against the hash that is kept, or for None against nobody's: never right, and as slow."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._check, kept, password)

    def close(self) -> None:
        self._threads.shutdown()

    def _check(self, kept: str | None, password: str) -> Checked:
        nobody = self._nobody  # made by the first check whosever it is
        try:
            self._hasher.verify(kept or nobody, password[: 4 * MOST])
        except (VerificationError, InvalidHashError):
            return Checked(False)
        if kept is None:
            return Checked(False)
        return Checked(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(kept) else None)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))


def clean_password(password: str, name: str) -> str:
    """A password that may be chosen; raises ``InputError``, which never holds it."""
    if not LEAST <= len(password) <= MOST:
        raise InputError("password", f"{len(password)} characters", f"{LEAST} to {MOST} characters")
    if name in password.lower() or len(set(password)) < 5:
        raise InputError(
            "password", "too simple", "one without the login name in it, of five different characters or more"
        )
    return password
