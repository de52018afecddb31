"""What reviewers get from a score: how often its probabilities come true, and how many cases a day are worth opening.

In: labels, probabilities or scores, and times of the judged rows. Out: figures with intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.marks import DAY
from models.abuse.study.metrics import REPEATS
from models.abuse.study.rings import Share, wilson

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows of like probability: the mean of what was said, and the share that came true."""

    said: float
    came: Share


@dataclass(frozen=True)
class Calibration:
    """Bins of equal size; expected calibration error over them and Brier score, each (value, low, high).

    ``skill`` is one minus the Brier score over that of saying the judged rows' base rate each time.
    """

    bins: tuple[Bin, ...]
    error: tuple[float, float, float]
    brier: tuple[float, float, float]
    skill: float
    said: float
    came: float


def calibration(y: Floats, chance: Floats, seed: int = 1) -> Calibration:
    """Of probabilities (n,) by labels (n,); rows of equal probability stay in one bin."""
    edges = np.unique(np.quantile(chance, np.linspace(0, 1, BINS + 1)[1:-1]))
    at = np.searchsorted(edges, chance, "right")
    squares = (chance - y) ** 2

    def both(weight: Floats) -> tuple[float, float]:
        total = np.bincount(at, weight)
        gap = np.abs(np.bincount(at, weight * y) - np.bincount(at, weight * chance))
        return float(gap.sum() / total.sum()), float(weight @ squares / weight.sum())

    rng, n = np.random.default_rng(seed), len(y)
    weights = (np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64) for _ in range(REPEATS))
    drawn = np.array([both(weight) for weight in weights])
    ends = np.quantile(drawn, [0.025, 0.975], axis=0)
    error, brier = both(np.ones(len(y)))
    bins = tuple(
        Bin(float(chance[at == b].mean()), wilson(float(y[at == b].mean()), int((at == b).sum()), int((at == b).sum())))
        for b in np.unique(at)
    )
    base = float(y.mean())
    return Calibration(
        bins,
        (error, *ends[:, 0].tolist()),
        (brier, *ends[:, 1].tolist()),
        1.0 - brier / (base * (1.0 - base)),
        float(chance.mean()),
        base,
    )


def daily_precision(y: Floats, score: Floats, us: NDArray[np.int64], k: int, seed: int = 1) -> Share:
    """Precision among each day's k highest scores (all of a day with fewer rows); days are resampled.

    Of tied scores the earlier row is opened first, as in a queue.
    """
    day = us // DAY
    queue = pd.DataFrame({"day": day, "score": score, "us": us, "y": y})
    opened = queue.sort_values(["day", "score", "us"], ascending=[True, False, True], kind="stable")
    days = opened.groupby("day").head(k).groupby("day")["y"].agg(["sum", "size"]).to_numpy(np.float64)
    draws = np.random.default_rng(seed).integers(len(days), size=(REPEATS, len(days)))
    sums = days[draws].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return Share(float(days[:, 0].sum() / days[:, 1].sum()), float(low), float(high), int(days[:, 1].sum()))
