"""What an event does to the money of its campaign: committed budget (held and spent) and live face value."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.coupon import Coupon
from serving.coupons.events import Claimed, CouponEvent, Held, Refunded, Released, RolledBack


@dataclass(frozen=True, slots=True)
class Effect:
    """Cents to add; ``capped_live`` says that the liability cap decides (a returning coupon was counted before)."""

    committed: int = 0
    live: int = 0
    capped_live: bool = False


def effect(before: Coupon | None, event: CouponEvent, after: Coupon) -> Effect:
    live = after.live_cents - (before.live_cents if before is not None else 0)
    return Effect(_committed(before, event), live, isinstance(event, Claimed))


def _committed(before: Coupon | None, event: CouponEvent) -> int:
    match event:
        case Held():
            return event.discount_cents
        case Released() if before is not None and before.hold is not None:
            return -before.hold.discount_cents
        case Refunded():
            return -event.share_cents
        case RolledBack():
            return -event.spent_cents
        case _:
            return 0
