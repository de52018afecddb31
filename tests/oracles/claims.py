"""What a claim must be told, by counting the list of earlier claims; knows nothing of how they are stored."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Past:
    """A claim that was granted: who, with which things, when on the shop's clock, and what it promised."""

    user: str
    things: Mapping[str, str]
    at: datetime
    promised: int


@dataclass(frozen=True)
class Rules:
    """Limits in plain words; ``slots`` are (first minute, minute after the last, quota) of the day."""

    quantity: int | None = None
    per_user: int | None = None
    per_user_day: int | None = None
    per_thing: Mapping[str, int] | None = None
    day_quota: int | None = None
    slots: Sequence[tuple[int, int, int]] = ()
    carry: bool = False
    pool: int | None = None


def verdict(
    rules: Rules, past: Sequence[Past], user: str, things: Mapping[str, str], at: datetime, promised: int
) -> str:
    """``won`` or the code of the first limit that is used up."""
    minute = at.hour * 60 + at.minute
    today = [claim for claim in past if claim.at.date() == at.date()]
    slot = next(((n, s) for n, s in enumerate(rules.slots) if s[0] <= minute < s[1]), None)
    if rules.slots and slot is None:
        return "slot_closed"
    mine = [claim for claim in past if claim.user == user]
    if rules.per_user is not None and len(mine) >= rules.per_user:
        return "user_limit_total"
    if rules.per_user_day is not None and sum(claim.user == user for claim in today) >= rules.per_user_day:
        return "user_limit_day"
    for kind, limit in (rules.per_thing or {}).items():
        if kind not in things:
            return f"{kind}_required"
        if sum(claim.things.get(kind) == things[kind] for claim in past) >= limit:
            return f"{kind}_limit"
    if rules.day_quota is not None and len(today) >= rules.day_quota:
        return "day_quota_exhausted"
    if slot is not None and not _room(rules, today, slot):
        return "slot_exhausted"
    if rules.quantity is not None and len(past) >= rules.quantity:
        return "quantity_exhausted"
    if rules.pool is not None and sum(claim.promised for claim in past) + promised > rules.pool:
        return "pool_exhausted"
    return "won"


def _room(rules: Rules, today: Sequence[Past], slot: tuple[int, tuple[int, int, int]]) -> bool:
    """Walk through the slots of the day as they happened, handing on what is left over."""
    number, _ = slot
    left = 0
    for first, end, quota in rules.slots[: number + 1]:
        given = sum(first <= claim.at.hour * 60 + claim.at.minute < end for claim in today)
        left = (left if rules.carry else 0) + quota - given
    return left > 0


def seven_in_a_row(days: Sequence[date]) -> list[bool]:
    """For each sign-in day in order: whether it ends a run of 7, 14, 21 … days."""
    found = []
    for day in days:
        run = 0
        while date.fromordinal(day.toordinal() - run) in days:
            run += 1
        found.append(run % 7 == 0)
    return found


def drawn(secret: bytes, template_id: str, coupon_id: str, low: int, high: int) -> int:
    """The amount of a random coupon, from the installation's key and two ids alone (F017)."""
    seed = hmac.new(secret, f"draw\n{template_id}".encode(), hashlib.sha256).digest()
    size, name, attempt = high - low + 1, coupon_id.encode(), 0
    while True:
        message = len(name).to_bytes(4, "big") + name + attempt.to_bytes(4, "big")
        number = int.from_bytes(hmac.new(seed, message, hashlib.sha256).digest(), "big")
        if number < 2**256 // size * size:
            return low + number % size
        attempt += 1
