"""Accounts of the console as events tell them: who there is, with which role, and whether they may come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from features.errors import InputError
from serving.staff.roles import ROLES

ACTIVE, DISABLED = "active", "disabled"
# Where somebody signs in: with a password or a link of ours, or at the identity provider.
LOCAL, OIDC = "local", "oidc"

ADDED, ROLE_SET, SHUT, OPENED = "staff.added", "staff.role_set", "staff.disabled", "staff.enabled"
# These change what is secret or passing, and are told without it.
PASSWORD_SET, RESET, LINK_MADE = "staff.password_set", "staff.reset", "staff.link_made"
UNLOCKED, SESSIONS_ENDED = "staff.unlocked", "staff.sessions_ended"
TOLD = frozenset({PASSWORD_SET, RESET, LINK_MADE, UNLOCKED, SESSIONS_ENDED})

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,59}")


@dataclass(frozen=True, slots=True)
class Account:
    """One person; ``n`` counts the events of the account."""

    name: str
    role: str
    state: str
    origin: str
    added_at: datetime
    n: int

    @property
    def active(self) -> bool:
        return self.state == ACTIVE


def stream_of(name: str) -> str:
    return f"staff:{name}"


def known_name(text: str) -> str | None:
    """A login name as it is kept (small letters), or None for what cannot be one."""
    found = text.strip().lower()
    return found if _NAME.fullmatch(found) else None


def clean_name(text: str) -> str:
    """``known_name``; raises ``InputError`` for what cannot be one.

    >>> clean_name(" Rita ")
    'rita'
    """
    found = known_name(text)
    if found is None:
        raise InputError("name", text[:80], "1 to 60 of: letters, digits and . _ @ + -, a letter or digit first")
    return found


def clean_role(text: str) -> str:
    """A role; raises ``InputError`` for anything else."""
    if text not in ROLES:
        raise InputError("role", text[:40], f"one of: {', '.join(ROLES)}")
    return text


def apply(account: Account | None, kind: str, data: Mapping[str, Any], at: datetime) -> Account:
    """The account after an event; raises ``ValueError`` for one that cannot happen to it."""
    if kind == ADDED:
        if account is not None:
            raise ValueError(f"{account.name} was added twice")
        return Account(clean_name(data["name"]), clean_role(data["role"]), ACTIVE, data["origin"], at, 1)
    if account is None:
        raise ValueError(f"{data['name']} was never added")
    after = replace(account, n=account.n + 1)
    if kind == ROLE_SET:
        return replace(after, role=clean_role(data["role"]))
    if kind in (SHUT, OPENED):
        if account.active != (kind == SHUT):
            raise ValueError(f"{account.name} is {account.state} already")
        return replace(after, state=DISABLED if kind == SHUT else ACTIVE)
    if kind in TOLD:
        return after
    raise ValueError(f"no such event: {kind}")
