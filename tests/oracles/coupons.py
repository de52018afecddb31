"""Coupons computed another way: exact fractions and search, no code shared with `serving.coupons`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product


def all_splits(total: int, capacities: Sequence[int]) -> list[tuple[int, ...]]:
    """Every way to give ``total`` cents to lines within their capacities (small numbers only)."""
    return [shares for shares in product(*(range(c + 1) for c in capacities)) if sum(shares) == total]


def hamilton(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Largest remainder without capacities: exact fractions; ties to the larger weight, then to the earlier line."""
    whole = sum(weights)
    exact = [Fraction(total * weight, whole) for weight in weights]
    shares = [int(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda i: (-(exact[i] - shares[i]), -weights[i], i))
    for i in order[: total - sum(shares)]:
        shares[i] += 1
    return tuple(shares)


def distance(shares: Sequence[int], total: int, weights: Sequence[int]) -> Fraction:
    """Sum of squared distances from the proportional shares."""
    whole = sum(weights)
    return sum(
        ((share - Fraction(total * weight, whole)) ** 2 for share, weight in zip(shares, weights, strict=True)),
        Fraction(0),
    )


def discount(kind: str, base: int, capacity: int, *, face: int = 0, percent: int = 0, cap: int = 0) -> int:
    """What a coupon takes off in cents, from the words of the requirement."""
    wanted = min(int(Fraction(base * percent, 100)), cap) if kind == "percent" else face
    return min(wanted, base, capacity)


def unit_prices(unit_price: int, quantity: int, share: int) -> list[int]:
    """What each unit of a line was paid, handing out the share cent by cent."""
    paid = [unit_price] * quantity
    for cent in range(share):
        paid[cent % quantity] -= 1
    return paid
