"""How much may be drawn by chance when offers are scarce: exploration that fits into every limit.

Draws are independent, so a limit must hold for whatever is drawn. Each limit therefore bounds the *expected* draws such
that more than the limit allows happen with a chance below :data:`TOO_RARE` (Chernoff's bound for sums of independent
terms, Annals of Mathematical Statistics 23, 1952). The resulting rates follow from the users and limits alone, never
from the draws: the probability that is logged is the probability with which it happened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.limits import Limits, SegmentLimit
from models.policy.price import Bools, Floats, Ints
from models.policy.prices import EVERYONE_ELSE, group_of

TOO_RARE = 1e-9
FEWEST = 1.0  # an offer that chance would give to fewer users than this is not drawn at all: one draw teaches nothing


@dataclass(frozen=True)
class Rates:
    """The share of drawn offers that are given, (G, K): ``segments`` as in ``Prices``; ``none`` has 1.

    A draw that is not given leaves the decision to the price rule.
    """

    segments: tuple[str, ...]
    keep: tuple[tuple[float, ...], ...]

    def of(self, segment: Sequence[str] | NDArray[Any] | None, users: int) -> Floats:
        """The rates (n, K) of users from the names of their segments."""
        return np.array(self.keep)[group_of(self.segments, segment, users)]

    def scaled(self, factor: float) -> Rates:
        """All rates but that of ``none`` times a factor."""
        return Rates(self.segments, tuple((row[0], *(rate * factor for rate in row[1:])) for row in self.keep))

    def to_spec(self) -> dict[str, Any]:
        """As JSON values."""
        return {"segments": list(self.segments), "keep": [list(row) for row in self.keep]}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Rates:
        """The rates of a JSON mapping with the keys of :meth:`to_spec`."""
        return cls(tuple(map(str, spec["segments"])), tuple(tuple(map(float, row)) for row in spec["keep"]))


def affordable(
    limits: Limits,
    arms: Sequence[str],
    allowed: Bools,
    profit: Floats,
    cost: Floats,
    segment: Sequence[str] | NDArray[Any] | None,
    chance: float,
) -> Rates | None:
    """Rates at which the draws of n users stay within the limits, whatever is drawn; None when nothing is in the way.

    Args:
        allowed: (n, K) what each user may get.
        profit, cost: (n, K) cents.
        chance: of a user to be drawn for, the holdout left out.
    """
    segments = (EVERYONE_ELSE, *limits.segments)
    group = group_of(segments, segment, len(allowed))
    draws = np.where(allowed, chance / allowed.sum(axis=1, keepdims=True), 0.0)
    draws[:, 0] = 0.0
    keep = np.ones((len(segments), len(arms)))
    for place, name in enumerate(segments[1:], start=1):
        keep[place, 1:] *= _segment_rate(limits.segments[name], draws[group == place], cost[group == place])
    for offer, units in limits.stock.items():
        at = list(arms).index(offer)
        keep[:, at] *= _rate(units, draws[:, at] * keep[group, at], None)
    if limits.budget_cents is not None:
        keep[:, 1:] *= _rate(limits.budget_cents, draws * keep[group], cost)
    if limits.roi_floor is not None:
        # What the draws lose against the floor, the price rule must be able to earn.
        surplus = profit - limits.roi_floor * cost
        spare = (1 - chance) * float(np.where(allowed, surplus, 0.0).max(axis=1).sum())
        keep[:, 1:] *= _rate(spare, draws * keep[group], -surplus)
    keep[(keep < 1) & (_expected(draws, group, keep) < FEWEST)] = 0.0
    if (keep == 1).all():
        return None
    return Rates(segments, tuple(tuple(map(float, row)) for row in keep))


def _segment_rate(limit: SegmentLimit, draws: Floats, cost: Floats) -> float:
    rate = 1.0
    if limit.max_users is not None:
        rate *= _rate(limit.max_users, draws, None)
    if limit.max_spend_cents is not None:
        rate *= _rate(limit.max_spend_cents, rate * draws, cost)
    return rate


def _rate(capacity: float, draws: Floats, size: Floats | None) -> float:
    """The factor for the chances ``draws`` (n, K) at which drawn amounts ``size`` stay within ``capacity``.

    Without sizes draws are counted. Negative amounts are not relied on.
    """
    if size is None:
        expected, largest = float(draws.sum()), 1.0
        capacity += 1  # to draw more than the capacity is to draw at least one more
    else:
        amounts = np.where(draws > 0, np.maximum(size, 0.0), 0.0)
        expected, largest = float((draws * amounts).sum()), float(amounts.max(initial=0.0))
    if expected <= 0:
        return 1.0
    if size is None and capacity <= 1:
        return 0.0
    return min(1.0, most_expected(capacity / largest) * largest / expected)


def most_expected(most: float) -> float:
    """The largest mean of a sum of independent terms in [0, 1] that reaches ``most`` with a chance <= ``TOO_RARE``.

    >>> round(most_expected(100), 1), most_expected(0)
    (48.6, 0.0)
    """
    bound = -math.log(TOO_RARE)
    low, high = 0.0, max(most, 0.0)
    for _ in range(100):
        mean = (low + high) / 2
        if mean > 0 and most * math.log(most / mean) - most + mean < bound:
            high = mean
        else:
            low = mean
    return low


def _expected(draws: Floats, group: Ints, keep: Floats) -> Floats:
    """Expected draws (G, K) of every segment and offer."""
    sums = np.stack([np.bincount(group, column, len(keep)) for column in draws.T], axis=1)
    return sums * keep
