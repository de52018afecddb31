"""What a coupon sees of a cart at its turn, and what it takes: the interface between kinds and pricing.

Amounts are cents per covered line, in cart order. ``left`` shrinks as earlier coupons take their part; ``before`` is
the amount after the shop's activities and before any coupon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from serving.coupons.cart import Line


@dataclass(frozen=True, slots=True)
class Seen:
    """The covered lines at a coupon's turn.

    ``room`` is what may still be taken off each line (its amount above the floor). ``base_cents`` is what the minimum
    is measured on, ``left_cents`` the sum of ``left``; ``freight_cents`` what is left of the freight. ``face_cents``
    is the amount drawn at the claim of a random-amount coupon, otherwise the most that the kind can take.
    """

    lines: tuple[Line, ...]
    before: tuple[int, ...]
    left: tuple[int, ...]
    room: tuple[int, ...]
    base_cents: int
    left_cents: int
    freight_cents: int = 0
    face_cents: int = 0

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Missing:
    """How far the cart is from the condition of a coupon: ``amount`` more ``cents`` or ``pieces``."""

    amount: int
    unit: str = "cents"


@dataclass(frozen=True, slots=True)
class Take:
    """What a coupon takes off: ``goods`` in all (split in proportion) or per covered line, and off the freight.

    ``gifts`` are (sku, quantity) that come with the order; ``points`` and ``red_packet_cents`` are given back after
    the redemption and take nothing off now (F028).
    """

    goods: int | tuple[int, ...] = 0
    freight: int = 0
    gifts: tuple[tuple[str, int], ...] = ()
    points: int = 0
    red_packet_cents: int = 0


class Kind(Protocol):
    """What a coupon takes off: a frozen value with a permanent tag under which it is stored."""

    TAG: ClassVar[str]

    @property
    def most_cents(self) -> int:
        """The most that one use can cost the shop; what a live coupon counts against the liability."""
        ...

    def missing(self, seen: Seen) -> Missing | None:
        """What the cart lacks; None when the condition holds."""
        ...

    def take(self, seen: Seen) -> Take:
        """What one use takes, given that nothing is missing; never more than ``left`` and the freight."""
        ...
