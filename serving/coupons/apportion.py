"""Split a discount over lines and units so that every cent is somewhere and no line goes below its floor.

Largest remainder (Hamilton) in exact integers: everybody gets the whole part of their proportional share, the cents
left over go to the largest fractional parts; ties go to the larger weight, then to the earlier line. A share never
exceeds its capacity: what a full line cannot take is shared among the others by the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.coupons.money import InvalidError


def apportion(total: int, weights: Sequence[int], capacities: Sequence[int]) -> tuple[int, ...]:
    """Shares, one per weight: they sum to ``total`` and 0 <= share <= capacity.

    >>> apportion(1000, [6000, 4000], [6000, 4000])
    (600, 400)
    >>> apportion(100, [1, 1, 1], [100, 100, 100])
    (34, 33, 33)
    >>> apportion(100, [9, 1], [50, 100])
    (50, 50)
    """
    if not 0 <= total <= sum(capacities):
        raise InvalidError("total", total, f"from 0 to the sum of the capacities ({sum(capacities)})")
    shares = [0] * len(weights)
    active = [i for i, capacity in enumerate(capacities) if capacity > 0]
    left = total
    while left:
        # A line of weight 0 takes part only when no other line has room.
        weighed = [i for i in active if weights[i] > 0] or active
        whole = sum(weights[i] for i in weighed)
        quota = {i: divmod(left * weights[i], whole) if whole else divmod(left, len(weighed)) for i in weighed}
        full = [i for i in weighed if quota[i][0] >= capacities[i]]
        if full:
            for i in full:
                shares[i] = capacities[i]
                left -= capacities[i]
            active = [i for i in active if i not in full]
            continue
        for i in weighed:
            shares[i] = quota[i][0]
        rest = left - sum(shares[i] for i in weighed)
        for i in sorted(weighed, key=lambda i: (-quota[i][1], -weights[i], i))[:rest]:
            shares[i] += 1
        left = 0
    return tuple(shares)


def unit_share(share: int, quantity: int, unit: int) -> int:
    """The share of unit number ``unit`` (from 1) of a line: equal units, the first ones carry the odd cents.

    >>> [unit_share(16, 3, unit) for unit in (1, 2, 3)]
    [6, 5, 5]
    """
    if not 1 <= unit <= quantity:
        raise InvalidError("unit", unit, f"from 1 to {quantity}")
    whole, odd = divmod(share, quantity)
    return whole + (1 if unit <= odd else 0)
