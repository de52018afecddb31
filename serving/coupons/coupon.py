"""The life of one coupon: unused → held → used, back by rollback, or expired; the state is the fold of its events.

``apply`` is the only way a state changes, in the store and when the ledger is rebuilt from its events; an event that
the state does not allow raises ``ImpossibleError``, which means a fault of ours (or a tampered ledger), never a
refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from serving.coupons.events import (
    Claimed,
    Event,
    Expired,
    Held,
    LineSplit,
    Redeemed,
    Refunded,
    Released,
    RolledBack,
)

UNUSED, HELD, USED, EXPIRED = "unused", "held", "used", "expired"
STATES = (UNUSED, HELD, USED, EXPIRED)


class ImpossibleError(RuntimeError):
    """An event that the coupon's state does not allow."""


@dataclass(frozen=True, slots=True)
class Hold:
    hold_id: str
    order_id: str
    deadline: datetime
    discount_cents: int
    goods_cents: int
    split: tuple[LineSplit, ...]


@dataclass(frozen=True, slots=True)
class Redemption:
    """A used coupon's order; ``refunded`` are (line_no, unit) pairs that went back."""

    redemption_id: str
    hold: Hold
    redeemed_at: datetime
    refunded: frozenset[tuple[int, int]] = frozenset()
    refunded_cents: int = 0
    refunded_share_cents: int = 0

    @property
    def paid_cents(self) -> int:
        """What the customer paid for the goods."""
        return self.hold.goods_cents - self.hold.discount_cents

    @property
    def spent_cents(self) -> int:
        """The part of the discount that is still given."""
        return self.hold.discount_cents - self.refunded_share_cents

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.hold.split)


@dataclass(frozen=True, slots=True)
class Coupon:
    """The state after ``n`` events."""

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
    hold: Hold | None = None
    redemption: Redemption | None = None
    n: int = 1

    @property
    def is_live(self) -> bool:
        """Live coupons count against the liability of their campaign."""
        return self.state in (UNUSED, HELD)


def apply(coupon: Coupon | None, event: Event) -> Coupon:
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
        )
    if coupon is None:
        raise ImpossibleError(f"{event.TAG} of {event.coupon_id}, which was never claimed")
    return replace(_changed(coupon, event), n=coupon.n + 1)


def _changed(coupon: Coupon, event: Event) -> Coupon:
    state, hold, redemption = coupon.state, coupon.hold, coupon.redemption
    match event:
        case Held() if state == UNUSED:
            locked = Hold(
                event.hold_id, event.order_id, event.deadline, event.discount_cents, event.goods_cents, event.split
            )
            return replace(coupon, state=HELD, hold=locked)
        case Released() if state == HELD and hold is not None and hold.hold_id == event.hold_id:
            return replace(coupon, state=UNUSED, hold=None)
        case Redeemed() if state == HELD and hold is not None and hold.hold_id == event.hold_id:
            return replace(coupon, state=USED, hold=None, redemption=Redemption(event.redemption_id, hold, event.at))
        case Refunded() if state == USED and redemption is not None:
            units = frozenset((unit.line_no, unit.unit) for unit in event.units)
            if redemption.redemption_id != event.redemption_id or units & redemption.refunded:
                raise ImpossibleError(f"{event.TAG} of {coupon.coupon_id} repeats a unit or names another redemption")
            refunded = replace(
                redemption,
                refunded=redemption.refunded | units,
                refunded_cents=redemption.refunded_cents + event.paid_cents,
                refunded_share_cents=redemption.refunded_share_cents + event.share_cents,
            )
            return replace(coupon, redemption=refunded)
        case RolledBack() if (
            state == USED and redemption is not None and redemption.redemption_id == event.redemption_id
        ):
            return replace(coupon, state=UNUSED if event.returned else USED, redemption=None)
        case Expired() if state == UNUSED:
            return replace(coupon, state=EXPIRED)
        case _:
            raise ImpossibleError(f"{event.TAG} of {coupon.coupon_id}, which is {state}")
