"""Who gets the offers: shares, value and spend by segment, and whether users of equal need are treated alike.

A difference between segments may be deserved: whom coupons move more gets more. So each segment is compared with the
others twice: as it is, and among users on whom the best offer would earn as much (up to 50 strata of equal size of the
highest expected profit, directly standardised to the segment's own mix). What remains comes from prices, limits and the
cost of the offers, not from the effect.

Sources: direct standardisation as in Rothman, Greenland & Lash, "Modern Epidemiology" (2008), ch. 15; conditional
statistical parity as in Corbett-Davies et al., "Algorithmic decision making and the cost of fairness", KDD (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.intervals import NOT_DEFINED, Interval, codes, normal_quantile, standard_error
from models.policy.price import Bools, Floats, Ints

STRATA = 50
OF_A_STRATUM = 200  # users; with fewer, strata are fewer
FEWEST = 30  # users of a segment below which no disparity is shown


@dataclass(frozen=True)
class SegmentShare:
    """One segment: ``users``, ``offered`` (share with any offer), ``value`` and ``cost`` (mean expected profit and
    coupon cost per user, cents), ``spend_share`` of all spend, and two differences of the offered share to all other
    users: ``gap`` as it is, ``gap_alike`` among users of equal need."""

    name: str
    users: int
    offered: Interval
    value: Interval
    cost: Interval
    spend_share: float
    gap: Interval
    gap_alike: Interval


@dataclass(frozen=True)
class Fairness:
    """All segments, the largest first; ``widest`` is the one treated most differently among users of equal need."""

    segments: tuple[SegmentShare, ...]

    @property
    def widest(self) -> SegmentShare | None:
        """The segment with the largest difference whose interval leaves out 0; None when there is none."""
        apart = [one for one in self.segments if one.gap_alike.low > 0 or one.gap_alike.high < 0]
        return max(apart, key=lambda one: abs(one.gap_alike.value), default=None)

    def figures(self) -> dict[str, float]:
        """Flat figures per segment, with ``_low`` and ``_high`` of every interval."""
        found: dict[str, float] = {}
        for one in self.segments:
            prefix = f"segment[{one.name}]_"
            found |= {f"{prefix}users": float(one.users), f"{prefix}spend_share": one.spend_share}
            for name in ("offered", "value", "cost", "gap", "gap_alike"):
                part: Interval = getattr(one, name)
                found |= {f"{prefix}{name}": part.value, f"{prefix}{name}_low": part.low}
                found[f"{prefix}{name}_high"] = part.high
        return found


def fairness(
    segment: Sequence[str] | NDArray[Any],
    offered: Bools | Floats,
    value: Floats,
    cost: Floats,
    need: Floats,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Fairness:
    """Compare the segments of a round.

    Args:
        segment: (n,) names.
        offered: (n,) whether each user got an offer, or the chance of it.
        value, cost: (n,) expected profit and coupon cost of what each got, cents.
        need: (n,) highest expected profit of any offer, cents: what a user would be worth without limits.
        cluster: (n,) ids of the users, where rows are decisions and users come more than once.

    Raises:
        InputError: for columns of different length.
    """
    names = np.asarray(segment)
    given = np.asarray(offered, dtype=np.float64)
    for field, column in (("offered", given), ("value", value), ("cost", cost), ("need", need)):
        if np.shape(column) != names.shape:
            raise InputError(field, np.shape(column), f"one figure per user, shape {names.shape}")
    stratum, group = _strata(need), codes(cluster, len(names))
    spend = float(np.sum(cost))
    found = []
    for name in np.unique(names):
        mine = names == name
        enough = min(int(mine.sum()), int((~mine).sum())) >= FEWEST
        found.append(
            SegmentShare(
                name=str(name),
                users=int(mine.sum()),
                offered=_mean(given, mine, group, level),
                value=_mean(value, mine, group, level),
                cost=_mean(cost, mine, group, level),
                spend_share=float(cost[mine].sum()) / spend if spend else 0.0,
                gap=_difference(given, mine, np.zeros_like(stratum), group, level) if enough else NOT_DEFINED,
                gap_alike=_difference(given, mine, stratum, group, level) if enough else NOT_DEFINED,
            )
        )
    return Fairness(tuple(sorted(found, key=lambda one: -one.users)))


def _strata(need: Floats) -> Ints:
    """Strata of (nearly) equal size by need; users of one need are never parted."""
    if not len(need):
        return np.zeros(0, dtype=np.intp)
    strata = min(STRATA, max(1, len(need) // OF_A_STRATUM))
    edges = np.unique(np.quantile(need, np.arange(1, strata) / strata))
    return np.searchsorted(edges, need, side="right")


def _mean(column: Floats, mine: Bools, group: Ints | None, level: float) -> Interval:
    """Mean over a segment; the other rows do not move it."""
    mean = float(column[mine].mean())
    influence = np.where(mine, column - mean, 0.0) * (len(column) / int(mine.sum()))
    return _around(mean, influence, group, level)


def _difference(given: Floats, mine: Bools, stratum: Ints, group: Ints | None, level: float) -> Interval:
    """Offered share of a segment less that of the others within strata, weighted by the segment's users there.

    Strata without anybody else say nothing and are left out.
    """
    strata = int(stratum.max()) + 1
    own, others = (np.bincount(stratum[rows], minlength=strata).astype(np.float64) for rows in (mine, ~mine))
    both = (own > 0) & (others > 0)
    weight = np.where(both, own, 0.0) / max(float(own[both].sum()), 1.0)
    if not both.any():
        return NOT_DEFINED
    share_own = np.bincount(stratum[mine], given[mine], strata) / np.maximum(own, 1)
    share_others = np.bincount(stratum[~mine], given[~mine], strata) / np.maximum(others, 1)
    per_row = np.where(mine, (weight / np.maximum(own, 1))[stratum], -(weight / np.maximum(others, 1))[stratum])
    apart = given - np.where(mine, share_own[stratum], share_others[stratum])
    return _around(float(weight @ (share_own - share_others)), len(given) * per_row * apart, group, level)


def _around(value: float, influence: Floats, group: Ints | None, level: float) -> Interval:
    error = standard_error(influence, group)
    reach = normal_quantile(level) * error
    return Interval(value, value - reach, value + reach, error)
