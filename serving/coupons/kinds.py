"""What a coupon takes off: one frozen value per kind, each with a permanent tag under which it is stored.

``base`` is the price in cents of the lines that the coupon sees, before the coupon. A kind answers two questions: how
many cents are missing to the minimum (``shortfall``, 0 when reached) and what it saves (``saving``, never more than
the base). "Reaches the minimum" is ``>=``; a template may ask for strictly more (``strict``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from serving.coupons.money import InvalidError, check_cents, check_int, percent_of


@dataclass(frozen=True, slots=True)
class ThresholdCut:
    """Spend ``minimum_cents``, take ``face_cents`` off.

    >>> ThresholdCut(20000, 5000).saving(25000)
    5000
    """

    TAG: ClassVar[str] = "threshold_cut"
    minimum_cents: int
    face_cents: int
    strict: bool = False

    def __post_init__(self) -> None:
        check_cents("minimum_cents", self.minimum_cents, 1)
        check_cents("face_cents", self.face_cents, 1)
        if self.minimum_cents <= self.face_cents:
            raise InvalidError("minimum_cents", self.minimum_cents, f"more than face_cents ({self.face_cents})")

    @property
    def most_cents(self) -> int:
        return self.face_cents

    def shortfall(self, base: int) -> int:
        return _shortfall(self.minimum_cents, self.strict, base)

    def saving(self, base: int) -> int:
        return min(self.face_cents, base)


@dataclass(frozen=True, slots=True)
class Percent:
    """``percent_off`` % off, at most ``cap_cents``, from ``minimum_cents``.

    >>> Percent(10, 5000, 0).saving(200000)
    5000
    """

    TAG: ClassVar[str] = "percent"
    percent_off: int
    cap_cents: int
    minimum_cents: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        check_int("percent_off", self.percent_off, 1, 99)
        check_cents("cap_cents", self.cap_cents, 1)
        check_cents("minimum_cents", self.minimum_cents)

    @property
    def most_cents(self) -> int:
        return self.cap_cents

    def shortfall(self, base: int) -> int:
        return _shortfall(self.minimum_cents, self.strict, base)

    def saving(self, base: int) -> int:
        return min(percent_of(base, self.percent_off), self.cap_cents)


@dataclass(frozen=True, slots=True)
class NoThreshold:
    """``face_cents`` off any price: spend 0, take Y.

    >>> NoThreshold(1000).saving(1200)
    1000
    """

    TAG: ClassVar[str] = "no_threshold"
    face_cents: int

    def __post_init__(self) -> None:
        check_cents("face_cents", self.face_cents, 1)

    @property
    def most_cents(self) -> int:
        return self.face_cents

    def shortfall(self, base: int) -> int:  # noqa: ARG002 - every kind answers, this one always with 0
        return 0

    def saving(self, base: int) -> int:
        return min(self.face_cents, base)


Kind = ThresholdCut | Percent | NoThreshold
KINDS: Mapping[str, type[ThresholdCut] | type[Percent] | type[NoThreshold]] = {
    kind.TAG: kind for kind in (ThresholdCut, Percent, NoThreshold)
}


def _shortfall(minimum: int, strict: bool, base: int) -> int:
    return max(0, minimum + (1 if strict else 0) - base)


def kind_to_data(kind: Kind) -> dict[str, Any]:
    return {"kind": kind.TAG, **asdict(kind)}


def kind_from_data(data: Mapping[str, Any]) -> Kind:
    """Read a stored kind back; the tag is permanent, so rules stored years ago stay readable."""
    values = dict(data)
    tag = values.pop("kind", None)
    if tag not in KINDS:
        raise InvalidError("kind", tag, f"one of: {', '.join(KINDS)}")
    try:
        return KINDS[tag](**values)
    except TypeError as error:
        raise InvalidError("kind", sorted(values), f"the fields of {tag}") from error
