"""One coupon's turn: what it takes of what is left, and which line carries how much."""

from __future__ import annotations

from typing import NamedTuple

from serving.coupons.apportion import apportion
from serving.coupons.opening import Look, Piece
from serving.coupons.seen import Missing, Take


class Offer(NamedTuple):
    """``cents`` in all; ``goods`` of the goods, in all or per covered line; ``freight`` of the freight."""

    cents: int
    goods: int | tuple[int, ...]
    freight: int
    take: Take


def offer(piece: Piece, look: Look, freight: int) -> Offer | Missing | None:
    """What the coupon would take now: never below 0, never more than the room of its lines (F103).

    ``Missing`` when its condition does not hold, None when it would take nothing and give nothing.
    """
    seen = piece.seen(look, freight)
    missing = piece.kind.missing(seen)
    if missing is not None:
        return missing
    take = piece.kind.take(seen)
    goods = take.goods
    if isinstance(goods, int):
        goods = min(goods, look[3])
        cents = goods
    else:
        goods = tuple(map(min, goods, look[1]))
        cents = sum(goods)
    off_freight = min(take.freight, freight)
    cents += off_freight
    if not cents and not (take.gifts or take.points or take.red_packet_cents):
        return None
    return Offer(cents, goods, off_freight, take)


def split(look: Look, goods: int | tuple[int, ...]) -> tuple[int, ...]:
    """Cents per covered line, in proportion to what is left of it."""
    return apportion(goods, look[0], look[1]) if isinstance(goods, int) else goods
