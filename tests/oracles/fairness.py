"""Differences between segments by loops over users, written from the formulas and apart from the product's code."""

from __future__ import annotations

from collections.abc import Sequence


def standardised_gap(offered: Sequence[float], mine: Sequence[bool], stratum: Sequence[int]) -> float:
    """Offered share of a segment less that of the others, stratum by stratum, in the segment's own mix."""
    total, weight = 0.0, 0
    for place in set(stratum):
        own = [o for o, m, s in zip(offered, mine, stratum, strict=True) if m and s == place]
        others = [o for o, m, s in zip(offered, mine, stratum, strict=True) if not m and s == place]
        if own and others:
            total += len(own) * (sum(own) / len(own) - sum(others) / len(others))
            weight += len(own)
    return total / weight
