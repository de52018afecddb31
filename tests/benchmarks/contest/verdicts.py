"""What predicted effects are worth when the true ones are known: error, regret under a budget, and paired intervals."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import numpy as np
from benchmarks.contest.drawn import Drawn
from scipy.stats import t as student

from models.policy.knapsack import allocate


def pehe(effect: np.ndarray, truth: Drawn) -> float:
    """Root of the mean squared error of (m, K-1) effects, over rows and arms (Hill 2011), in cents."""
    return float(np.sqrt(np.mean((effect - truth.effect) ** 2)))


def regret(effect: np.ndarray, truth: Drawn, shares: Sequence[float]) -> list[float]:
    """Per budget: the share of the oracle's profit that is lost by allocating on predicted effects.

    A budget is a share of what the oracle would spend without one. Everyone is told the expected costs, so policies
    differ by their effects only. 0 is the oracle; 1 earns nothing; above 1 the policy loses money.
    """
    free = _chosen(truth.effect, truth, float("inf"))
    spend = float(_with_none(truth.cost)[np.arange(len(free)), free].sum())
    worth = [(_profit(effect, truth, s * spend), _profit(truth.effect, truth, s * spend)) for s in shares]
    return [1 - found / best for found, best in worth]


def _profit(effect: np.ndarray, truth: Drawn, budget: float) -> float:
    offer = _chosen(effect, truth, budget)
    return float(_with_none(truth.effect - truth.cost)[np.arange(len(offer)), offer].sum())


def _chosen(effect: np.ndarray, truth: Drawn, budget: float) -> np.ndarray:
    value, cost = _with_none(effect - truth.cost), _with_none(truth.cost)
    return allocate(value, cost, min(budget, float(cost.max(axis=1).sum()))).offer


def _with_none(offers: np.ndarray) -> np.ndarray:
    return np.column_stack([np.zeros(len(offers)), offers])


def paired(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Mean difference over seeds with its 95 % t interval; below zero we lose less."""
    difference = np.subtract(ours, theirs)
    half = 0.0
    if len(difference) > 1:
        half = float(student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    middle = float(difference.mean())
    return {"difference": middle, "low": middle - half, "high": middle + half}


def times(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Ours over theirs, of the means over seeds."""
    return mean(ours) / mean(theirs)
