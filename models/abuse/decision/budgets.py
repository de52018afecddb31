"""Guard rails and the price of a review, solved from the past: so many cases a day, so few innocent look-alikes.

The cap on look-alikes is held by conformal risk control (Angelopoulos, Bates, Fisch, Lei, Schuster, "Conformal risk
control", 2022): of n look-alikes of the past, a threshold that k of them reached has expected rate at most
(k + 1) / (n + 1) on the next one, if they are alike. With fewer than 1 / cap − 1 look-alikes nothing can be promised
at that cap; the threshold that stood before is kept and ``Solved.promised`` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.errors import InputError
from models.abuse.decision.actions import Decider, Floats, Thresholds

GRID = tuple(round(0.05 + 0.025 * i, 3) for i in range(38))
"""Thresholds that are tried, ascending: .05 to .975."""


@dataclass(frozen=True)
class Caps:
    """Most that may happen to innocent look-alikes: the share met by an automatic action, and by any action."""

    automatic: float = 0.005
    review: float = 0.02

    def __post_init__(self) -> None:
        if not 0.0 < self.automatic <= self.review < 1.0:
            raise InputError("caps", (self.automatic, self.review), "0 < automatic <= review < 1")


@dataclass(frozen=True)
class Solved:
    """The decider that holds the caps and the review budget, and whether each cap could be promised."""

    decider: Decider
    look_alikes: int
    promised: dict[str, bool]


def capped(best: Floats, cap: float, kept: float) -> tuple[float, bool]:
    """The least threshold of GRID that holds ``cap`` on look-alikes whose highest scores were ``best`` (n,).

    Gives the threshold and whether the cap is promised; ``kept`` is the answer when it cannot be.

    >>> capped(np.linspace(0, 0.2, 1000), 0.02, 0.25)
    (0.2, True)
    >>> capped(np.zeros(10), 0.02, 0.25)
    (0.25, False)
    """
    n = len(best)
    for threshold in GRID:
        if (int((best >= threshold).sum()) + 1) / (n + 1) <= cap:
            return threshold, True
    return kept, False


def review_price(gains: Floats, opened_per_day: int, days: float) -> float:
    """The least price in cents at which no more cases are worth a review than people can look at.

    Args:
        gains: what a free review of each case of the past would have saved (n,), in cents.
        opened_per_day: cases that can be reviewed on one day.
        days: length of that past.

    >>> review_price(np.array([5.0, 1.0, 3.0, 2.0]), 1, 2)
    2.0
    """
    if days <= 0:
        raise InputError("days", days, "more than 0")
    worth = np.sort(gains[gains > 0])[::-1]
    room = int(opened_per_day * days)
    return float(worth[room]) if len(worth) > room else 0.0


def solve(
    decider: Decider, look_alikes: Floats, caps: Caps, accounts: pd.DataFrame, per_day: int, days: float
) -> Solved:
    """Thresholds that hold the caps, then the price at which reviews fit the day.

    Args:
        decider: what stands now; its costs are kept.
        look_alikes: highest scores (n,) of innocent look-alikes in the past.
        accounts: p, stake_cents and case of the accounts of the same past.
    """
    review, review_held = capped(look_alikes, caps.review, decider.thresholds.review)
    automatic, automatic_held = capped(look_alikes, caps.automatic, decider.thresholds.automatic)
    free = replace(decider, thresholds=Thresholds(review, max(review, automatic)), review_price_cents=0.0)
    met = accounts[accounts["p"] >= review]
    size = met.groupby("case")["p"].transform("size")
    gains = pd.Series(free.gain_of_review(met["p"], met["stake_cents"], size), index=met.index)
    price = review_price(gains.groupby(met["case"]).sum().to_numpy(np.float64), per_day, days)
    return Solved(
        replace(free, review_price_cents=price), len(look_alikes), {"review": review_held, "automatic": automatic_held}
    )
