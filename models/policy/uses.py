"""What a round uses of each of its limits, and what one more unit of it would earn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.limits import Limits
from models.policy.price import Floats, Ints, total


@dataclass(frozen=True)
class LimitUse:
    """One limit, named like its setting: ``used`` beside ``bound``, in ``unit`` (cents, offers, or ratio).

    ``floor`` says that ``used`` must reach the bound instead of staying within it. ``price`` is what the round's
    profit would gain, in cents, from one more unit of a cap, or loses by one more unit of a floor.
    """

    name: str
    used: float
    bound: float
    floor: bool
    unit: str
    price: float

    @property
    def slack(self) -> float:
        """How far the bound is away; 0 where it binds exactly."""
        return self.used - self.bound if self.floor else self.bound - self.used


def limit_uses(
    limits: Limits,
    arms: Sequence[str],
    offer: Ints,
    value: Floats,
    cost: Floats,
    segment: Sequence[str] | NDArray[Any] | None,
    prices: Mapping[str, float],
) -> tuple[LimitUse, ...]:
    """All limits of a round after its decisions.

    Args:
        offer: (n,) what everybody got; ``value`` and ``cost`` (n,) its expected profit and cost in cents.
        prices: shadow price by limit, in cents; a limit without one costs nothing.
    """
    spend, given = total(cost), np.bincount(offer, minlength=len(arms))
    found: list[LimitUse] = []

    def add(name: str, used: float, bound: float | None, unit: str, floor: bool = False) -> None:
        if bound is not None:
            found.append(LimitUse(name, float(used), float(bound), floor, unit, abs(float(prices.get(name, 0.0)))))

    add("budget_cents", spend, limits.budget_cents, "cents")
    for at, arm in enumerate(arms):
        add(f"stock[{arm}]", given[at], limits.stock.get(arm), "offers")
    names = np.full(len(offer), "") if segment is None else np.asarray(segment)
    for name, limit in limits.segments.items():
        mine = names == name
        users, cents = int((offer[mine] > 0).sum()), total(cost[mine])
        add(f"segments[{name}].min_users", users, limit.min_users, "offers", floor=True)
        add(f"segments[{name}].max_users", users, limit.max_users, "offers")
        add(f"segments[{name}].min_spend_cents", cents, limit.min_spend_cents, "cents", floor=True)
        add(f"segments[{name}].max_spend_cents", cents, limit.max_spend_cents, "cents")
    if limits.roi_floor is not None:
        earned = total(value)
        found.append(
            LimitUse(
                "roi_floor",
                earned / spend if spend else 0.0,
                float(limits.roi_floor),
                True,
                "ratio",
                # The price of the row "profit - floor * cost" is per cent of profit; a higher floor asks for more of it
                # on every cent that is spent.
                abs(float(prices.get("roi_floor", 0.0))) * abs(spend),
            )
        )
    return tuple(found)
