"""All figures of one detector with their intervals, resampled together: the labels and scores are sorted once.

The figures are those of ``metrics.py``; a resample gives every row a whole weight, so that a repeat costs one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.abuse.metrics import curve

Floats = NDArray[np.float64]
REPEATS = 200
FPRS = (0.001, 0.005, 0.01)
MIX = (0.4, 0.3, 0.3)
FIGURES = ("ap", "recall_at_0_1_fpr", "recall_at_0_5_fpr", "recall_at_1_fpr", "recall_mix", "precision_at_k", "auroc")


@dataclass(frozen=True)
class Figures:
    """A detector's figures by the names of ``FIGURES``, and the ends of their 95 % intervals."""

    value: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


def judge(y: Floats, score: Floats, k: int, seed: int = 1) -> Figures:
    """Figures of scores (n,) by labels (n,) in {0, 1}, both present; raises InputError as ``metrics.curve`` does."""
    tp, fp = curve(y, score)
    order, ends = _sorted(score)
    names = FIGURES
    drawn = np.array([_figures(*_taken(weight[order], y[order], ends), k) for weight in resamples(y, seed)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Figures(
        dict(zip(names, _figures(tp, fp, k), strict=True)),
        dict(zip(names, low.tolist(), strict=True)),
        dict(zip(names, high.tolist(), strict=True)),
    )


def paired(y: Floats, first: Floats, second: Floats, k: int, seed: int = 1) -> Figures:
    """``first`` minus ``second``, both resampled together, so that what is hard for both cancels."""
    sides = [(score, *_sorted(score)) for score in (first, second)]

    def difference(weight: Floats) -> Floats:
        a, b = (np.array(_figures(*_taken(weight[order], y[order], ends), k)) for _, order, ends in sides)
        return np.asarray(a - b, np.float64)

    drawn = np.array([difference(weight) for weight in resamples(y, seed)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    value = difference(np.ones(len(y)))
    return Figures(*(dict(zip(FIGURES, part.tolist(), strict=True)) for part in (value, low, high)))


def resamples(y: Floats, seed: int, repeats: int = REPEATS) -> Iterator[Floats]:
    """How often each row is drawn (n,), positives and negatives apart, ``repeats`` times."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(y == value) for value in (0.0, 1.0)]
    for _ in range(repeats):
        weight = np.zeros(len(y))
        for rows in classes:
            weight[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        yield weight


def _sorted(score: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-score, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)


def _taken(weight: Floats, y: Floats, ends: NDArray[np.int64]) -> tuple[Floats, Floats]:
    positives = np.cumsum(weight * y)[ends]
    return positives, np.cumsum(weight)[ends] - positives


def _figures(tp: Floats, fp: Floats, k: int) -> list[float]:
    taken, recall, fall = tp + fp, tp / tp[-1], fp / fp[-1]
    precision = np.divide(tp, taken, out=np.zeros_like(tp), where=taken > 0)
    recalls = [float(recall[fall <= most].max(initial=0.0)) for most in FPRS]
    area = np.trapezoid(np.append(0.0, recall), np.append(0.0, fall))
    mix = sum(share * found for share, found in zip(MIX, recalls, strict=True))
    average = np.sum(np.diff(recall, prepend=0.0) * precision)
    return [float(average), *recalls, float(mix), _precision_at(tp, taken, k), float(area)]


def _precision_at(tp: Floats, taken: Floats, k: int) -> float:
    most = min(float(k), float(taken[-1]))
    edge = int(np.searchsorted(taken, most))
    before_tp, before = (tp[edge - 1], taken[edge - 1]) if edge else (0.0, 0.0)
    share = (tp[edge] - before_tp) / (taken[edge] - before)
    return float((before_tp + share * (most - before)) / most)
