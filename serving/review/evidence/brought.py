"""What a run of the abuse flow brings of one ring or account: history that is in the shop's tables, not in the ledger.

Plain values and their JSON, one shape on all ways (a line of the file beside the flags, the body of ``POST /v1/flags``,
the row in ``case_evidence``). Things are keyed hashes of the ledger's own ``Hasher``, so that a device in the tables
and the same device in a claim are one. Lists are bounded; totals are of the whole subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serving.review.evidence.parts import Moment, Sight

MEMBERS, SIGHTS, THINGS, LINES, COUPONS = 200, 2_000, 200, 500, 1_000
"""Most rows of each list for one subject."""


@dataclass(frozen=True, slots=True)
class Account:
    """A member as the tables have it; ``orders`` are its paid orders."""

    user_id: str
    registered_at: datetime | None = None
    orders: int = 0


@dataclass(frozen=True, slots=True)
class Cents:
    """What a member's coupon could still take off at the run's moment, what it took off, and what of that came back.

    Told coupon by coupon, so that a coupon that the ledger has too is not counted twice.
    """

    coupon_id: str
    user_id: str
    unused_cents: int
    redeemed_cents: int
    refunded_cents: int


@dataclass(frozen=True, slots=True)
class Place:
    """A thing that members were seen on, with the others there; ``hub`` is a code of ``features.hubs`` or empty."""

    kind: str
    value: str
    members: int
    outsiders: int
    settled: int
    hub: str
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Sums:
    """Figures of all members, beyond those that are listed; ``old`` had been registered for thirty days at their
    first claim, ``ordering`` have orders without discount, ``first`` and ``last`` are claims, of ``templates`` coupons.
    """

    accounts: int
    old: int
    ordering: int
    coupons: int
    unused_cents: int
    redeemed_cents: int
    refunded_cents: int
    templates: int
    things: int
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """``as_of``: rows at or after it were not looked at; ``models``: versions of what scored, by name."""

    subject: str
    as_of: datetime
    models: tuple[tuple[str, str], ...]
    members: tuple[Account, ...]
    coupons: tuple[Cents, ...]
    sights: tuple[Sight, ...]
    things: tuple[Place, ...]
    timeline: tuple[Moment, ...]
    timeline_cut: bool
    totals: Sums


def brought_to_data(brought: Brought) -> dict[str, Any]:
    """A mapping that JSON can hold; moments are ISO text in UTC without a zone."""
    return {
        "subject": brought.subject,
        "as_of": brought.as_of.isoformat(),
        "models": dict(brought.models),
        "members": [_plain(row) for row in brought.members],
        "coupons": [_plain(row) for row in brought.coupons],
        "sights": [_plain(row) for row in brought.sights],
        "things": [_plain(row) for row in brought.things],
        "timeline": [_plain(row) for row in brought.timeline],
        "timeline_cut": brought.timeline_cut,
        "totals": _plain(brought.totals),
    }


def brought_from_data(data: Mapping[str, Any]) -> Brought:
    return Brought(
        data["subject"],
        datetime.fromisoformat(data["as_of"]),
        tuple(sorted(data["models"].items())),
        tuple(Account(**_read(row)) for row in data["members"]),
        tuple(Cents(**_read(row)) for row in data["coupons"]),
        tuple(Sight(**_read(row)) for row in data["sights"]),
        tuple(Place(**_read(row)) for row in data["things"]),
        tuple(Moment(**_read(row)) for row in data["timeline"]),
        data["timeline_cut"],
        Sums(**_read(data["totals"])),
    )


_TIMES = ("at", "registered_at", "first_seen", "last_seen", "first", "last")


def _plain(row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__slots__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(row)
    for name in _TIMES:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return values
