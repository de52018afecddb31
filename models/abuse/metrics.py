"""Figures of merit for rare positives: plain functions of labels and scores, higher score meaning more suspicious.

A threshold can only lie between different scores, so equal scores are taken or left together; shuffling tied rows
changes nothing. AUROC is given beside the others, never alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

Floats = NDArray[np.float64]
Metric = Callable[[ArrayLike, ArrayLike], float]


def curve(y: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """True and false positives taken at each distinct score, from the highest down: two arrays (m,).

    Raises InputError unless both are finite, of one length, and y is 0 or 1 with both present.
    """
    labels, scores = np.asarray(y, float), np.asarray(score, float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise InputError("score", scores.shape, f"the shape of the labels, {labels.shape}")
    if not np.isfinite(scores).all():
        raise InputError("score", "NaN or infinite", "finite numbers")
    if set(np.unique(labels)) != {0.0, 1.0}:
        raise InputError("label", np.unique(labels)[:5].tolist(), "0 and 1, both present")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    positives = np.cumsum(labels[order])[last]
    return positives, last + 1 - positives


def average_precision(y: ArrayLike, score: ArrayLike) -> float:
    """Σ (recall step) · precision over distinct scores (the definition of scikit-learn).

    >>> average_precision([0, 1, 1], [0.1, 0.9, 0.1])
    0.8333333333333333
    """
    tp, fp = curve(y, score)
    return float(np.sum(np.diff(tp, prepend=0.0) / tp[-1] * tp / (tp + fp)))


def recall_at_fpr(y: ArrayLike, score: ArrayLike, fpr: float) -> float:
    """Largest recall of a threshold whose false-positive rate is at most ``fpr``; 0 when there is none."""
    tp, fp = curve(y, score)
    allowed = fp / fp[-1] <= fpr
    return float(tp[allowed].max() / tp[-1]) if allowed.any() else 0.0


def recall_mix(y: ArrayLike, score: ArrayLike) -> float:
    """0.4·recall at 0.1 % + 0.3·recall at 0.5 % + 0.3·recall at 1 % false positives."""
    return sum(w * recall_at_fpr(y, score, f) for w, f in ((0.4, 0.001), (0.3, 0.005), (0.3, 0.01)))


def precision_at(y: ArrayLike, score: ArrayLike, k: int) -> float:
    """Precision among the k highest scores; a group of ties at the edge counts by its own average."""
    if k < 1:
        raise InputError("k", k, "at least 1")
    tp, fp = curve(y, score)
    taken = tp + fp
    k = min(k, int(taken[-1]))
    edge = int(np.searchsorted(taken, k))
    before_tp, before = (tp[edge - 1], taken[edge - 1]) if edge else (0.0, 0.0)
    share = (tp[edge] - before_tp) / (taken[edge] - before)
    return float((before_tp + share * (k - before)) / k)


def auroc(y: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve by trapezoids; ties count half."""
    tp, fp = curve(y, score)
    return float(np.trapezoid(np.append(0.0, tp) / tp[-1], np.append(0.0, fp) / fp[-1]))


def bootstrap(y: ArrayLike, score: ArrayLike, metric: Metric, repeats: int = 200, seed: int = 1) -> tuple[float, float]:
    """95 % interval of a metric by resampling rows, positives and negatives apart."""
    labels, scores = np.asarray(y, float), np.asarray(score, float)
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(labels == value) for value in (0.0, 1.0)]
    values = []
    for _ in range(repeats):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        values.append(metric(labels[rows], scores[rows]))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
