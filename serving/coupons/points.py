"""Points that the customer pays with, after every coupon (F107)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.coupons.apportion import apportion


@dataclass(frozen=True, slots=True)
class PointsPaid:
    """``points`` were used and took ``shares`` cents off the lines; points beyond what the goods cost stay unused."""

    points: int
    shares: tuple[int, ...]


def pay_with_points(points: int, per_yuan: int, left: Sequence[int], room: Sequence[int]) -> PointsPaid:
    """``points`` at ``per_yuan`` points for 100 cents, at most the ``room`` of the lines; the broken cent is not paid.

    >>> pay_with_points(500, 100, [8000], [8000])
    PointsPaid(points=500, shares=(500,))
    >>> pay_with_points(999, 1000, [50, 40], [50, 40])
    PointsPaid(points=900, shares=(50, 40))
    """
    cents = min(points * 100 // per_yuan, sum(room))
    used = -(-cents * per_yuan // 100)
    return PointsPaid(used, apportion(cents, left, room))
