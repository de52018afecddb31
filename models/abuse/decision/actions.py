"""From a probability of abuse to a graded action: the one that is expected to cost least, within guard rails.

Every action costs something whoever the user is: an abuser still takes a share of what is at stake, an honest user is
annoyed and may leave, a review takes a person's time. For a probability p and s cents at stake an action costs

    p · passes · s  +  (1 − p) · friction  +  effort / m

and the cheapest is taken (F187; Elkan, "The foundations of cost-sensitive learning", 2001); m accounts of one ring are
one case and share its effort. Where reviewers are scarce, a case also costs the *price* of a review: what the one that
it displaces would have saved (``budgets.py`` solves it). Friction and effort are told in typical coupons of the shop:
what an honest customer is worth grows with what coupons are worth, and the rule is the same in every currency.
The thresholds are guard rails: below ``review`` nobody is touched and below ``automatic`` nothing acts without a
person, however much is at stake; they hold the look-alike targets (automatic action on at most 0.5 % of any group of
innocent look-alikes, review of at most 2 %) on simulated shops with room to spare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

Floats = NDArray[np.float64]

ALLOW, CAP, HOLD, WITHHOLD = "allow", "cap", "hold", "withhold"
ACTIONS = (ALLOW, CAP, HOLD, WITHHOLD)
"""What a machine may do, mildest first: nothing, few coupons a day, wait for a person, no coupons."""


@dataclass(frozen=True)
class Thresholds:
    """Least probabilities for anything that touches a user (`review`) and for acting without a person (`automatic`)."""

    review: float = 0.25
    automatic: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 < self.review <= self.automatic <= 1.0:
            raise InputError("thresholds", (self.review, self.automatic), "0 < review <= automatic <= 1")

    def action(self, score: float) -> str:
        """The graded action for a score where nothing is known of costs.

        >>> [Thresholds().action(s) for s in (0.1, 0.5, 0.95)]
        ['allow', 'hold', 'withhold']
        """
        if score >= self.automatic:
            return WITHHOLD
        return HOLD if score >= self.review else ALLOW


@dataclass(frozen=True)
class Remedy:
    """What an action does: the share of the stake that an abuser still takes, and two costs in typical coupons.

    ``friction`` is lost with an honest user who meets the action, ``effort`` is the work of one case.
    """

    passes: float
    friction: float
    effort: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.passes <= 1.0:
            raise InputError("passes", self.passes, "a share in [0, 1]")
        for name in ("friction", "effort"):
            if getattr(self, name) < 0:
                raise InputError(name, getattr(self, name), "typical coupons, at least 0")


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        ALLOW: Remedy(1.0, 0.0, 0.0),
        # Many accounts with a coupon a day each: a cap hardly slows a ring down.
        CAP: Remedy(0.8, 0.025, 0.0),
        # A coupon that comes late, four minutes of a reviewer, and the rare wrong release.
        HOLD: Remedy(0.05, 0.1, 0.13),
        # A refused newcomer may not come back.
        WITHHOLD: Remedy(0.0, 0.75, 0.0),
    }
)


@dataclass(frozen=True)
class Decider:
    """Chooses actions: guard rails, what the actions cost, the typical coupon and the price of a review in cents."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    remedies: Mapping[str, Remedy] = field(default_factory=lambda: REMEDIES)
    review_price_cents: float = 0.0
    coupon_cents: float = 2000.0

    def __post_init__(self) -> None:
        if set(self.remedies) != set(ACTIONS):
            raise InputError("remedies", sorted(self.remedies), "one of each: " + ", ".join(ACTIONS))
        if self.review_price_cents < 0:
            raise InputError("review_price_cents", self.review_price_cents, "at least 0")
        if not self.coupon_cents > 0:
            raise InputError("coupon_cents", self.coupon_cents, "more than 0")

    def losses(self, p: ArrayLike, stake_cents: ArrayLike, accounts: ArrayLike = 1) -> Floats:
        """Expected cents lost (n, actions) by each of ACTIONS.

        Args:
            p: probability (n,) that the account is abusive.
            stake_cents: what it would take if it were (n,), at least 0.
            accounts: how many accounts its case has (n,), at least 1.
        """
        chance, stake = np.asarray(p, np.float64), np.asarray(stake_cents, np.float64)
        if not (np.all(chance >= 0) and np.all(chance <= 1)):
            raise InputError("p", "outside [0, 1]", "probabilities")
        if not np.all(stake >= 0):
            raise InputError("stake_cents", "negative or no number", "cents, at least 0")
        if not np.all(np.asarray(accounts) >= 1):
            raise InputError("accounts", "less than 1", "the accounts of a case, at least 1")
        columns = []
        for action in ACTIONS:
            of = self.remedies[action]
            friction, effort = of.friction * self.coupon_cents, of.effort * self.coupon_cents
            effort += self.review_price_cents if action == HOLD else 0.0
            columns.append(chance * of.passes * stake + (1 - chance) * friction + effort / np.asarray(accounts))
        return np.stack(columns, axis=-1)

    def actions(self, p: ArrayLike, stake_cents: ArrayLike, accounts: ArrayLike = 1) -> NDArray[np.str_]:
        """The action (n,) that is expected to lose least, among those the guard rails allow; ties go to the milder one.

        >>> Decider().actions([0.1, 0.4, 0.95], [5000, 5000, 5000]).tolist()
        ['allow', 'hold', 'withhold']
        """
        losses = self._guarded(p, self.losses(p, stake_cents, accounts))
        losses[np.asarray(p) < self.thresholds.review, 1:] = np.inf
        return np.array(ACTIONS)[np.argmin(losses, axis=-1)]

    def levels(self, grid: Sequence[float]) -> list[float]:
        """Scores at which the rule may change its mind, ascending: its thresholds and those of a grid above them."""
        least = self.thresholds.review
        return sorted({least, self.thresholds.automatic, *(level for level in grid if level > least)})

    def gain_of_review(self, p: ArrayLike, stake_cents: ArrayLike, accounts: ArrayLike = 1) -> Floats:
        """Cents (n,) by which holding the account, were the review free of its price, beats the best other action."""
        free = replace(self, review_price_cents=0.0)
        losses = self._guarded(p, free.losses(p, stake_cents, accounts))
        review = ACTIONS.index(HOLD)
        gain: Floats = np.delete(losses, review, axis=1).min(axis=1) - losses[:, review]
        return gain

    def _guarded(self, p: ArrayLike, losses: Floats) -> Floats:
        losses[np.asarray(p) < self.thresholds.automatic, ACTIONS.index(WITHHOLD)] = np.inf
        return losses
