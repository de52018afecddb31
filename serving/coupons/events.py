"""What happened to a coupon or to an order: append-only facts, each with a permanent tag; state is their fold.

Every event is complete: with the events alone, the whole ledger can be rebuilt and compared with its state. Events of
a coupon carry the cents that they move, so that the money of a campaign follows from the coupon's events alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from serving.coupons.money import InvalidError
from serving.coupons.receipt import Receipt, receipt_from_data, receipt_to_data


@dataclass(frozen=True, slots=True)
class Claimed:
    """A coupon came into being: by a claim, a push, a code, a reward or by itself at an order (``source``).

    ``face_cents`` is the most that one of its ``uses`` can take off; for a random amount it is what was drawn.
    ``ref`` names what the source rewarded (a review, a group, an invited user), ``place`` where it was taken (F058).
    """

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
    uses: int = 1
    source: str = "claim"
    ref: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Locked for an order until ``deadline``; the order's receipt says which line carries how much."""

    TAG: ClassVar[str] = "coupon.held"
    coupon_id: str
    at: datetime
    hold_id: str
    order_id: str
    deadline: datetime
    discount_cents: int


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
class Refunded:
    """Units of the order came back: ``share_cents`` of this coupon's discount are no longer given."""

    TAG: ClassVar[str] = "coupon.refunded"
    coupon_id: str
    at: datetime
    redemption_id: str
    refund_id: str
    share_cents: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The order is undone: ``spent_cents`` go back to the budget; ``returned`` says whether the use comes back."""

    TAG: ClassVar[str] = "coupon.rolled_back"
    coupon_id: str
    at: datetime
    redemption_id: str
    scene: str
    returned: bool
    spent_cents: int


@dataclass(frozen=True, slots=True)
class Expired:
    TAG: ClassVar[str] = "coupon.expired"
    coupon_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Revoked:
    """Taken back from the user because of what the account did; ``Restored`` undoes it (F187)."""

    TAG: ClassVar[str] = "coupon.revoked"
    coupon_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Restored:
    TAG: ClassVar[str] = "coupon.restored"
    coupon_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RefundedUnit:
    """One returned unit: what the customer gets back in money and in points' worth, per coupon what it gives up."""

    line_no: int
    unit: int
    paid_cents: int
    points_cents: int
    shares: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OrderHeld:
    """An order was placed with these coupons: its price is frozen from here on."""

    TAG: ClassVar[str] = "order.held"
    hold_id: str
    at: datetime
    order_id: str
    user_id: str
    deadline: datetime
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class OrderReleased:
    TAG: ClassVar[str] = "order.released"
    hold_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class OrderRedeemed:
    TAG: ClassVar[str] = "order.redeemed"
    hold_id: str
    at: datetime
    redemption_id: str
    late: bool


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """``freight_cents`` is the part of the paid freight that goes back with these units."""

    TAG: ClassVar[str] = "order.refunded"
    hold_id: str
    at: datetime
    redemption_id: str
    refund_id: str
    units: tuple[RefundedUnit, ...]
    freight_cents: int = 0

    @property
    def paid_cents(self) -> int:
        """Money that goes back to the customer."""
        return sum(unit.paid_cents for unit in self.units) + self.freight_cents


@dataclass(frozen=True, slots=True)
class OrderRolledBack:
    TAG: ClassVar[str] = "order.rolled_back"
    hold_id: str
    at: datetime
    redemption_id: str
    scene: str


CouponEvent = Claimed | Held | Released | Redeemed | Refunded | RolledBack | Expired | Revoked | Restored
OrderEvent = OrderHeld | OrderReleased | OrderRedeemed | OrderRefunded | OrderRolledBack
Event = CouponEvent | OrderEvent

COUPON_EVENTS: Mapping[str, type[CouponEvent]] = {
    event.TAG: event for event in (Claimed, Held, Released, Redeemed, Refunded, RolledBack, Expired, Revoked, Restored)
}
ORDER_EVENTS: Mapping[str, type[OrderEvent]] = {
    event.TAG: event for event in (OrderHeld, OrderReleased, OrderRedeemed, OrderRefunded, OrderRolledBack)
}
_MOMENTS = ("at", "valid_from", "valid_until", "deadline")


def event_to_data(event: Event) -> dict[str, Any]:
    """A mapping that JSON can hold; moments become ISO text in UTC."""
    data: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name in _MOMENTS:
            value = value.isoformat()
        elif field.name == "receipt":
            value = receipt_to_data(value)
        elif field.name == "units":
            value = [[getattr(unit, part.name) for part in fields(unit)] for unit in value]
        data[field.name] = value
    return data


def event_from_data(tag: str, data: Mapping[str, Any]) -> Event:
    kinds: Mapping[str, type[Event]] = {**COUPON_EVENTS, **ORDER_EVENTS}
    if tag not in kinds:
        raise InvalidError("event", tag, f"one of: {', '.join(kinds)}")
    values = dict(data)
    for name in _MOMENTS:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if "receipt" in values:
        values["receipt"] = receipt_from_data(values["receipt"])
    if "units" in values:
        values["units"] = tuple(
            RefundedUnit(line_no, unit, paid, points, tuple(shares))
            for line_no, unit, paid, points, shares in values["units"]
        )
    return kinds[tag](**values)
