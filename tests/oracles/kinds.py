"""What coupons take, the plain way: units one by one, exact fractions; written apart from the product."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def tiered(steps: Sequence[tuple[int, int]], base: int) -> int:
    return max((face for minimum, face in steps if base >= minimum), default=0)


def special(units: Sequence[tuple[str, int]], prices: dict[str, int], max_units: int | None, cap: int) -> int:
    """``units`` are (sku, amount left): the best choice of units is every one that gains, dearest gain first."""
    gains = sorted((left - prices[sku] for sku, left in units if sku in prices), reverse=True)
    gains = [gain for gain in gains if gain > 0]
    return min(cap, sum(gains if max_units is None else gains[:max_units]))


def bundle_price(units: Sequence[tuple[str, int]], items: dict[str, int], price: int, times: int, cap: int) -> int:
    """Put the dearest units of every SKU into as many bundles as there are, then ask what they cost more."""
    bundles = min([times, *(sum(sku == name for sku, _ in units) // number for name, number in items.items())])
    used = 0
    for name, number in items.items():
        used += sum(sorted((left for sku, left in units if sku == name), reverse=True)[: number * bundles])
    return max(0, min(cap, used - bundles * price))


def by_category(lines: Sequence[tuple[str, int]], rates: dict[str, int]) -> list[int]:
    """Off per (category, left): walk up from the line's category until one has a rate."""
    found = []
    for category, left in lines:
        path = category.split("/")
        while path and "/".join(path) not in rates:
            path.pop()
        found.append(floor(Fraction(left * rates.get("/".join(path), 0), 100)))
    return found
