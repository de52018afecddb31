"""Quotas of a day and of its claim windows (F059, F060): which counter a claim falls under, and how long to wait.

Slots come in the order of the day and none goes on past midnight, so every claim belongs to one shop-local day. With
``carry`` the quotas of a day add up as its slots begin: what one slot leaves over goes to those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from serving.coupons.refusals import Refuse
from serving.coupons.template import Limits
from serving.coupons.validity import local_day, midnight
from serving.coupons.windows import Slot, open_slot, wait_seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most ``quota`` claims are counted under the name ``period``; ``code`` is the refusal when it is used up."""

    period: str
    quota: int
    code: str
    seconds: int

    @property
    def refuse(self) -> Refuse:
        return Refuse(self.code, self.seconds, "seconds")


def allowances(limits: Limits, now: datetime, zone: tzinfo) -> tuple[Allowance, ...] | Refuse:
    """The quotas that a claim at ``now`` counts against, or how long the next slot is away."""
    found: list[Allowance] = []
    day = local_day(now, zone)
    if limits.day_quota is not None:
        found.append(Allowance(f"{day}", limits.day_quota, "day_quota_exhausted", seconds_to_tomorrow(now, zone)))
    if limits.slots:
        index = open_slot(limits.slots, now, zone)
        if index is None:
            return closed(limits.slots, now, zone)
        slot = limits.slots[index]
        period, quota = f"{day} {slot.start.isoformat()}", slot.quota
        if limits.carry:
            period, quota = f"{day} slots", sum(slot.quota for slot in limits.slots[: index + 1])
        found.append(Allowance(period, quota, "slot_exhausted", seconds_to_next(limits.slots, now, zone)))
    return tuple(found)


def closed(slots: Sequence[Slot], now: datetime, zone: tzinfo) -> Refuse:
    """The refusal between two slots, with the seconds until the next one."""
    return Refuse("slot_closed", wait_seconds([slot.window for slot in slots], now, zone), "seconds")


def seconds_to_next(slots: Sequence[Slot], now: datetime, zone: tzinfo) -> int:
    """Seconds until another slot than the one that is open begins, rounded up."""
    index = open_slot(slots, now, zone)
    others = [slot.window for n, slot in enumerate(slots) if n != index]
    if not others:
        return seconds_to_tomorrow(now, zone) + (wait_seconds([slots[0].window], _tomorrow(now, zone), zone) or 0)
    return wait_seconds(others, now, zone) or 0


def seconds_to_tomorrow(now: datetime, zone: tzinfo) -> int:
    """Seconds until the next shop-local day begins, rounded up."""
    return -((now - _tomorrow(now, zone)) // timedelta(seconds=1))


def _tomorrow(now: datetime, zone: tzinfo) -> datetime:
    return midnight(local_day(now, zone) + timedelta(days=1), zone)
