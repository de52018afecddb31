"""A shallow tree of effects that a person can read: rules grown on one half of the units, effects from the other.

Splits are greedy: each node is cut where the mean doubly robust scores of both sides differ most for their size.
Effects measured on the rows that chose the cuts would be too good, so the leaves are measured on units the growing
never saw (Athey & Imbens 2016, "Recursive partitioning for heterogeneous causal effects"). Intervals hold for all
leaves at once (Bonferroni, 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import Interval, codes, normal_quantile
from models.report import Words
from models.uplift.report.segments import LEVEL, Part, mean_of

Vector = NDArray[np.float64]
Rows = NDArray[np.bool_]

DEPTH = 3
SMALLEST_SHARE = 0.05
SMALLEST_ROWS = 100


@dataclass(frozen=True)
class Leaf:
    """``rules``: the conditions that lead here; ``effect`` of its ``units`` on the second half, with its interval."""

    rules: tuple[Words, ...]
    share: float
    units: int
    effect: Interval


@dataclass(frozen=True)
class _Cut:
    """``present``: the codes of the part that the node holds; ``left``: those that go left."""

    part: Part
    present: tuple[int, ...]
    left: tuple[int, ...]
    gain: float


@dataclass(frozen=True)
class _Rule:
    """``kind`` tells upper from lower ends, so that a narrower rule replaces a wider one of its kind."""

    feature: str
    kind: str
    words: Words


def effect_tree(
    parts: Sequence[Part], scores: Vector, grow_on: Rows, cluster: NDArray[np.object_] | None = None
) -> list[Leaf]:
    """Leaves of the tree, best effect first; a single one where no cut beats chance.

    ``scores`` (n,): psi_k - psi_0; ``grow_on`` (n,): the units that may choose the cuts, the others measure.
    """
    groups = codes(cluster, len(scores))
    found = _grow(parts, scores, grow_on, np.ones(len(scores), dtype=bool), (), DEPTH)
    kept = [(rules, rows & ~grow_on) for rules, rows in found if (rows & ~grow_on).sum() > 1]
    level = 1 - (1 - LEVEL) / max(1, len(kept))
    leaves = [
        Leaf(
            tuple(rule.words for rule in rules),
            float(rows.sum() / (~grow_on).sum()),
            int(rows.sum()),
            mean_of(scores, rows, groups, level),
        )
        for rules, rows in kept
    ]
    return sorted(leaves, key=lambda leaf: -leaf.effect.value)


def _grow(
    parts: Sequence[Part], scores: Vector, grow_on: Rows, rows: Rows, rules: tuple[_Rule, ...], depth: int
) -> list[tuple[tuple[_Rule, ...], Rows]]:
    chosen = rows & grow_on
    cut = _best_cut(parts, scores, chosen, max(SMALLEST_ROWS, SMALLEST_SHARE * grow_on.sum())) if depth else None
    if cut is None:
        return [(rules, rows)]
    left = np.isin(cut.part.code, cut.left)
    return [
        leaf
        for side, inside in ((left, True), (~left, False))
        for leaf in _grow(parts, scores, grow_on, rows & side, _narrowed(rules, _rule(cut, inside)), depth - 1)
    ]


def _best_cut(parts: Sequence[Part], scores: Vector, rows: Rows, smallest: float) -> _Cut | None:
    """The cut with the clearest difference of means; None where none is clearer than the best of as many by chance."""
    mine = scores[rows]
    if len(mine) < 2 * smallest:
        return None
    variance = float(mine.var())
    best, tried = None, 0
    for part in parts:
        code = part.code[rows] + 1  # 0 for units in none of the parts: they never move to the left
        counts = np.bincount(code, minlength=len(part.words) + 1).astype(float)
        sums = np.bincount(code, mine, minlength=len(part.words) + 1)
        order = np.flatnonzero(counts[1:]) + 1
        if not part.uppers:
            order = order[np.argsort(-sums[order] / counts[order], kind="stable")]
        left_n, left_sum = np.cumsum(counts[order])[:-1], np.cumsum(sums[order])[:-1]
        right_n, right_sum = len(mine) - left_n, mine.sum() - left_sum
        allowed = np.flatnonzero((left_n >= smallest) & (right_n >= smallest))
        tried += len(allowed)
        for k in allowed:
            gap = left_sum[k] / left_n[k] - right_sum[k] / right_n[k]
            gain = float(gap**2 * left_n[k] * right_n[k] / len(mine))
            if best is None or gain > best.gain:
                codes_there = tuple(int(c) - 1 for c in order)
                best = _Cut(part, codes_there, codes_there[: int(k) + 1], gain)
    if best is None or variance <= 0:
        return None
    return best if best.gain > variance * normal_quantile(1 - (1 - LEVEL) / tried) ** 2 else None


def _rule(cut: _Cut, inside: bool) -> _Rule:
    """``age ≤ 30``, ``age > 30 or missing``, ``city = Rome or city = Turin``."""
    part, missing = cut.part, cut.part.missing
    if not part.uppers:
        kept = [k for k in cut.present if (k in cut.left) == inside]
        english, chinese = " or ".join(part.words[k].en for k in kept), " 或 ".join(part.words[k].zh for k in kept)
        return _Rule(part.feature, "in", Words(english, chinese))
    last = max(cut.left)
    name, with_missing = part.feature, missing is not None and missing in cut.present
    if last >= len(part.uppers):  # all values on the left, so only missing ones on the right
        words = Words(f"{name} is known", f"{name} 已知") if inside else part.words[cut.present[-1]]
        return _Rule(name, "known", words)
    if inside:
        return _Rule(name, "upper", Words(f"{name} ≤ {part.uppers[last]}", f"{name} ≤ {part.uppers[last]}"))
    rest = Words(" or missing", " 或缺失") if with_missing else Words("", "")
    text = f"{name} > {part.uppers[last]}"
    return _Rule(name, "lower", Words(text + rest.en, text + rest.zh))


def _narrowed(rules: tuple[_Rule, ...], rule: _Rule) -> tuple[_Rule, ...]:
    kept = tuple(old for old in rules if (old.feature, old.kind) != (rule.feature, rule.kind))
    return (*kept, rule)
