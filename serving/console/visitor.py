"""Who is looking at a page: name, role, and what their browser asked for."""

from __future__ import annotations

from dataclasses import dataclass

from serving.staff.roles import may

COOKIE = "fairdeal_console"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person; ``csrf`` is the token that every form of this session carries."""

    name: str
    role: str
    csrf: str

    @property
    def actor(self) -> str:
        """The name under which the ledger knows what this person does."""
        return f"staff:{self.name}"

    def may(self, permission: str) -> bool:
        return may(self.role, permission)
