"""An off-policy value with its interval, and whether its importance weights let anybody trust it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import effective_size, standard_error
from models.policy.price import Floats
from models.report import Words

HEAVY_SHARE = 0.05  # one decision carrying more of the total weight than this is an explosion
STRANGE_MEAN, STRANGE_ERRORS = 0.1, 4.0  # weights have mean 1; further off than both is no chance
FEWEST = 50.0  # so is an effective sample below this size: intervals rest on the central limit theorem


@dataclass(frozen=True)
class Estimate:
    """A value per decision with its interval, and how much data it rests on.

    ``ess`` is the effective sample size, ``largest_weight`` the largest importance weight, ``mean_weight`` their mean
    (1 up to chance when the propensities are right and the log takes what the policy would), ``exploded`` whether the
    weights are such that the interval deserves no trust; ``warning`` says why. All describe the weights before any
    clipping. ``standard_error`` is the plain cluster-robust one; the interval may be wider than its 1.96.
    """

    value: float
    low: float
    high: float
    standard_error: float
    n: int
    ess: float
    largest_weight: float
    exploded: bool
    mean_weight: float = 1.0

    @classmethod
    def of(
        cls, value: float, low: float, high: float, error: float, weight: Floats, cluster: NDArray[np.intp] | None
    ) -> Estimate:
        """An estimate beside what its importance weights (n,) say about it."""
        total, largest, rows = float(weight.sum()), float(weight.max()), len(weight)
        ess = effective_size(weight)
        # As if one more heavy decision were missing.
        chance = math.hypot(standard_error(weight - 1, cluster), largest / rows)
        strange = abs(total / rows - 1) > max(STRANGE_MEAN, STRANGE_ERRORS * chance)
        exploded = ess < FEWEST or largest > HEAVY_SHARE * total or strange
        return cls(value, low, high, error, rows, ess, largest, exploded, total / rows)

    @property
    def warning(self) -> Words | None:
        """For readers of the estimate: what is wrong with the weights, or None."""
        if not self.exploded:
            return None
        if self.ess == 0:
            return Words(
                "The log never took a choice that the policy would make: it says nothing about the policy.",
                "日志从未采取该策略会做的选择：无法评估该策略。",
            )
        if self.ess < FEWEST or self.largest_weight > HEAVY_SHARE * self.mean_weight * self.n:
            return Words(
                f"Weights exploded: {self.n:,} decisions count like {self.ess:,.0f}, and the heaviest alone like"
                f" {self.largest_weight:,.0f}. A few lucky or unlucky decisions make this value; do not act on it.",
                f"权重爆炸：{self.n:,} 个决策只相当于 {self.ess:,.0f} 个，最重的一个就占 {self.largest_weight:,.0f}。"
                "少数偶然的决策决定了此值；请勿据此行动。",
            )
        return Words(
            f"The weights average {self.mean_weight:.2f} instead of 1: the logged propensities are not those that were"
            " used, or the log hardly ever took what the policy would.",
            f"权重均值为 {self.mean_weight:.2f} 而非 1：记录的概率不是实际使用的，或日志几乎没有采取该策略的选择。",
        )
