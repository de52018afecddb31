"""What the shop's own promotions took off each line before any coupon is asked (F028, F108, F113)."""

from __future__ import annotations

from serving.coupons.apportion import apportion
from serving.coupons.cart import Cart
from serving.coupons.money import InvalidError


def activity_shares(cart: Cart) -> tuple[int, ...]:
    """Cents per line, in line order: one activity after the other, each split in proportion to what is left (F117).

    An activity is a fact that the shop reports, so one that would take a line below its floor is an error of the
    input (``InvalidError``): shortening it would make our price differ from the shop's.
    """
    left = [line.price_cents for line in cart.lines]
    for activity in cart.activities:
        touched = [not activity.line_nos or line.line_no in activity.line_nos for line in cart.lines]
        room = [
            cents - line.floor_cents if yes else 0 for cents, line, yes in zip(left, cart.lines, touched, strict=True)
        ]
        if activity.discount_cents > sum(room):
            raise InvalidError("activities.discount_cents", activity.discount_cents, f"at most {sum(room)}")
        weights = [cents if yes else 0 for cents, yes in zip(left, touched, strict=True)]
        shares = apportion(activity.discount_cents, weights, room)
        left = [cents - share for cents, share in zip(left, shares, strict=True)]
    return tuple(line.price_cents - cents for line, cents in zip(cart.lines, left, strict=True))
