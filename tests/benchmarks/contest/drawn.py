"""A five-arm coupon trial whose effects are known exactly: what the contenders learn from and are judged on.

40 features (30 numbers, among them heavy tails and counts, 4 numbers that come in tenths and 6 categories), 10 of
them with missing values; a purchase with a margin whose tail is heavy (lognormal with a Pareto tail); five arms whose
logged chances depend on the features; effects that differ by customer, are negative for some, and are faint beside
the noise of the margin. This design is for judging: no learner's settings may be chosen on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ARMS = ("none", "flat_3", "cut_80_8", "pct_12", "cut_150_25")
_FACE_CENTS = np.array([0.0, 300.0, 800.0, 1200.0, 2500.0])
_REACH = np.array([0.0, 0.05, 0.075, 0.09, 0.12])
_SHARE = np.array([0.34, 0.22, 0.18, 0.15, 0.11])
_LEAST_CHANCE = 0.04
_USED = 0.12  # share of coupons that are used by the average customer
_LEVELS = {"tier": 3, "channel": 4, "device": 5, "source": 6, "region": 12, "weekday": 7}
_MISSING = {1: 0.25, 4: 0.10, 7: 0.15, 9: 0.20, 12: 0.05, 15: 0.30, 20: 0.10, 24: 0.10, 28: 0.20, 33: 0.15}


@dataclass(frozen=True)
class Drawn:
    """n customers. ``X`` (n, 40) with NaN for missing and codes in the columns ``categorical``; ``treatment`` (n,);
    ``propensity`` (n, 5); ``outcome`` (n,): margin in cents before the coupon's cost; ``effect`` (n, 4): its true
    expected change by each arm; ``cost`` (n, 4): true expected discount in cents, which every policy is told."""

    X: Matrix
    treatment: NDArray[np.int64]
    propensity: Matrix
    outcome: Vector
    effect: Matrix
    cost: Matrix
    categorical: tuple[int, ...] = tuple(range(34, 40))

    def frame(self) -> pd.DataFrame:
        """``X`` as a shop's table, with names for the categories."""
        return as_table(self.X, self.categorical)


def as_table(X: Matrix, categorical: tuple[int, ...]) -> pd.DataFrame:
    """(n, d) numbers and codes as a table with text categories."""
    columns: dict[str, object] = {f"x{i}": X[:, i] for i in range(X.shape[1]) if i not in categorical}
    for column in categorical:
        codes = X[:, column].astype(int)
        columns[f"x{column}"] = pd.Categorical.from_codes(codes, [f"level_{k:02d}" for k in range(codes.max() + 1)])
    return pd.DataFrame(columns)


def draw(n: int, seed: int, strength: float = 1.0) -> Drawn:
    """n customers; ``strength`` scales how much effects differ between them (0: every customer's lift is the same)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 34))
    shared = rng.normal(size=(n, 3))
    z[:, :12] = 0.8 * z[:, :12] + 0.6 * shared[:, np.arange(12) % 3]
    codes = {name: _codes(rng, n, levels) for name, levels in _LEVELS.items()}
    propensity = _chances(z, codes)
    treatment = (rng.random(n)[:, None] > np.cumsum(propensity, axis=1)).sum(axis=1).clip(max=len(ARMS) - 1)

    base = 0.04 + 0.22 / (1 + np.exp(-(0.9 * z[:, 0] + 0.6 * z[:, 3] * (z[:, 5] > 0) + 0.4 * (codes["channel"] == 0))))
    basket = 3500 * np.exp(0.45 * z[:, 1] + 0.25 * z[:, 6] + 0.2 * (codes["tier"] - 0.6))
    chance = np.clip(base[:, None] + _lift(z, codes, strength), 0.005, 0.9)
    uses = 0.35 + 0.5 / (1 + np.exp(-1.5 * z[:, 2]))
    bought = rng.random(n) < chance[np.arange(n), treatment]
    # Mean 1: nine tenths lognormal, one tenth Pareto with infinite third moment.
    pareto = (rng.pareto(2.2, n) + 1) * (1.2 / 2.2)
    spread = np.where(rng.random(n) < 0.1, pareto, rng.lognormal(-0.32, 0.8, n))
    X = _seen(z, codes)
    for column, share in _MISSING.items():
        X[rng.random(n) < share, column] = np.nan
    return Drawn(
        X=X,
        treatment=treatment.astype(np.int64),
        propensity=propensity,
        outcome=bought * basket * spread,
        effect=(chance[:, 1:] - chance[:, :1]) * basket[:, None],
        cost=_USED * (0.4 + uses[:, None]) * _FACE_CENTS[1:],
    )


def _codes(rng: np.random.Generator, n: int, levels: int) -> NDArray[np.int64]:
    share = 1 / np.arange(1.0, levels + 1)
    return rng.choice(levels, n, p=share / share.sum())


def _chances(z: Matrix, codes: dict[str, NDArray[np.int64]]) -> Matrix:
    """(n, 5): the shop gave big coupons to big spenders and none to sleepers, but every arm to some of everybody."""
    tilt = np.log(_SHARE) + np.outer(0.5 * z[:, 1] + 0.3 * (codes["tier"] == 2), np.linspace(-1, 1, 5))
    tilt[:, 0] += 0.4 * z[:, 3]
    weight = np.exp(tilt - tilt.max(axis=1, keepdims=True))
    free = 1 - len(ARMS) * _LEAST_CHANCE
    chances: Matrix = _LEAST_CHANCE + free * weight / weight.sum(axis=1, keepdims=True)
    return chances


def _lift(z: Matrix, codes: dict[str, NDArray[np.int64]], strength: float) -> Matrix:
    """(n, 5) change of the chance to buy. Who is moved differs by arm; people tired of coupons buy less."""
    curious = np.tanh(1.2 * z[:, 4])
    tired = (z[:, 7] > 0.9).astype(float)
    saver = (codes["source"] == 1) | (z[:, 2] > 0.7)
    far = np.isin(codes["region"], (2, 5, 6, 9))
    kinds = np.column_stack([
        np.zeros(len(z)),
        0.9 * curious - 0.8 * tired,
        0.7 * curious + 0.8 * saver - 0.3,
        0.6 * np.tanh(z[:, 8] + z[:, 4]) + 0.6 * far - 0.2,
        0.8 * np.maximum(z[:, 1], -1) * 0.6 + 0.7 * saver - 0.9 * tired - 0.2,
    ])  # fmt: skip
    mean = np.array([0.0, 0.35, 0.45, 0.45, 0.45])
    lift: Matrix = _REACH * (mean + strength * kinds)
    return lift


def _seen(z: Matrix, codes: dict[str, NDArray[np.int64]]) -> Matrix:
    """(n, 40) what the shop knows: the drivers as counts, money and scores, and features that mean nothing."""
    columns = z.copy()
    columns[:, 0] = np.floor(np.exp(1.0 + 0.8 * z[:, 0]))
    columns[:, 1] = 3500 * np.exp(0.45 * z[:, 1])
    columns[:, 3] = np.floor(20 * np.exp(-0.7 * z[:, 3]))
    columns[:, 16:22] = np.exp(1.2 * z[:, 16:22])
    columns[:, 22:30] = np.floor(np.abs(4 * z[:, 22:30]))
    columns[:, 30:34] = np.round(z[:, 30:34], 1)
    return np.column_stack([columns, *(codes[name] for name in _LEVELS)]).astype(np.float64)
