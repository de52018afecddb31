"""The cart before any coupon: amounts after activities, floors, and which lines each coupon sees, as plain numbers.

The search prices thousands of sequences of coupons for one answer; what does not change between them is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter, sub

from serving.coupons.activities import activity_shares
from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import Kind
from serving.coupons.margin import Margin
from serving.coupons.scope import Scope
from serving.coupons.seen import Seen
from serving.coupons.template import Template

# left and room per covered line, and their sums
Look = tuple[tuple[int, ...], tuple[int, ...], int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The lines that coupons of one scope see; ``mask`` has a bit per line."""

    indices: tuple[int, ...]
    lines: tuple[Line, ...]
    before: tuple[int, ...]
    floors: tuple[int, ...]
    base_cents: int
    mask: int
    pick: Callable[[Sequence[int]], tuple[int, ...]]

    def look(self, left: Sequence[int]) -> Look:
        """What the coupons of this scope see when ``left`` is left of the lines of the cart."""
        mine = self.pick(left)
        room = tuple(map(sub, mine, self.floors))
        return mine, room, sum(mine), sum(room)


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """``floors`` are what coupons may not go below; ``guards`` what a coupon may not leave less of (0: no guard)."""

    cart: Cart
    activity: tuple[int, ...]
    before: tuple[int, ...]
    floors: tuple[int, ...]
    guards: tuple[int, ...]
    _coverages: dict[Scope, Coverage] = field(default_factory=dict)

    @classmethod
    def of(cls, cart: Cart, margin: Margin) -> Opening:
        activity = activity_shares(cart)
        before = tuple(line.price_cents - share for line, share in zip(cart.lines, activity, strict=True))
        least = tuple(margin.unit_least_cents(line) * line.quantity for line in cart.lines)
        raised = least if margin.mode == "floor" else (0,) * len(least)
        # A line that activities have taken below the margin has no room for coupons, but keeps its price.
        floors = tuple(
            min(amount, max(line.floor_cents, floor))
            for amount, line, floor in zip(before, cart.lines, raised, strict=True)
        )
        return cls(cart, activity, before, floors, least if margin.mode == "refuse" else (0,) * len(least))

    def coverage(self, scope: Scope) -> Coverage:
        if scope not in self._coverages:
            self._coverages[scope] = self._cover(scope)
        return self._coverages[scope]

    def _cover(self, scope: Scope) -> Coverage:
        lines = self.cart.lines
        indices = tuple(n for n, line in enumerate(lines) if scope.covers(line))
        pick = _picker(indices)
        before, mask = pick(self.before), sum(1 << n for n in indices)
        mine = tuple(lines[n] for n in indices)
        return Coverage(indices, mine, before, pick(self.floors), sum(before), mask, pick)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One coupon of a wallet against one cart; ``on_left`` measures the minimum on what earlier coupons left."""

    coupon: Coupon
    template: Template
    kind: Kind
    coverage: Coverage
    face_cents: int
    on_left: bool

    @classmethod
    def of(cls, coupon: Coupon, template: Template, opening: Opening) -> Piece:
        coverage, on_left = opening.coverage(template.scope), template.minimum_on == "left"
        return cls(coupon, template, template.kind, coverage, coupon.face_cents, on_left)

    def seen(self, look: Look, freight: int) -> Seen:
        mine, room, left, _ = look
        coverage = self.coverage
        base = left if self.on_left else coverage.base_cents
        return Seen(coverage.lines, coverage.before, mine, room, base, left, freight, self.face_cents)


def _picker(indices: tuple[int, ...]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda amounts: tuple(amounts[n] for n in indices)
