"""What a round's limits leave after some of it has been given: by chance before the rule, or earlier in the day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.limits import Limits, SegmentLimit
from models.policy.price import Bools, Floats, Ints, total


def remaining(
    limits: Limits,
    arms: Sequence[str],
    offer: Ints,
    cost: Floats,
    segment: Sequence[str] | NDArray[Any] | None = None,
) -> Limits:
    """Caps less what was used, never below zero, and floors less what was reached.

    Args:
        offer: (n,) what was given, as places in ``arms``; 0 is nothing.
        cost: (n,) its cost in cents, expected or real.
        segment: (n,) segments of the rows; needed where ``limits`` has any.

    The limit per user is dropped, because the rest of the round holds other users; a return floor stays as it is: it
    asks the same of the rest.
    """
    given = np.bincount(offer, minlength=len(arms))
    names = np.full(len(offer), "") if segment is None else np.asarray(segment)
    return replace(
        limits,
        per_user=None,
        budget_cents=_rest(limits.budget_cents, total(cost)),
        stock={arm: max(units - int(given[arms.index(arm)]), 0) for arm, units in limits.stock.items()},
        segments={name: _left_to(limit, offer, cost, names == name) for name, limit in limits.segments.items()},
    )


def _left_to(limit: SegmentLimit, offer: Ints, cost: Floats, mine: Bools) -> SegmentLimit:
    users, spend = int((offer[mine] > 0).sum()), total(cost[mine])
    least = None if limit.min_spend_cents is None else max(limit.min_spend_cents - spend, 0.0)
    return SegmentLimit(
        min_users=None if limit.min_users is None else max(limit.min_users - users, 0),
        max_users=None if limit.max_users is None else max(limit.max_users - users, 0),
        min_spend_cents=least and least + 4 * math.ulp(limit.min_spend_cents or 0.0),
        max_spend_cents=_rest(limit.max_spend_cents, spend),
    )


def _rest(most: float | None, spent: float) -> float | None:
    """What is left of a cap, less a little: rounding of the two parts must not add up to more than the cap."""
    return None if most is None else max(most - spent - 4 * math.ulp(most), 0.0)
