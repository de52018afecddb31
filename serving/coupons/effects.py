"""What an event does to the money of its campaign: committed budget (held and spent) and live face value."""

from __future__ import annotations

from dataclasses import dataclass

from serving.coupons.coupon import Coupon, ImpossibleError
from serving.coupons.events import Claimed, Event, Expired, Held, Redeemed, Refunded, Released, RolledBack


@dataclass(frozen=True, slots=True)
class Effect:
    """Cents to add; ``capped_live`` says that the liability cap decides (a returning coupon was counted before)."""

    committed: int = 0
    live: int = 0
    capped_live: bool = False


def effect(before: Coupon | None, event: Event) -> Effect:
    if isinstance(event, Claimed):
        return Effect(live=event.face_cents, capped_live=True)
    if before is None:
        raise ImpossibleError(f"{event.TAG} of {event.coupon_id}, which was never claimed")
    match event:
        case Held():
            return Effect(committed=event.discount_cents)
        case Released() if before.hold is not None:
            return Effect(committed=-before.hold.discount_cents)
        case Redeemed() | Expired():
            return Effect(live=-before.face_cents)
        case Refunded():
            return Effect(committed=-event.share_cents)
        case RolledBack() if before.redemption is not None:
            return Effect(committed=-before.redemption.spent_cents, live=before.face_cents if event.returned else 0)
        case _:
            raise ImpossibleError(f"{event.TAG} of {before.coupon_id}, which is {before.state}")
