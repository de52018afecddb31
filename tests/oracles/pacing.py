"""Streams of arrivals to pace, and what a price would spend, counted offer by offer."""

from __future__ import annotations

import numpy as np


def stream(n: int, seed: int, offers: int = 5) -> tuple[np.ndarray, np.ndarray, float]:
    """Values and costs of either sign with heavy tails, and a fifth of what all best offers would cost."""
    rng = np.random.default_rng(seed)
    value, cost = np.zeros((n, offers)), np.zeros((n, offers))
    cost[:, 1:] = rng.gamma(2, 200, (n, offers - 1)) - 50
    value[:, 1:] = 0.3 * cost[:, 1:] + rng.normal(0, 100, (n, offers - 1)) * rng.gamma(1, 1, (n, 1))
    return value, cost, 0.2 * float(cost[np.arange(n), value.argmax(axis=1)].sum())


def orders(value: np.ndarray, cost: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Ways in which the same people may come."""
    rng = np.random.default_rng(seed)
    n, best, dearest = len(value), value.max(axis=1), cost.max(axis=1)
    return {
        "shuffled": rng.permutation(n),
        "ascending": np.argsort(best),
        "descending": np.argsort(-best),
        "cheap_first": np.argsort(dearest),
        "dear_first": np.argsort(-dearest),
        "waves": np.argsort(best * np.sin(np.arange(n) * 20 / n)),
        "drift": np.argsort(best / best.std() + 2 * rng.normal(size=n)),
    }


def cost_at(value: np.ndarray, cost: np.ndarray, weight: np.ndarray, price: float) -> float:
    """What everybody's best offer costs at a price; the cheaper of two equally good ones."""
    spent = 0.0
    for row in range(len(value)):
        best = max(range(value.shape[1]), key=lambda k: (value[row, k] - price * cost[row, k], -cost[row, k]))
        spent += weight[row] * cost[row, best]
    return spent
