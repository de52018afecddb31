"""API keys: who calls (principal) and what they may do (scopes). Only hashes are compared; a key is 256 random bits.

The embedded default writes random keys for each role to ``keys.json`` below home, readable by its owner alone;
production lists hashes in the settings and keeps the keys elsewhere. A test key (``fd_test_…``) may call what a live
one (``fd_live_…``, or plain ``fd_…`` from before there were two kinds) may, but nothing it does is kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from features.errors import InputError
from serving.clock import Clock, utc_now

CATALOGUE_READ, CATALOGUE_WRITE = "catalogue:read", "catalogue:write"
TRIGGERS, CLAIMS, WALLET, QUOTES, ORDERS = (
    "triggers:write",
    "claims:write",
    "wallet:read",
    "quotes:read",
    "orders:write",
)
SCORE, MODELS, REVIEW = "score", "models:reload", "review:write"
WEBHOOKS, USERS, ACTIONS = "webhooks:write", "users:write", "actions:write"
DECISIONS = "decisions:read"
APPEALS = "appeals:write"
SCOPES = (
    CATALOGUE_READ,
    CATALOGUE_WRITE,
    TRIGGERS,
    CLAIMS,
    WALLET,
    QUOTES,
    ORDERS,
    SCORE,
    MODELS,
    REVIEW,
    WEBHOOKS,
    USERS,
    ACTIONS,
    DECISIONS,
    APPEALS,
)

ROLES: Mapping[str, tuple[str, ...]] = {
    "issuance": (TRIGGERS, CLAIMS, WALLET, CATALOGUE_READ, USERS, DECISIONS, APPEALS),
    "checkout": (WALLET, QUOTES, ORDERS),
    "operator": (CATALOGUE_READ, CATALOGUE_WRITE, WEBHOOKS, DECISIONS),
    "reviewer": (REVIEW, ACTIONS),
    "coupons": (SCORE,),
    "scientist": (SCORE, MODELS),
    "console": (CATALOGUE_READ, CATALOGUE_WRITE, WALLET, QUOTES, DECISIONS),
}
# Roles of outsiders, who try things before they are live.
TEST_ROLES = ("issuance", "checkout", "operator")
_TEST_NAME, _TEST_KEY, _LIVE_KEY = "test_", "fd_test_", "fd_live_"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls; a ``test`` caller is always answered dry, ``expires`` is the last UTC day on which the key is good."""

    name: str
    scopes: frozenset[str]
    test: bool = False
    expires: date | None = None


class KeyRing:
    """Finds the principal of a key; what is stored and compared are SHA-256 hashes."""

    def __init__(self, entries: Iterable[tuple[str, Principal]], clock: Clock = utc_now) -> None:
        self._by_hash = dict(entries)
        self._clock = clock

    @classmethod
    def of(cls, keys: Mapping[str, str], roles: Mapping[str, tuple[str, ...]] = ROLES) -> KeyRing:
        """A ring from keys in the clear by role, as the embedded default and tests have them."""
        return cls((hash_key(key), _principal(name, roles)) for name, key in keys.items())

    def find(self, key: str) -> Principal | None:
        """The principal of a key that is known and has not expired."""
        # A lookup by hash: its time tells nothing about how much of a guessed key was right.
        found = self._by_hash.get(hash_key(key))
        if found is None or (found.expires is not None and self._clock().date() > found.expires):
            return None
        # A test key that was listed as a live one by mistake stays a test key.
        return replace(found, test=True) if key.startswith(_TEST_KEY) else found


def hash_key(key: str) -> str:
    """The hash under which a key is listed in the settings."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(test: bool = False) -> str:
    return f"{_TEST_KEY if test else _LIVE_KEY}{secrets.token_urlsafe(32)}"


def embedded_keys(home: Path) -> dict[str, str]:
    """The keys of this installation by role, and ``test_<role>`` for roles of outsiders.

    Made on first use and completed when a role was added since; keys that exist stay. ``keys.json`` is readable by its
    owner alone. Raises ``InputError`` when the file is not what was written.
    """
    path = home / "keys.json"
    found = _read(path)
    if not _missing(found):
        return found
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        # Read again: apps that start side by side on a fresh home must agree on the keys.
        found = _read(path)
        keys = found | {name: new_key(name.startswith(_TEST_NAME)) for name in _missing(found)}
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(keys, file, indent=1)
        fresh.replace(path)
    return keys


def _principal(name: str, roles: Mapping[str, tuple[str, ...]]) -> Principal:
    role = name.removeprefix(_TEST_NAME)
    return Principal(name, frozenset(roles[role]), test=role != name)


def _missing(found: Mapping[str, str]) -> list[str]:
    return [name for name in (*ROLES, *(f"{_TEST_NAME}{role}" for role in TEST_ROLES)) if name not in found]


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError("keys file", str(path), "a JSON object of keys by role") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found.values()):
        raise InputError("keys file", str(path), "a JSON object of keys by role")
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process is in here for the same folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
