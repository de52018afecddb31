"""Can two periods be told apart at all? A classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017).

Small trees learn which period a row is of and are asked about users they have not seen; AUC .5 means that they cannot
tell. This sees what no single column shows. Columns that grow with the calendar tell the periods apart by themselves,
so the most telling ones are named beside the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

FOLDS, ROUNDS, DRAWS, TOP = 5, 40, 200, 5
WARN, FAIL = 0.6, 0.75
FEWEST = 50
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ToldApart:
    """AUC with its 95 % interval (bootstrap of users), the most telling features with their shares of the gain, and
    the state: fail or warn where even the low end reaches ``FAIL`` or ``WARN``."""

    auc: float
    low: float
    high: float
    features: tuple[tuple[str, float], ...]
    state: str


def told_apart(
    before: Floats, now: Floats, users: Sequence[str], names: Sequence[str], seed: int = 0, threads: int = 1
) -> ToldApart | None:
    """Judge (n, d) and (m, d) features, NaN for missing; ``users`` are those of the n + m rows.

    No user is both learnt from and asked about. None when a side has fewer than ``FEWEST`` rows or there is nothing
    to learn from. The same input and seed give the same answer.
    """
    if min(len(before), len(now)) < FEWEST or not names:
        return None
    X = np.vstack([before, now])
    y = np.repeat([0, 1], [len(before), len(now)])
    number = np.unique(np.asarray(users, dtype=str), return_inverse=True)[1]
    shape = {
        "objective": "binary",
        "num_leaves": 7,
        "learning_rate": 0.1,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.8,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbosity": -1,
    }
    score, gain = np.zeros(len(y)), np.zeros(len(names))
    for train, asked in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(X, y, number):
        booster = lightgbm.train(shape, lightgbm.Dataset(X[train], y[train]), ROUNDS)
        score[asked] = booster.predict(X[asked])
        gain += booster.feature_importance("gain")
    low, high = _interval(y, score, number, seed)
    order = sorted(range(len(names)), key=lambda at: (-gain[at], names[at]))[:TOP]
    telling = tuple((names[at], float(gain[at] / gain.sum())) for at in order if gain[at] > 0)
    state = "fail" if low >= FAIL else "warn" if low >= WARN else "pass"
    return ToldApart(float(roc_auc_score(y, score)), low, high, telling, state)


def _interval(y: NDArray[np.int_], score: Floats, user: NDArray[np.int_], seed: int) -> tuple[float, float]:
    """Users are drawn, not rows: what one user did in both periods belongs together."""
    rng = np.random.default_rng(seed)
    count = int(user.max()) + 1
    drawn = []
    for _ in range(DRAWS):
        weight = np.bincount(rng.integers(0, count, count), minlength=count)[user]
        if all(weight[y == side].any() for side in (0, 1)):
            drawn.append(roc_auc_score(y, score, sample_weight=weight))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
