"""Off-policy estimators as loops over decisions, written from the formulas and apart from ``models.policy.ope``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any


def values(
    action: Sequence[int], pscore: Sequence[float], reward: Sequence[float], pi_e: Any, q_hat: Any, most: float = 5.0
) -> dict[str, float]:
    """Every estimator by the name it has in Open Bandit Pipeline's output."""
    n = len(action)
    kinds = ("ipw", "ipw_clip5", "dm", "dr", "dr_clip5", "switch_dr5", "dros5")
    sums = dict.fromkeys(kinds, 0.0)
    weights = weighted = residuals = 0.0
    for a, p, r, pi, q in zip(action, pscore, reward, pi_e, q_hat, strict=True):
        w = pi[a] / p
        model = sum(chance * predicted for chance, predicted in zip(pi, q, strict=True))
        rest = r - q[a]
        sums["ipw"] += w * r
        sums["ipw_clip5"] += min(w, most) * r
        sums["dm"] += model
        sums["dr"] += model + w * rest
        sums["dr_clip5"] += model + min(w, most) * rest
        sums["switch_dr5"] += model + (w * rest if w <= most else 0.0)
        sums["dros5"] += model + most * w / (w * w + most) * rest
        weights += w
        weighted += w * r
        residuals += w * rest
    found = {kind: total / n for kind, total in sums.items()}
    return found | {"snipw": weighted / weights, "sndr": found["dm"] + residuals / weights}


def jackknife_error(estimate: Callable[[list[int]], float], cluster: Sequence[object]) -> float:
    """Standard error by leaving out one cluster at a time; ``estimate`` takes the rows that stay."""
    members = defaultdict(list)
    for row, name in enumerate(cluster):
        members[name].append(row)
    left = [estimate([row for row in range(len(cluster)) if cluster[row] != name]) for name in members]
    mean = sum(left) / len(left)
    return math.sqrt((len(left) - 1) / len(left) * sum((one - mean) ** 2 for one in left))
