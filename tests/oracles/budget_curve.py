"""Value at a budget by brute force: every unit's best offer at every price, written apart from ``models.policy``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Table = Sequence[Sequence[float]]


def choices(value: Table, cost: Table, price: float) -> list[int]:
    """Offer with the highest value less price times cost per unit; ties go to the cheaper."""
    result = []
    for values, costs in zip(value, cost, strict=True):
        best = max(range(len(values)), key=lambda k: (values[k] - price * costs[k], -costs[k], -k))
        result.append(best)
    return result


def points(value: Table, cost: Table, gain: Table, spend: Table) -> list[tuple[float, float]]:
    """(measured spend, measured gain) per unit at every price at which a choice changes, highest first."""
    prices = {0.0}
    for values, costs in zip(value, cost, strict=True):
        for j in range(len(values)):
            for k in range(len(values)):
                if costs[k] > costs[j] and values[k] > values[j]:
                    prices.add((values[k] - values[j]) / (costs[k] - costs[j]))
    found, n = [], len(value)
    for price in [max(prices) * 2 + 1, *sorted(prices, reverse=True)]:
        # Just below the price, so that whoever changes there has changed.
        offer = choices(value, cost, price * (1 - 1e-9))
        found.append(
            (sum(spend[i][k] for i, k in enumerate(offer)) / n, sum(gain[i][k] for i, k in enumerate(offer)) / n)
        )
    return found


def value_at(budget: float, path: Sequence[tuple[float, float]]) -> float:
    """Straight line between the last point within the budget and the first that reaches it; flat after the end."""
    for (spend, gain), (later_spend, later_gain) in pairwise(path):
        if later_spend >= budget > spend:
            return gain + (later_gain - gain) * (budget - spend) / (later_spend - spend)
    return path[-1][1] if budget >= path[-1][0] else path[0][1]
