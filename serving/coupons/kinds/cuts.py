"""Fixed amounts off: from a spend, in steps, from any price, from a number of pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from serving.coupons.kinds.minimum import MOST_PARTS, check_above, short
from serving.coupons.money import MAX_CENTS, InvalidError, check_cents, check_int
from serving.coupons.seen import Missing, Seen, Take


@dataclass(frozen=True, slots=True)
class ThresholdCut:
    """Spend ``minimum_cents``, take ``face_cents`` off (F001, F033)."""

    TAG: ClassVar[str] = "threshold_cut"
    minimum_cents: int
    face_cents: int
    strict: bool = False

    def __post_init__(self) -> None:
        check_cents("minimum_cents", self.minimum_cents, 1)
        check_cents("face_cents", self.face_cents, 1)
        check_above(self.minimum_cents, "face_cents", self.face_cents)

    @property
    def most_cents(self) -> int:
        return self.face_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        return Take(min(self.face_cents, seen.left_cents))


class Step(NamedTuple):
    """From ``minimum_cents`` on, ``face_cents`` off."""

    minimum_cents: int
    face_cents: int


@dataclass(frozen=True, slots=True)
class TieredCut:
    """Several thresholds in one coupon; the highest that is reached applies (F002)."""

    TAG: ClassVar[str] = "tiered_cut"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"steps": Step}
    steps: tuple[Step, ...]
    strict: bool = False

    def __post_init__(self) -> None:
        check_int("steps", len(self.steps), 1, MOST_PARTS)
        for step in self.steps:
            check_cents("steps.minimum_cents", step.minimum_cents, 1)
            check_cents("steps.face_cents", step.face_cents, 1)
            if step.minimum_cents <= step.face_cents:
                expected = f"more than its face_cents ({step.face_cents})"
                raise InvalidError("steps.minimum_cents", step.minimum_cents, expected)
        for lower, higher in pairwise(self.steps):
            for field in ("minimum_cents", "face_cents"):
                if getattr(higher, field) <= getattr(lower, field):
                    expected = f"more than in the step before ({getattr(lower, field)})"
                    raise InvalidError(f"steps.{field}", getattr(higher, field), expected)

    @property
    def most_cents(self) -> int:
        return self.steps[-1].face_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.steps[0].minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        reached = [step.face_cents for step in self.steps if short(step.minimum_cents, self.strict, seen) is None]
        return Take(min(reached[-1] if reached else 0, seen.left_cents))


@dataclass(frozen=True, slots=True)
class NoThreshold:
    """``face_cents`` off any price: spend 0, take Y (F007)."""

    TAG: ClassVar[str] = "no_threshold"
    face_cents: int

    def __post_init__(self) -> None:
        check_cents("face_cents", self.face_cents, 1)

    @property
    def most_cents(self) -> int:
        return self.face_cents

    def missing(self, seen: Seen) -> Missing | None:  # noqa: ARG002 - every kind answers, this one always with None
        return None

    def take(self, seen: Seen) -> Take:
        return Take(min(self.face_cents, seen.left_cents))


@dataclass(frozen=True, slots=True)
class QuantityCut:
    """Buy ``pieces``, take ``face_cents`` off: once, or for every such number up to ``max_times`` (F028)."""

    TAG: ClassVar[str] = "quantity_cut"
    pieces: int
    face_cents: int
    max_times: int = 1

    def __post_init__(self) -> None:
        check_int("pieces", self.pieces, 1, 10_000)
        check_cents("face_cents", self.face_cents, 1)
        check_int("max_times", self.max_times, 1, 10_000)
        check_int("face_cents", self.face_cents, 1, MAX_CENTS // self.max_times)

    @property
    def most_cents(self) -> int:
        return self.face_cents * self.max_times

    def missing(self, seen: Seen) -> Missing | None:
        lacking = self.pieces - seen.pieces
        return Missing(lacking, "pieces") if lacking > 0 else None

    def take(self, seen: Seen) -> Take:
        times = min(seen.pieces // self.pieces, self.max_times)
        return Take(min(self.face_cents * times, seen.left_cents))
