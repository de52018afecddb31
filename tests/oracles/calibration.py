"""Calibration and ranking of effects as loops over units, written from the definitions in the papers."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence


def least_squares(effect: Sequence[float], scores: Sequence[float], cluster: Sequence[object]) -> dict[str, float]:
    """scores ~ mean + slope (effect - mean effect) by normal equations, with the sandwich over clusters."""
    n = len(scores)
    centre = sum(effect) / n
    x = [value - centre for value in effect]
    squares = sum(value * value for value in x)
    mean = sum(scores) / n
    slope = sum(a * b for a, b in zip(x, scores, strict=True)) / squares
    by_cluster: dict[object, float] = defaultdict(float)
    for name, a, b in zip(cluster, x, scores, strict=True):
        by_cluster[name] += a * (b - mean - slope * a)
    groups = len(by_cluster)
    meat = sum(value * value for value in by_cluster.values()) * groups / (groups - 1)
    return {"mean": mean, "slope": slope, "slope_error": math.sqrt(meat) / squares}


def group_means(effect: Sequence[float], scores: Sequence[float], groups: int, shuffles: int, seed: int) -> list[float]:
    """Mean score of equal groups by ascending effect, averaged over random orders of tied units."""
    drawn = random.Random(seed)
    n, total = len(scores), [0.0] * groups
    for _ in range(shuffles):
        order = sorted(range(n), key=lambda i: (effect[i], drawn.random()))
        for g in range(groups):
            part = order[g * n // groups : (g + 1) * n // groups]
            total[g] += sum(scores[i] for i in part) / len(part) / shuffles
    return total


def toc_of_order(scores: Sequence[float]) -> list[float]:
    """Mean of the first j scores less the mean of all, for j = 1..n."""
    everybody = sum(scores) / len(scores)
    running, curve = 0.0, []
    for j, score in enumerate(scores, start=1):
        running += score
        curve.append(running / j - everybody)
    return curve


def toc(effect: Sequence[float], scores: Sequence[float]) -> list[float]:
    """TOC at every rank; tied units count with their mean."""
    ties: dict[float, list[float]] = defaultdict(list)
    for value, score in zip(effect, scores, strict=True):
        ties[value].append(score)
    ordered: list[float] = []
    for value in sorted(ties, reverse=True):
        ordered += [sum(ties[value]) / len(ties[value])] * len(ties[value])
    return toc_of_order(ordered)


def rate(effect: Sequence[float], scores: Sequence[float], weighting: str) -> float:
    """Mean over ranks of the TOC, for Qini weighted by the share treated."""
    curve, n = toc(effect, scores), len(scores)
    return sum((1.0 if weighting == "autoc" else j / n) * value for j, value in enumerate(curve, start=1)) / n


def half_sample_error(effect: Sequence[float], scores: Sequence[float], weighting: str, times: int, seed: int) -> float:
    """Standard error by drawing halves without replacement, as grf does (Yadlowsky et al., section 3)."""
    drawn, n = random.Random(seed), len(scores)
    found = []
    for _ in range(times):
        half = drawn.sample(range(n), n // 2)
        found.append(rate([effect[i] for i in half], [scores[i] for i in half], weighting))
    mean = sum(found) / times
    return math.sqrt(sum((value - mean) ** 2 for value in found) / (times - 1))
