"""What an offer is expected to earn: the effect on margin, as far as the user is honest, less what the coupon costs.

An abuser's purchases would not have been the shop's to keep: the effect on margin is lost with the probability of
abuse, while the coupon's cost is paid in full. The batch flow, the evaluation and the scoring service all turn effects
into profit here, so that one user is worth the same to each of them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.price import Floats


class Predicted(Protocol):
    """Effects against no offer, (n, K) cents each: on margin before the coupon's cost, and the cost."""

    @property
    def value(self) -> Floats: ...
    @property
    def cost(self) -> Floats: ...


def expected_profit(effects: Predicted, p_abuse: ArrayLike | None = None) -> Floats:
    """``(1 - p) * value - cost``, (n, K) cents.

    Args:
        effects: for example ``models.registry.Effects``.
        p_abuse: (n,) probability that the user abuses coupons; NaN where nothing is known, which counts as 0. None
            counts as 0 for everybody.

    Raises:
        InputError: for another shape, or a number that is not a probability.
    """
    if p_abuse is None:
        return effects.value - effects.cost
    chance = np.asarray(p_abuse, dtype=np.float64)
    if chance.shape != effects.value.shape[:1]:
        raise InputError("p_abuse", chance.shape, f"one probability per user, shape {effects.value.shape[:1]}")
    known = np.where(np.isnan(chance), 0.0, chance)
    wrong = np.flatnonzero(~((known >= 0) & (known <= 1)))
    if len(wrong):
        raise InputError(
            f"p_abuse[{wrong[0]}]", float(chance[wrong[0]]), "a probability, or NaN where nothing is known"
        )
    return (1.0 - known)[:, None] * effects.value - effects.cost
