"""Percentages off, rounded down to the cent, always with a cap: nobody knows how large a cart may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from serving.coupons.apportion import apportion
from serving.coupons.kinds.minimum import check_parts, short
from serving.coupons.money import InvalidError, check_cents, check_int, percent_of
from serving.coupons.seen import Missing, Seen, Take


@dataclass(frozen=True, slots=True)
class Percent:
    """``percent_off`` % off, at most ``cap_cents``, from ``minimum_cents`` (F003, F004): 9折 is 10 % off."""

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

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        return Take(min(percent_of(seen.left_cents, self.percent_off), self.cap_cents))


class Rate(NamedTuple):
    """``percent_off`` % for the subtree of a category."""

    category: str
    percent_off: int


@dataclass(frozen=True, slots=True)
class CategoryPercent:
    """Another percentage for each category; of nested categories the deepest counts (F005).

    Rounded down line by line. Where the sum is more than ``cap_cents``, the cap is shared in proportion.
    """

    TAG: ClassVar[str] = "category_percent"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"rates": Rate}
    rates: tuple[Rate, ...]
    cap_cents: int
    minimum_cents: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        check_parts("rates.category", [rate.category for rate in self.rates])
        for rate in self.rates:
            if "|" in rate.category:
                raise InvalidError("rates.category", rate.category, "a category without '|'")
            check_int("rates.percent_off", rate.percent_off, 1, 99)
        check_cents("cap_cents", self.cap_cents, 1)
        check_cents("minimum_cents", self.minimum_cents)

    @property
    def most_cents(self) -> int:
        return self.cap_cents

    def missing(self, seen: Seen) -> Missing | None:
        return short(self.minimum_cents, self.strict, seen)

    def take(self, seen: Seen) -> Take:
        # Once per category and not per line: the search for the best combination takes thousands of times.
        rates = {category: self.percent_off(category) for category in {line.category for line in seen.lines}}
        off = [percent_of(left, rates[line.category]) for line, left in zip(seen.lines, seen.left, strict=True)]
        return Take(within(off, seen.room, self.cap_cents))

    def percent_off(self, category: str) -> int:
        """The rate of the deepest category that holds this one, 0 without one."""
        above = [rate for rate in self.rates if f"{category}/".startswith(f"{rate.category}/")]
        return max(above, key=lambda rate: len(rate.category)).percent_off if above else 0


def within(wanted: list[int], room: tuple[int, ...], cap_cents: int) -> tuple[int, ...]:
    """What is wanted of each line, as far as the lines have room, and in proportion where the cap binds."""
    off = [min(want, most) for want, most in zip(wanted, room, strict=True)]
    return tuple(off) if sum(off) <= cap_cents else apportion(cap_cents, off, off)
