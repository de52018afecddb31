"""A coupon trial whose effects are known: for notebooks, tests and benchmarks, never for choosing a model's settings.

Five arms with uneven propensities that depend on the member tier, heavy-tailed margins, and four kinds of customers:
persuadables buy because of a coupon, sure things buy anyway, lost causes never do, sleeping dogs buy less when they
are bothered. Features show the kinds only through noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]

ARMS = ("none", "flat_5", "cut_100_10", "pct_10", "cut_200_35")
_FACE_CENTS = np.array([0.0, 500.0, 1000.0, 1500.0, 3500.0])
_PERSUASION = np.array([0.0, 0.05, 0.09, 0.12, 0.15])
_BY_TIER = np.array([[0.40, 0.20, 0.15, 0.15, 0.10], [0.30, 0.20, 0.20, 0.20, 0.10], [0.25, 0.15, 0.20, 0.15, 0.25]])


@dataclass(frozen=True)
class SimulatedTrial:
    """``trial`` as a shop would log it; ``effect`` (n, K-1): true expected change of margin before the coupon's cost,
    ``cost`` (n, K-1): true expected discount, both in cents."""

    trial: Trial
    effect: Matrix
    cost: Matrix

    def frame(self) -> pd.DataFrame:
        """The trial as a flat table: features, ``arm``, ``propensity`` of it, ``margin_cents``, ``discount_cents``."""
        trial = self.trial
        return trial.X.assign(
            customer=[f"c{i:06d}" for i in range(len(trial))],
            arm=np.array(trial.arms)[trial.treatment],
            propensity=trial.taken,
            margin_cents=trial.value,
            discount_cents=trial.cost,
        )


def simulated_trial(n: int, seed: int, features: int = 12, strength: float = 1.0) -> SimulatedTrial:
    """Draw n customers; ``strength`` scales how much coupons move people (0: nothing works on anybody)."""
    if n < 100 or features < 6:
        raise InputError("n, features", (n, features), "at least 100 customers and 6 features")
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 4))
    X = _features(hidden, features, rng)
    tier = X["tier"].map({"bronze": 0, "silver": 1, "gold": 2}).to_numpy()
    propensity = _BY_TIER[tier]
    treatment = (rng.random(n)[:, None] > np.cumsum(propensity, axis=1)).sum(axis=1).clip(max=len(ARMS) - 1)
    base = 0.05 + 0.30 / (1 + np.exp(-2 * hidden[:, 0]))
    margin = 4000 * np.exp(0.5 * hidden[:, 1])
    moved = strength * _PERSUASION * np.tanh(1.2 * hidden[:, 2] + 0.3)[:, None]  # below zero: sleeping dogs
    chance = np.clip(base[:, None] + moved, 0.01, 0.95)
    uses = 0.25 + 0.5 / (1 + np.exp(-2 * hidden[:, 3]))
    rows = np.arange(n)
    bought = rng.random(n) < chance[rows, treatment]
    redeemed = bought & (treatment > 0) & (rng.random(n) < uses)
    basket = margin * rng.lognormal(-0.32, 0.8, n)  # mean 1, heavy tail
    trial = Trial(
        X=X,
        treatment=treatment.astype(np.int64),
        arms=ARMS,
        propensity=propensity,
        value=bought * basket,
        cost=redeemed * _FACE_CENTS[treatment],
        outcomes={"redeemed": redeemed.astype(float)},
        value_name="margin_cents",
    )
    effect = (chance[:, 1:] - chance[:, :1]) * margin[:, None]
    return SimulatedTrial(trial, effect, chance[:, 1:] * uses[:, None] * _FACE_CENTS[1:])


def _features(hidden: Matrix, count: int, rng: np.random.Generator) -> pd.DataFrame:
    n = len(hidden)
    seen = hidden + 0.5 * rng.normal(size=hidden.shape)
    columns: dict[str, object] = {
        "orders_90d": np.floor(np.exp(seen[:, 0])),
        "average_basket": np.exp(0.5 * seen[:, 1]) * 100,
        "browsing_without_buying": seen[:, 2],
        "coupon_share": np.where(rng.random(n) < 0.1, np.nan, 1 / (1 + np.exp(-seen[:, 3]))),
        "tier": rng.choice(["bronze", "silver", "gold"], n, p=[0.6, 0.3, 0.1]),
        "channel": rng.choice(["app", "web", "store"], n),
    }
    for i in range(count - len(columns)):
        columns[f"noise_{i}"] = rng.normal(size=n)
    return pd.DataFrame(columns)
