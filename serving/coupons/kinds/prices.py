"""Prices of the coupon's own for named goods: a special price per unit, or goods together at a price or a cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from serving.coupons.apportion import apportion
from serving.coupons.kinds.minimum import check_parts
from serving.coupons.kinds.percents import within
from serving.coupons.money import MAX_CENTS, InvalidError, check_cents, check_int
from serving.coupons.seen import Missing, Seen, Take


class Special(NamedTuple):
    """``sku`` at ``price_cents`` a unit."""

    sku: str
    price_cents: int


@dataclass(frozen=True, slots=True)
class SpecialPrice:
    """Named SKUs at a special price for at most ``max_units`` units, where they cost more (F006, F014).

    One use takes at most ``cap_cents``: the saving follows the regular price, which the shop may raise. Of several
    lines, the units that save most come first.
    """

    TAG: ClassVar[str] = "special_price"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"prices": Special}
    prices: tuple[Special, ...]
    cap_cents: int
    max_units: int | None = None

    def __post_init__(self) -> None:
        check_parts("prices.sku", [special.sku for special in self.prices])
        for special in self.prices:
            check_cents("prices.price_cents", special.price_cents, 1)
        check_cents("cap_cents", self.cap_cents, 1)
        if self.max_units is not None:
            check_int("max_units", self.max_units, 1, 1_000_000)

    @property
    def most_cents(self) -> int:
        return self.cap_cents

    def missing(self, seen: Seen) -> Missing | None:
        named = {special.sku for special in self.prices}
        return None if any(line.sku in named for line in seen.lines) else Missing(1, "pieces")

    def take(self, seen: Seen) -> Take:
        prices = dict(self.prices)
        # What a line costs more than at the special price, in all of its units.
        gains = [
            max(0, left - line.quantity * prices[line.sku]) if line.sku in prices else 0
            for line, left in zip(seen.lines, seen.left, strict=True)
        ]
        if self.max_units is not None:
            gains = self._of_the_best(seen, gains, self.max_units)
        return Take(within(gains, seen.room, self.cap_cents))

    def _of_the_best(self, seen: Seen, gains: list[int], units: int) -> list[int]:
        """The gains of at most ``units`` units, those that save most first, then the earlier line."""
        found = [0] * len(gains)
        each = {n: Fraction(gain, seen.lines[n].quantity) for n, gain in enumerate(gains) if gain}
        for n in sorted(each, key=lambda n: (-each[n], n)):
            taken = min(units, seen.lines[n].quantity)
            found[n] = int(each[n] * taken)
            units -= taken
        return found


class BundleItem(NamedTuple):
    """``quantity`` units of ``sku`` in every bundle."""

    sku: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """All ``items`` together for ``price_cents``, or ``face_cents`` cheaper; up to ``max_times`` bundles (F028).

    Exactly one of the two is given. A price needs ``cap_cents``, the most that one use takes; a cut is its own bound.
    """

    TAG: ClassVar[str] = "bundle"
    PARTS: ClassVar[Mapping[str, type[Any]]] = {"items": BundleItem}
    items: tuple[BundleItem, ...]
    face_cents: int | None = None
    price_cents: int | None = None
    cap_cents: int | None = None
    max_times: int = 1

    def __post_init__(self) -> None:
        check_parts("items.sku", [item.sku for item in self.items])
        for item in self.items:
            check_int("items.quantity", item.quantity, 1, 1_000)
        check_int("items.quantity", sum(item.quantity for item in self.items), 2, 1_000)
        check_int("max_times", self.max_times, 1, 1_000)
        if (self.face_cents is None) == (self.price_cents is None):
            raise InvalidError("price_cents", self.price_cents, "either price_cents or face_cents, not both")
        if self.face_cents is not None:
            check_int("face_cents", self.face_cents, 1, MAX_CENTS // self.max_times)
        if self.price_cents is not None:
            check_cents("price_cents", self.price_cents, 1)
            if self.cap_cents is None:
                raise InvalidError("cap_cents", None, "the most that one use takes, where there is a price_cents")
        if self.cap_cents is not None:
            check_cents("cap_cents", self.cap_cents, 1)

    @property
    def most_cents(self) -> int:
        cut = self.face_cents * self.max_times if self.face_cents is not None else MAX_CENTS
        return min(cut, self.cap_cents or MAX_CENTS)

    def missing(self, seen: Seen) -> Missing | None:
        pieces = _pieces(seen)
        lacking = sum(max(0, item.quantity - pieces.get(item.sku, 0)) for item in self.items)
        return Missing(lacking, "pieces") if lacking else None

    def take(self, seen: Seen) -> Take:
        pieces = _pieces(seen)
        times = min(self.max_times, *(pieces.get(item.sku, 0) // item.quantity for item in self.items))
        used = self._used(seen, times)
        if self.price_cents is not None:
            wanted = sum(used) - self.price_cents * times
        else:
            wanted = (self.face_cents or 0) * times
        most = [min(amount, room) for amount, room in zip(used, seen.room, strict=True)]
        return Take(apportion(max(0, min(wanted, sum(most), self.most_cents)), used, most))

    def _used(self, seen: Seen, times: int) -> list[int]:
        """What is left per line of the units that go into bundles; of the same SKU the dearest units go first."""
        used = [0] * len(seen.lines)
        for item in self.items:
            units = item.quantity * times
            same = [n for n, line in enumerate(seen.lines) if line.sku == item.sku]
            for n in sorted(same, key=lambda n: (-Fraction(seen.left[n], seen.lines[n].quantity), n)):
                taken = min(units, seen.lines[n].quantity)
                used[n] = seen.left[n] * taken // seen.lines[n].quantity
                units -= taken
        return used


def _pieces(seen: Seen) -> dict[str, int]:
    pieces: dict[str, int] = {}
    for line in seen.lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    return pieces
