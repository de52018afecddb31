"""A coupon that pays the freight and nothing else (F010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from serving.coupons.kinds.minimum import check_above, short
from serving.coupons.money import check_cents
from serving.coupons.seen import Missing, Seen, Take


@dataclass(frozen=True, slots=True)
class Freight:
    """Up to ``face_cents`` of the freight, from ``minimum_cents`` of goods; the goods keep their price."""

    TAG: ClassVar[str] = "freight"
    face_cents: int
    minimum_cents: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        check_cents("face_cents", self.face_cents, 1)
        check_cents("minimum_cents", self.minimum_cents)
        if self.minimum_cents:
            check_above(self.minimum_cents, "face_cents", self.face_cents)

    @property
    def most_cents(self) -> int:
        return self.face_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        return Take(freight=min(self.face_cents, seen.freight_cents))
