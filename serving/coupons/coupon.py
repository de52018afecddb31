"""The life of one coupon: unused → held → used, back by rollback, expired or revoked; the fold of its events.

``apply`` is the only way a state changes, in the store and when the ledger is rebuilt from its events; an event that
the state does not allow raises ``ImpossibleError``, which means a fault of ours (or a tampered ledger), never a
refusal. A coupon of several uses (F049) stays unused until the last of them is redeemed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from serving.coupons.events import (
    Claimed,
    CouponEvent,
    Expired,
    Held,
    Redeemed,
    Refunded,
    Released,
    Restored,
    Revoked,
    RolledBack,
)

UNUSED, HELD, USED, EXPIRED, REVOKED = "unused", "held", "used", "expired", "revoked"
STATES = (UNUSED, HELD, USED, EXPIRED, REVOKED)


class ImpossibleError(RuntimeError):
    """An event that the state of a coupon or an order does not allow."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What a hold means to its coupon; the receipt is the order's."""

    hold_id: str
    order_id: str
    deadline: datetime
    discount_cents: int


@dataclass(frozen=True, slots=True)
class Coupon:
    """The state after ``n`` events; ``used`` of ``uses`` have been redeemed."""

    coupon_id: str
    user_id: str
    template_id: str
    template_version: int
    campaign_id: str | None
    decision_id: str | None
    face_cents: int
    claimed_at: datetime
    valid_from: datetime
    valid_until: datetime
    state: str = UNUSED
    hold: Lock | None = None
    uses: int = 1
    used: int = 0
    source: str = "claim"
    ref: str | None = None
    n: int = 1

    @property
    def live_cents(self) -> int:
        """What it could still cost; counts against the liability of its campaign."""
        return self.face_cents * (self.uses - self.used) if self.state in (UNUSED, HELD) else 0


def apply(coupon: Coupon | None, event: CouponEvent) -> Coupon:
    """The state after ``event``."""
    if isinstance(event, Claimed):
        if coupon is not None:
            raise ImpossibleError(f"{event.coupon_id} was claimed twice")
        return Coupon(
            event.coupon_id,
            event.user_id,
            event.template_id,
            event.template_version,
            event.campaign_id,
            event.decision_id,
            event.face_cents,
            event.at,
            event.valid_from,
            event.valid_until,
            uses=event.uses,
            source=event.source,
            ref=event.ref,
        )
    if coupon is None:
        raise ImpossibleError(f"{event.TAG} of {event.coupon_id}, which was never claimed")
    return replace(_changed(coupon, event), n=coupon.n + 1)


def _changed(coupon: Coupon, event: CouponEvent) -> Coupon:
    state, hold = coupon.state, coupon.hold
    match event:
        case Held() if state == UNUSED:
            lock = Lock(event.hold_id, event.order_id, event.deadline, event.discount_cents)
            return replace(coupon, state=HELD, hold=lock)
        case Released() if state == HELD and hold is not None and hold.hold_id == event.hold_id:
            return replace(coupon, state=UNUSED, hold=None)
        case Redeemed() if state == HELD and hold is not None and hold.hold_id == event.hold_id:
            used = coupon.used + 1
            return replace(coupon, state=USED if used == coupon.uses else UNUSED, hold=None, used=used)
        case Refunded() if coupon.used > 0:
            return coupon
        case RolledBack() if coupon.used > 0 and not event.returned:
            return coupon
        case RolledBack() if coupon.used > 0 and state in (UNUSED, HELD, USED):
            return replace(coupon, state=UNUSED if state == USED else state, used=coupon.used - 1)
        case Expired() if state == UNUSED:
            return replace(coupon, state=EXPIRED)
        case Revoked() if state == UNUSED:
            return replace(coupon, state=REVOKED)
        case Restored() if state == REVOKED:
            return replace(coupon, state=UNUSED)
        case _:
            raise ImpossibleError(f"{event.TAG} of {coupon.coupon_id}, which is {state}")
