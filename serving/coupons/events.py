"""What happened to a coupon: append-only facts, each with a permanent tag; the state of a coupon is their fold.

Every event is complete: with the events alone, the whole ledger can be rebuilt and compared with its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from serving.coupons.money import InvalidError


@dataclass(frozen=True, slots=True)
class LineSplit:
    """The frozen split of one line: what its units cost and the share of the discount that the line carries."""

    line_no: int
    quantity: int
    unit_price_cents: int
    share_cents: int


@dataclass(frozen=True, slots=True)
class RefundedUnit:
    """One returned unit: what the customer gets back, and the discount share that goes back to the budget."""

    line_no: int
    unit: int
    paid_cents: int
    share_cents: int


@dataclass(frozen=True, slots=True)
class Claimed:
    TAG: ClassVar[str] = "coupon.claimed"
    coupon_id: str
    at: datetime
    user_id: str
    template_id: str
    template_version: int
    campaign_id: str | None
    decision_id: str | None
    face_cents: int
    valid_from: datetime
    valid_until: datetime
    device: str | None
    ip: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """Locked for an order until ``deadline`` with the split that its redemption will freeze."""

    TAG: ClassVar[str] = "coupon.held"
    coupon_id: str
    at: datetime
    hold_id: str
    order_id: str
    deadline: datetime
    discount_cents: int
    goods_cents: int
    split: tuple[LineSplit, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """The hold ended without a redemption: ``timeout``, ``order_unpaid`` or ``order_cancelled``."""

    TAG: ClassVar[str] = "coupon.released"
    coupon_id: str
    at: datetime
    hold_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Redeemed:
    TAG: ClassVar[str] = "coupon.redeemed"
    coupon_id: str
    at: datetime
    hold_id: str
    redemption_id: str
    late: bool


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The order is undone; ``returned`` says whether the coupon may be used again."""

    TAG: ClassVar[str] = "coupon.rolled_back"
    coupon_id: str
    at: datetime
    redemption_id: str
    scene: str
    returned: bool


@dataclass(frozen=True, slots=True)
class Refunded:
    TAG: ClassVar[str] = "coupon.refunded"
    coupon_id: str
    at: datetime
    redemption_id: str
    refund_id: str
    units: tuple[RefundedUnit, ...]

    @property
    def paid_cents(self) -> int:
        return sum(unit.paid_cents for unit in self.units)

    @property
    def share_cents(self) -> int:
        return sum(unit.share_cents for unit in self.units)


@dataclass(frozen=True, slots=True)
class Expired:
    TAG: ClassVar[str] = "coupon.expired"
    coupon_id: str
    at: datetime


Event = Claimed | Held | Released | Redeemed | RolledBack | Refunded | Expired
EVENTS: Mapping[str, type[Event]] = {
    event.TAG: event for event in (Claimed, Held, Released, Redeemed, RolledBack, Refunded, Expired)
}
_MOMENTS = ("at", "valid_from", "valid_until", "deadline")


def event_to_data(event: Event) -> dict[str, Any]:
    """A flat mapping that JSON can hold; moments become ISO text in UTC."""
    data: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name in _MOMENTS:
            value = value.isoformat()
        elif field.name in ("split", "units"):
            value = [[getattr(part, f.name) for f in fields(part)] for part in value]
        data[field.name] = value
    return data


def event_from_data(tag: str, data: Mapping[str, Any]) -> Event:
    if tag not in EVENTS:
        raise InvalidError("event", tag, f"one of: {', '.join(EVENTS)}")
    values = dict(data)
    for name in _MOMENTS:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if "split" in values:
        values["split"] = tuple(LineSplit(*part) for part in values["split"])
    if "units" in values:
        values["units"] = tuple(RefundedUnit(*part) for part in values["units"])
    return EVENTS[tag](**values)
