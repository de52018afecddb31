"""From a score to a graded action: what the shop does about an account, and how sure it must be.

The thresholds hold the look-alike targets on simulated shops with room to spare (automatic action on at most 0.5 % of
any group of innocent look-alikes, review of at most 2 %): `withhold` keeps coupons back without asking, `hold` keeps
them until a person has decided, `allow` does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import InputError

ACTIONS = ("allow", "hold", "withhold")


@dataclass(frozen=True)
class Thresholds:
    """Least scores for review (`hold`) and for the automatic action (`withhold`)."""

    review: float = 0.25
    automatic: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 < self.review <= self.automatic <= 1.0:
            raise InputError("thresholds", (self.review, self.automatic), "0 < review <= automatic <= 1")

    def action(self, score: float) -> str:
        """The graded action for a score.

        >>> [Thresholds().action(s) for s in (0.1, 0.5, 0.95)]
        ['allow', 'hold', 'withhold']
        """
        if score >= self.automatic:
            return "withhold"
        return "hold" if score >= self.review else "allow"
