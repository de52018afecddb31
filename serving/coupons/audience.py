"""Whom a coupon is for: what the shop has said of a user, what a template asks of it (F011, F025, F066, F070)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Shopper:
    """What is known of a user at a moment. ``known`` is False for a user of whom the shop has said nothing.

    ``orders`` counts paid orders: the shop's figure and what this ledger has redeemed, whichever is larger.
    ``linked_old`` names the kinds of link (phone, identity, device, address) over which an older account is the same
    person: one that has ordered or has taken a newcomer coupon (F208). ``identity_taken``: the identity was another
    account's first (F066).
    """

    user_id: str
    known: bool = False
    registered_at: datetime | None = None
    tags: frozenset[str] = frozenset()
    member_tier: str | None = None
    birthday: date | None = None
    orders: int = 0
    phone_verified: bool = False
    identity_verified: bool = False
    linked_old: frozenset[str] = frozenset()
    identity_taken: bool = False


@dataclass(frozen=True, slots=True)
class Audience:
    """What a template asks of a user; empty fields ask nothing.

    ``tags`` any of them, ``without_tags`` none of them; ``newcomer`` no order and no older account of the same person;
    ``first_order`` no paid order yet; ``birthday_month`` in the month of the birthday.
    """

    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    member_tiers: tuple[str, ...] = ()
    newcomer: bool = False
    first_order: bool = False
    phone_verified: bool = False
    identity_verified: bool = False
    birthday_month: bool = False

    @property
    def asks(self) -> bool:
        return self != EVERYBODY


EVERYBODY = Audience()
