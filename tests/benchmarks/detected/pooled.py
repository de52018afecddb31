"""Figures over several shops with 95 % intervals by resampling what varies: shops, rings in them, honest accounts.

Accounts of a ring stand or fall together, so a ring is drawn as one; honest accounts are drawn one by one. All
contenders are seen on the same draws, so ratios of theirs have honest intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.abuse.metrics import average_precision, recall_at_fpr, recall_mix

REPEATS = 200


@dataclass(frozen=True)
class Pool:
    """Accounts of all shops: shop number, group (ring, or the account itself), abusive, and scores by contender."""

    shop: np.ndarray
    group: np.ndarray
    abusive: np.ndarray
    scores: Mapping[str, np.ndarray]

    def draws(self, repeats: int = REPEATS, seed: int = 1) -> np.ndarray:
        """How often each account is in each resample, (repeats, n)."""
        rng = np.random.default_rng(seed)
        shops = int(self.shop.max()) + 1
        groups, code = np.unique(self.group, return_inverse=True)
        times = rng.poisson(1.0, (repeats, len(groups))).astype(np.float32)
        often = rng.multinomial(shops, np.full(shops, 1 / shops), size=repeats)
        return times[:, code] * often[:, self.shop]


def figures(pool: Pool) -> dict[str, float]:
    """Pooled figures per contender (``<name>_ap`` …)."""
    found = {}
    y = pool.abusive
    for name, score in pool.scores.items():
        found[f"{name}_ap"] = average_precision(y, score)
        found |= {f"{name}_recall_fpr_{k}": recall_at_fpr(y, score, f) for k, f in FPR.items()}
        found[f"{name}_recall_mix"] = recall_mix(y, score)
    return found


FPR = {"01": 0.001, "05": 0.005, "1": 0.01}


def intervals(pool: Pool, ours: str, rivals: tuple[str, ...], repeats: int = REPEATS) -> dict[str, float]:
    """Bounds of every average precision and recall at 0.1 %, and of ours over each rival's."""
    draws = pool.draws(repeats)
    ap, recall = {}, {}
    for name, score in pool.scores.items():
        ap[name], recall[name] = _weighted(pool.abusive, score, draws)
    found: dict[str, float] = {}
    for name in pool.scores:
        found |= _bounds(f"{name}_ap", ap[name]) | _bounds(f"{name}_recall_fpr_01", recall[name])
    for name in rivals:
        found |= _bounds(f"ap_{ours}_over_{name}", ap[ours] / np.maximum(ap[name], 1e-9))
        found |= _bounds(f"ap_{ours}_less_{name}", ap[ours] - ap[name])
    return found


def share_bounds(pool: Pool, name: str, hit: np.ndarray, among: np.ndarray, repeats: int = REPEATS) -> dict[str, float]:
    """A share of accounts with the bounds of the same resamples."""
    draws = pool.draws(repeats)[:, among]
    shares = draws @ hit[among].astype(np.float32) / np.maximum(draws.sum(axis=1), 1)
    return {name: float(hit[among].mean()), **_bounds(name, shares)}


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % Wilson interval of a share.

    >>> [round(x, 4) for x in wilson(0, 1000)]
    [0.0, 0.0038]
    """
    if of == 0:
        return 0.0, 1.0
    z = 1.959964
    p, n = hits / of, float(of)
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return max(float(low), 0.0), min(float(high), 1.0)


def _weighted(y: np.ndarray, score: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and recall at 0.1 % false positives in every resample; ties are taken together."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    bad = y[order].astype(np.float32)
    ap, recall = np.empty(len(draws)), np.empty(len(draws))
    for i, times in enumerate(draws):
        taken = times[order]
        tp, all_ = np.cumsum(taken * bad, dtype=np.float64)[last], np.cumsum(taken, dtype=np.float64)[last]
        steps = np.diff(tp, prepend=0.0)
        ap[i] = np.sum(steps * np.divide(tp, all_, out=np.zeros_like(tp), where=all_ > 0)) / tp[-1]
        fp = all_ - tp
        recall[i] = tp[fp <= 0.001 * fp[-1]].max(initial=0.0) / tp[-1]
    return ap, recall


def _bounds(name: str, values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return {f"{name}_low": float(low), f"{name}_high": float(high)}
