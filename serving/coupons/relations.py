"""How the coupons of a wallet stand to each other, worked out once per question and kept as bits for the search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from serving.coupons.kinds import Bundle, SpecialPrice
from serving.coupons.opening import Piece
from serving.coupons.refusals import PASS
from serving.coupons.stacking import Stacking


@dataclass(frozen=True, slots=True)
class Relations:
    """Per coupon: ``meets`` and ``commutes`` have a bit for every other coupon.

    ``twin`` is the coupon before it that is equal in all that pricing sees (-1: none). Coupons of one ``group``
    exclude each other: at most one of them is used.
    """

    meets: list[int]
    commutes: list[int]
    twin: list[int]
    group: list[int]


def relate(pieces: Sequence[Piece], touches: Sequence[int], stacking: Stacking, *, every: bool) -> Relations:
    """``touches`` has the bits of what each coupon reads or takes from; ``every``: all of them are to be used."""
    bits = list(zip(touches, (1 << n for n in range(len(pieces))), strict=True))
    commutes = [sum([bit for other, bit in bits if not mine & other]) for mine in touches]
    if every:
        everyone = (1 << len(pieces)) - 1
        places = range(len(pieces))
        return Relations([everyone & ~(1 << n) for n in places], commutes, [-1 for _ in places], list(places))
    return Relations(_meets(pieces, stacking), commutes, _twins(pieces), _groups(pieces, stacking))


def _meets(pieces: Sequence[Piece], stacking: Stacking) -> list[int]:
    """Few different answers exist, so they are asked per kind, owner and stackability instead of per pair."""
    alike: dict[tuple[str, str, bool], list[int]] = {}
    for n, piece in enumerate(pieces):
        alike.setdefault((piece.kind.TAG, piece.template.owner, piece.template.stackable), []).append(n)
    masks = [(pieces[same[0]].template, sum(1 << n for n in same)) for same in alike.values()]
    found = [0] * len(pieces)
    for same in alike.values():
        one = pieces[same[0]].template
        meets = sum(mask for other, mask in masks if stacking.pair(one, other) == PASS)
        for n in same:
            found[n] = meets & ~(1 << n)
    return found


def _twins(pieces: Sequence[Piece]) -> list[int]:
    found: list[int] = []
    latest: dict[tuple[object, ...], int] = {}
    for n, piece in enumerate(pieces):
        of = piece.template
        equal = (piece.kind, of.scope, of.minimum_on, of.owner, of.stackable, piece.face_cents)
        found.append(latest.get(equal, -1))
        latest[equal] = n
    return found


def _groups(pieces: Sequence[Piece], stacking: Stacking) -> list[int]:
    numbers: dict[str, int] = {}
    return [
        n if stacking.same_kind else -1 - numbers.setdefault(piece.kind.TAG, len(numbers))
        for n, piece in enumerate(pieces)
    ]


def steady(piece: Piece) -> bool:
    """Whether what the coupon takes never grows when less is left.

    Kinds that choose units among several lines of one SKU may choose others when prices fall, and then take a little
    more; for these the bound is the most they can ever take.
    """
    kind = piece.kind
    if isinstance(kind, SpecialPrice):
        named = {special.sku for special in kind.prices}
        return kind.max_units is None or sum(line.sku in named for line in piece.coverage.lines) <= 1
    if isinstance(kind, Bundle):
        counts = Counter(line.sku for line in piece.coverage.lines)
        return all(counts[item.sku] <= 1 for item in kind.items)
    return True
