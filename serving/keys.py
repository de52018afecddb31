"""API keys: who calls (principal) and what they may do (scopes). Only hashes are compared; a key is 256 random bits.

The embedded default writes random keys for each role to ``keys.json`` below home, readable by its owner alone;
production lists hashes in the settings and keeps the keys elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CATALOGUE_READ, CATALOGUE_WRITE = "catalogue:read", "catalogue:write"
TRIGGERS, CLAIMS, WALLET, QUOTES, ORDERS = (
    "triggers:write",
    "claims:write",
    "wallet:read",
    "quotes:read",
    "orders:write",
)
SCORE, MODELS, REVIEW = "score", "models:reload", "review:write"
SCOPES = (CATALOGUE_READ, CATALOGUE_WRITE, TRIGGERS, CLAIMS, WALLET, QUOTES, ORDERS, SCORE, MODELS, REVIEW)

ROLES: Mapping[str, tuple[str, ...]] = {
    "issuance": (TRIGGERS, CLAIMS, WALLET, CATALOGUE_READ),
    "checkout": (WALLET, QUOTES, ORDERS),
    "operator": (CATALOGUE_READ, CATALOGUE_WRITE),
    "reviewer": (REVIEW,),
    "coupons": (SCORE,),
    "scientist": (SCORE, MODELS),
}


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    scopes: frozenset[str]


class KeyRing:
    """Finds the principal of a key; what is stored and compared are SHA-256 hashes."""

    def __init__(self, entries: Iterable[tuple[str, Principal]]) -> None:
        self._by_hash = dict(entries)

    @classmethod
    def of(cls, keys: Mapping[str, str], roles: Mapping[str, tuple[str, ...]] = ROLES) -> KeyRing:
        """A ring from keys in the clear by role, as the embedded default and tests have them."""
        return cls((hash_key(key), Principal(role, frozenset(roles[role]))) for role, key in keys.items())

    def find(self, key: str) -> Principal | None:
        # A lookup by hash: its time tells nothing about how much of a guessed key was right.
        return self._by_hash.get(hash_key(key))


def hash_key(key: str) -> str:
    """The hash under which a key is listed in the settings."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    return f"fd_{secrets.token_urlsafe(32)}"


def embedded_keys(home: Path) -> dict[str, str]:
    """The keys of this installation by role, made on first use; ``keys.json`` is readable by its owner alone."""
    path = home / "keys.json"
    if path.is_file():
        found: dict[str, str] = json.loads(path.read_text("utf-8"))
        if found.keys() >= ROLES.keys():
            return found
    home.mkdir(parents=True, exist_ok=True)
    keys = {role: new_key() for role in ROLES}
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(keys, file, indent=1)
    fresh.replace(path)
    return keys
