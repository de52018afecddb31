"""Who gains and who loses: plain segments of a trial with their observed effects, all looked at counted.

A segment is one level of a text feature or one quantile range of a number. Its effect is the mean of the doubly robust
scores of its units, which no model has chosen, so it is honest whatever the models are worth. Looking at m segments
finds extremes by chance alone: ``low`` and ``high`` hold for all of them at once (Bonferroni, 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.policy.intervals import Interval, codes
from models.report import Words
from models.uplift.encoding import Encoding

Vector = NDArray[np.float64]
Rows = NDArray[np.bool_]

QUANTILES = 4
MOST_LEVELS = 12
SMALLEST_SHARE = 0.01
SMALLEST_ROWS = 50
LEVEL = 0.95


@dataclass(frozen=True)
class Part:
    """The values of one feature as a few parts: ``code`` (n,) in 0..len(words)-1, or -1 for units in none of them.

    ``uppers``: of an ordered feature the shown upper end of each part but the last one with a value, else empty.
    ``missing``: the code of missing values, or None. ``few``: whether each part is one value.
    """

    feature: str
    code: NDArray[np.int64]
    words: tuple[Words, ...]
    uppers: tuple[str, ...] = ()
    missing: int | None = None
    few: bool = False


@dataclass(frozen=True)
class Segment:
    """``share`` of the units; ``effect``, and ``gap`` to the effect on all other units, with simultaneous intervals."""

    words: Words
    feature: str
    share: float
    units: int
    effect: Interval
    gap: Interval

    @property
    def loses(self) -> bool:
        """Shown to lose, not merely estimated to."""
        return self.effect.high < 0

    @property
    def gains(self) -> bool:
        """Shown to gain."""
        return self.effect.low > 0

    @property
    def evidence(self) -> float:
        """How many standard errors its effect lies above that of the others; NaN counts as none."""
        error = self.gap.standard_error
        return self.gap.value / error if 0 < error < np.inf else 0.0


def parts_of(X: pd.DataFrame) -> list[Part]:
    """Every feature cut into parts; features of one value or of nothing but rare levels are left out."""
    encoding = Encoding.learn(X)
    matrix = encoding.matrix(X)
    found = []
    for i, name in enumerate(encoding.features):
        column = matrix[:, i]
        part = _levels(name, column, encoding.levels[name]) if name in encoding.levels else _ranges(name, column)
        if len(part.words) > 1:
            found.append(part)
    return found


def segments(parts: Sequence[Part], scores: Vector, cluster: NDArray[np.object_] | None = None) -> list[Segment]:
    """Observed effect in every part of every feature, best first. ``scores`` (n,): psi_k - psi_0."""
    n, groups = len(scores), codes(cluster, len(scores))
    looked = [(part, k, part.code == k) for part in parts for k in range(len(part.words))]
    least = max(SMALLEST_ROWS, SMALLEST_SHARE * n)
    looked = [(part, k, rows) for part, k, rows in looked if rows.sum() >= least and n - rows.sum() >= SMALLEST_ROWS]
    if not looked:
        return []
    found, level = [], 1 - (1 - LEVEL) / len(looked)
    for part, k, rows in looked:
        effect, gap = mean_of(scores, rows, groups, level), _gap(scores, rows, groups, level)
        found.append(Segment(part.words[k], part.feature, float(rows.mean()), int(rows.sum()), effect, gap))
    return sorted(found, key=lambda segment: -segment.effect.value)


def _gap(scores: Vector, rows: Rows, groups: NDArray[np.intp] | None, level: float) -> Interval:
    """Mean score of some units minus that of all others."""
    share = rows.mean()
    inside, outside = float(scores[rows].mean()), float(scores[~rows].mean())
    influence = np.where(rows, (scores - inside) / share, -(scores - outside) / (1 - share))
    return Interval.around(inside - outside, influence, groups, level)


def mean_of(scores: Vector, rows: Rows, groups: NDArray[np.intp] | None, level: float = LEVEL) -> Interval:
    """Mean score of some units; ``groups`` (n,) numbers of the clusters of all units, or None."""
    mine = scores[rows]
    value = float(mine.mean())
    own = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    return Interval.around(value, mine - value, own, level)


def _levels(name: str, column: Vector, levels: Sequence[str]) -> Part:
    """The most frequent levels and, if there are any, the missing values (or levels too rare to have a code)."""
    missing = ~np.isfinite(column)
    counts = np.bincount(column[~missing].astype(np.int64), minlength=len(levels))
    kept = [int(k) for k in np.argsort(-counts, kind="stable")[:MOST_LEVELS] if counts[k]]
    position = np.full(len(levels) + 1, -1)
    position[kept] = np.arange(len(kept))
    code = position[np.where(missing, len(levels), column).astype(np.int64)]
    if not kept or counts[kept[0]] < SMALLEST_SHARE * len(column):  # ids: no level is a segment of anybody
        return Part(name, np.full(len(column), -1), ())
    words = [_both(f"{short(name)} = {short(levels[k])}") for k in kept]
    return _with_missing(Part(name, code, tuple(words)), missing)


def _ranges(name: str, column: Vector) -> Part:
    """Quantile ranges of a number, or its values where there are few."""
    missing = ~np.isfinite(column)
    known = column[~missing]
    values = np.unique(known)
    if len(values) <= 6:
        code = np.where(missing, -1, np.searchsorted(values, np.where(missing, 0.0, column)))
        texts = _shown(values.tolist())
        words = tuple(_both(f"{short(name)} = {text}") for text in texts)
        return _with_missing(Part(name, code, words, tuple(texts[:-1]), few=True), missing)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILES + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges < values[-1]]
    code = np.where(missing, -1, np.searchsorted(edges, np.where(missing, 0.0, column), side="left"))
    shown, called = _shown(edges.tolist()), short(name)
    words = tuple(
        _both(f"{called} ≤ {shown[0]}" if k == 0 else
              f"{called} > {shown[-1]}" if k == len(edges) else f"{shown[k - 1]} < {called} ≤ {shown[k]}")
        for k in range(len(edges) + 1)
    )  # fmt: skip
    return _with_missing(Part(name, code, words, tuple(shown)), missing)


def _with_missing(part: Part, missing: Rows) -> Part:
    if not missing.any():
        return part
    last = len(part.words)
    called = short(part.feature)
    words = (*part.words, Words(f"{called} is missing", f"{called} 缺失"))
    return Part(part.feature, np.where(missing, last, part.code), words, part.uppers, last, part.few)


def _shown(edges: Sequence[float]) -> list[str]:
    """Edges with as few digits as tell them apart; whole ones (years, counts, ids) in full."""
    if all(float(edge).is_integer() and abs(edge) < 1e15 for edge in edges):
        texts = [f"{edge:.0f}" if abs(edge) < 10_000 else f"{edge:,.0f}" for edge in edges]
        return [text.replace("-", "−") for text in texts]
    for digits in range(3, 17):
        rounded = [f"{edge:,.{digits}g}" for edge in edges]
        texts = [f"{float(text):,.0f}" if "e+" in text and abs(edge) < 1e15 else text
                 for text, edge in zip(rounded, edges, strict=True)]  # fmt: skip
        if len(set(texts)) == len(edges):
            break
    return [text.replace("-", "−") if "e" not in text else text for text in texts]


def short(name: str, most: int = 24) -> str:
    """A level or feature for the page; long ones would push the figures off it."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _both(text: str) -> Words:
    return Words(text, text)
