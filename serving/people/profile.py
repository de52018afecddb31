"""What the shop tells us of a user: facts that templates ask about, and the things that link accounts of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

PROFILED = "user.profiled"


@dataclass(frozen=True, slots=True)
class Profile:
    """``orders`` are the user's paid orders as the shop counts them; ``links`` maps a kind to keyed hashes."""

    user_id: str
    registered_at: datetime | None = None
    member_tier: str | None = None
    birthday: date | None = None
    tags: tuple[str, ...] = ()
    orders: int = 0
    phone_verified: bool = False
    identity_verified: bool = False
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def profile_to_data(profile: Profile) -> dict[str, Any]:
    return {
        "user_id": profile.user_id,
        "registered_at": profile.registered_at.isoformat() if profile.registered_at else None,
        "member_tier": profile.member_tier,
        "birthday": profile.birthday.isoformat() if profile.birthday else None,
        "tags": list(profile.tags),
        "orders": profile.orders,
        "phone_verified": profile.phone_verified,
        "identity_verified": profile.identity_verified,
        "links": {kind: list(values) for kind, values in sorted(profile.links.items())},
    }


def profile_from_data(data: Mapping[str, Any]) -> Profile:
    return Profile(
        data["user_id"],
        datetime.fromisoformat(data["registered_at"]) if data["registered_at"] else None,
        data["member_tier"],
        date.fromisoformat(data["birthday"]) if data["birthday"] else None,
        tuple(data["tags"]),
        data["orders"],
        data["phone_verified"],
        data["identity_verified"],
        {kind: tuple(values) for kind, values in data["links"].items()},
    )
