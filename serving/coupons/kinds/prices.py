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
        gains = {
            n: Fraction(seen.left[n], line.quantity) - prices[line.sku]
            for n, line in enumerate(seen.lines)
            if line.sku in prices
        }
        off = [0] * len(seen.lines)
        units = self.max_units if self.max_units is not None else seen.pieces
        for n in sorted((n for n, gain in gains.items() if gain > 0), key=lambda n: (-gains[n], n)):
            taken = min(units, seen.lines[n].quantity)
            off[n] = int(gains[n] * taken)
            units -= taken
        return Take(within(off, seen.room, self.cap_cents))


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
        lacking = sum(max(0, item.quantity - _pieces(item.sku, seen)) for item in self.items)
        return Missing(lacking, "pieces") if lacking else None

    def take(self, seen: Seen) -> Take:
        times = min(self.max_times, *(_pieces(item.sku, seen) // item.quantity for item in self.items))
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


def _pieces(sku: str, seen: Seen) -> int:
    return sum(line.quantity for line in seen.lines if line.sku == sku)
