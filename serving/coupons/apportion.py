"""Split a discount over lines so that every cent is somewhere and no line goes below its floor.

Largest remainder (Hamilton) in exact integers: everybody gets the whole part of their proportional share, the cents
left over go to the largest fractional parts; ties go to the larger weight, then to the earlier line. A share never
exceeds its capacity: what a full line cannot take is shared among the others by the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import ge

from serving.coupons.money import InvalidError


def apportion(total: int, weights: Sequence[int], capacities: Sequence[int]) -> tuple[int, ...]:
    """Shares, one per weight: they sum to ``total`` and 0 <= share <= capacity (F114).

    >>> apportion(1000, [6000, 4000], [6000, 4000])
    (600, 400)
    >>> apportion(100, [1, 1, 1], [100, 100, 100])
    (34, 33, 33)
    >>> apportion(100, [9, 1], [50, 100])
    (50, 50)
    """
    if not 0 <= total <= sum(capacities):
        raise InvalidError("total", total, f"from 0 to the sum of the capacities ({sum(capacities)})")
    if total:
        shares = _in_one_round(total, weights, capacities)
        if shares is not None:
            return tuple(shares)
    return _in_rounds(total, weights, capacities)


def _in_one_round(total: int, weights: Sequence[int], capacities: Sequence[int]) -> list[int] | None:
    """The shares when no line is filled, which is nearly always and several times as fast; otherwise None."""
    whole = sum(weights)
    if not whole:
        return None
    shares = [total * weight // whole for weight in weights]
    if any(map(ge, shares, capacities)):
        return None
    rest = total - sum(shares)
    if rest:
        for i in _first_to_round_up([total * weight % whole for weight in weights], weights)[:rest]:
            shares[i] += 1
    return shares


def _in_rounds(total: int, weights: Sequence[int], capacities: Sequence[int]) -> tuple[int, ...]:
    shares = [0] * len(weights)
    active = [i for i, capacity in enumerate(capacities) if capacity > 0]
    left = total
    while left:
        # A line of weight 0 takes part only when no other line has room.
        weighed = [i for i in active if weights[i] > 0] or active
        parts = [weights[i] for i in weighed]
        whole = sum(parts)
        if not whole:
            parts, whole = [1] * len(weighed), len(weighed)
        quotas = [left * part // whole for part in parts]
        full = {i for i, quota in zip(weighed, quotas, strict=True) if quota >= capacities[i]}
        if full:
            for i in full:
                shares[i] = capacities[i]
                left -= capacities[i]
            active = [i for i in active if i not in full]
            continue
        for i, quota in zip(weighed, quotas, strict=True):
            shares[i] = quota
        rest = left - sum(quotas)
        if rest:
            for place in _first_to_round_up([left * part % whole for part in parts], parts)[:rest]:
                shares[weighed[place]] += 1
        left = 0
    return tuple(shares)


def _first_to_round_up(remainders: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Places by larger remainder, then larger weight, then position.

    Two stable sorts by plain numbers are several times as fast as one sort by tuples.
    """
    order = sorted(range(len(weights)), key=weights.__getitem__, reverse=True)
    order.sort(key=remainders.__getitem__, reverse=True)
    return order
