"""How much of coupons one user may see: limits on what a user already got within some days, whatever it would earn.

A limit reads a feature of the user (``claims_7d``, ``coupon_discount_cents_90d``), the same one offline and online; in
between, callers raise it with their live counts. A user of whom nothing is known has got nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.price import Bools, Floats

UNITS = ("offers", "cents")


@dataclass(frozen=True)
class UserLimit:
    """At most ``most`` offers, or cents of expected coupon cost, on top of what ``feature`` counts.

    The offer that is being decided is included: with ``most=2`` a user who got two already gets no third.
    """

    feature: str
    most: float
    unit: str = "offers"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise InputError("limit.unit", self.unit, f"one of: {', '.join(UNITS)}")
        if not self.most >= 0:
            raise InputError(f"limit of {self.feature}", self.most, "a number >= 0")


def column(facts: Mapping[str, ArrayLike] | None, feature: str, users: int) -> Floats:
    """The values (users,) of a feature that the policy needs, NaN where a user's is not known.

    Raises InputError when the caller did not bring it at all: a limit that is silently not kept is no limit.
    """
    if facts is None or feature not in facts:
        raise InputError("facts", sorted(facts or ()), f"the feature {feature}, which the policy needs")
    values = np.asarray(facts[feature], dtype=np.float64)
    if values.shape != (users,):
        raise InputError(f"facts.{feature}", values.shape, f"one value per user, shape ({users},)")
    return values


def within(limits: Sequence[UserLimit], facts: Mapping[str, ArrayLike] | None, cost: Floats) -> Bools:
    """Which offers (n, K) every user may still get; offer 0 (``none``) always.

    ``cost`` (n, K) is the expected cost in cents.
    """
    allowed = np.ones(cost.shape, dtype=np.bool_)
    for limit in limits:
        got = np.nan_to_num(column(facts, limit.feature, len(cost)), nan=0.0)
        more = cost if limit.unit == "cents" else np.ones((1, cost.shape[1]))
        allowed &= got[:, None] + more <= limit.most
    allowed[:, 0] = True
    return allowed
