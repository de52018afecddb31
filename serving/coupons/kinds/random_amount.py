"""A coupon whose amount is drawn when it is claimed (F017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from serving.coupons.kinds.minimum import check_above, short
from serving.coupons.money import InvalidError, check_cents
from serving.coupons.seen import Missing, Seen, Take


@dataclass(frozen=True, slots=True)
class RandomAmount:
    """From ``low_cents`` to ``high_cents``, every amount as likely; the drawn one is the coupon's ``face_cents``."""

    TAG: ClassVar[str] = "random_amount"
    low_cents: int
    high_cents: int
    minimum_cents: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        check_cents("low_cents", self.low_cents, 1)
        check_cents("high_cents", self.high_cents, 1)
        check_cents("minimum_cents", self.minimum_cents)
        if self.low_cents > self.high_cents:
            raise InvalidError("low_cents", self.low_cents, f"at most high_cents ({self.high_cents})")
        if self.minimum_cents:
            check_above(self.minimum_cents, "high_cents", self.high_cents)

    @property
    def most_cents(self) -> int:
        return self.high_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        return Take(min(seen.face_cents, self.high_cents, seen.left_cents))
