"""The study's own learner: small models that agree on what lasts, stacked by how they did on later rows than they saw.

In: past-only features of the training rows in time order, their labels, times and rings. Out: a probability per row.

A log of abuse is bursts: a farm of twelve rows is one case, not twelve, and last winter's farm says little about this
spring. So every row weighs one over the rows of its ring, halved with each ``HALF_LIFE`` of age. Members are ridge
logistic regressions (on the links and the row's own categories; on everything), shallow boosted trees, and deeper ones
to which every row weighs the same, for logs with more to learn from; their weights, never negative, and the calibration
come from predictions of blocks later than the rows behind them. A missing value is its column's mean to the
regressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.abuse.boosted import PARAMETERS
from models.abuse.marks import DAY

Floats = NDArray[np.float64]
HALF_LIFE = 90 * DAY
BLOCKS = (0.4, 0.55, 0.7, 0.85, 1.0)  # of the training rows: learn before an edge, predict up to the next
_BAGS = 3
_SHALLOW, _DEEP = (3, 60), (7, 80)  # leaves and rounds
_RIDGE = 0.1  # scikit-learn's C on standardised columns
_WIDE = 8.0  # standard deviations from the mean at which a column's value stops to count
_LEAST = 1e-6
PLAIN = "plain_"  # prefix of what every row has: amount, age, hour; the narrow regression leaves it out


class Member(Protocol):
    """A fitted model: rows in, log odds out."""

    def log_odds(self, X: Floats) -> Floats: ...


@dataclass(frozen=True)
class _Ridge:
    columns: NDArray[np.int64]
    mean: Floats
    scale: Floats
    model: LogisticRegression

    @classmethod
    def fit(cls, X: Floats, y: Floats, weight: Floats, columns: NDArray[np.int64]) -> _Ridge:
        part = X[:, columns]
        known = ~np.isnan(part)
        total = (weight[:, None] * known).sum(axis=0) + 1e-12
        mean = np.where(known, part, 0.0).T @ weight / total
        scale = np.sqrt(np.where(known, (part - mean) ** 2, 0.0).T @ weight / total)
        scale = np.where(scale > 1e-9, scale, np.inf)  # a constant says nothing
        fitted = cls(columns, mean, scale, LogisticRegression(C=_RIDGE, max_iter=300))
        fitted.model.fit(fitted._standard(X), y, sample_weight=weight)
        return fitted

    def log_odds(self, X: Floats) -> Floats:
        return np.asarray(self.model.decision_function(self._standard(X)), np.float64)

    def _standard(self, X: Floats) -> Floats:
        values = (X[:, self.columns] - self.mean) / self.scale
        return np.clip(np.nan_to_num(values, nan=0.0), -_WIDE, _WIDE)


@dataclass(frozen=True)
class _Trees:
    models: tuple[lgb.Booster, ...]

    @classmethod
    def fit(
        cls, X: Floats, y: Floats, weight: Floats, signs: Sequence[int], size: tuple[int, int], seed: int
    ) -> _Trees:
        leaves, rounds = size
        models = []
        for bag in range(_BAGS):
            own = {"num_leaves": leaves, "min_data_in_leaf": 50, "monotone_constraints": list(signs)}
            data = lgb.Dataset(X, label=y, weight=weight / weight.mean(), free_raw_data=True)
            parameters = {**PARAMETERS, **own, "seed": seed * 100 + bag}
            models.append(lgb.train(parameters, data, num_boost_round=rounds))
        return cls(tuple(models))

    def log_odds(self, X: Floats) -> Floats:
        chance = np.mean([np.asarray(model.predict(X, num_threads=1)) for model in self.models], axis=0)
        return np.asarray(logit(np.clip(chance, _LEAST, 1 - _LEAST)), np.float64)


@dataclass(frozen=True)
class StackedModel:
    """Members, their weights (m,) and the intercept."""

    members: tuple[Member, ...]
    weights: Floats
    intercept: float

    def probability(self, X: Floats) -> Floats:
        """P(bad) of rows X (n, d)."""
        odds = np.column_stack([member.log_odds(X) for member in self.members])
        return np.asarray(expit(odds @ self.weights + self.intercept), np.float64)


def fit_stacked(
    X: pd.DataFrame,
    y: Floats,
    us: NDArray[np.int64],
    ring: NDArray[np.int64],
    worth: Floats | None = None,
    seed: int = 0,
) -> StackedModel:
    """Fit on training rows X (n, d) in time order with labels y in {0, 1}, times (microseconds) and ring numbers (n,).

    ``worth`` (n,): how many rows each of a drawn sample stands for. Both labels must be there. Blocks with fewer than
    two rows of either label before them are left out of the stacking; without any, members weigh alike.
    """
    values, names = design(X), list(X.columns)
    stands = np.ones(len(y)) if worth is None else worth
    edges = [int(share * len(y)) for share in BLOCKS]
    odds, rows = [], []
    for start, end in pairwise(edges):
        if start < end and min(y[:start].sum(), (1 - y[:start]).sum()) >= 2:
            members = _members(values[:start], y[:start], us[:start], ring[:start], stands[:start], names, seed)
            odds.append(np.column_stack([member.log_odds(values[start:end]) for member in members]))
            rows.append(np.arange(start, end))
    members = _members(values, y, us, ring, stands, names, seed)
    at = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    if not 0 < y[at].sum() < len(at):
        return StackedModel(members, np.full(len(members), 1.0 / len(members)), 0.0)
    weights, intercept = _stack(np.concatenate(odds), y[at], (recency(us) * stands)[at])
    return StackedModel(members, weights, intercept)


def design(X: pd.DataFrame) -> Floats:
    """Columns on a scale on which a straight line makes sense: counts and amounts by their logarithm."""
    values = X.to_numpy(np.float64)
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), np.float64)


def row_weights(us: NDArray[np.int64], ring: NDArray[np.int64]) -> Floats:
    """One vote per ring, less with age: (n,) weights of training rows."""
    return recency(us) / np.bincount(ring)[ring]


def recency(us: NDArray[np.int64]) -> Floats:
    """1 for the last training row, half for each ``HALF_LIFE`` before it: (n,)."""
    return np.asarray(0.5 ** ((us.max() - us) / HALF_LIFE), np.float64)


def monotone(name: str) -> int:
    """More company may only raise a score; what a row says of itself may do either."""
    return 1 if any(part in name for part in ("_n_", "_new_", "_same_", "_bad_")) or name == "label_free" else 0


def _members(
    values: Floats,
    y: Floats,
    us: NDArray[np.int64],
    ring: NDArray[np.int64],
    stands: Floats,
    names: list[str],
    seed: int,
) -> tuple[Member, ...]:
    weight = row_weights(us, ring) * stands
    stated = np.array([i for i, name in enumerate(names) if not name.startswith(PLAIN)], np.int64)
    signs = [monotone(name) for name in names]
    members: list[Member] = [_Ridge.fit(values, y, weight, np.arange(len(names)))]
    if 0 < len(stated) < len(names):
        members.append(_Ridge.fit(values, y, weight, stated))
    members.append(_Trees.fit(values, y, weight, signs, _SHALLOW, seed))
    members.append(_Trees.fit(values, y, stands, signs, _DEEP, seed))
    return tuple(members)


def _stack(odds: Floats, y: Floats, weight: Floats) -> tuple[Floats, float]:
    """Weights >= 0 and an intercept that make the members' log odds most likely; a small pull towards their mean."""
    share, m = weight / weight.sum(), odds.shape[1]

    def loss(at: Floats) -> tuple[float, Floats]:
        score = odds @ at[:m] + at[m]
        pull = at[:m] - 1.0 / m
        value = float(share @ (np.logaddexp(0.0, score) - y * score) + 1e-3 * pull @ pull)
        slope = share * (expit(score) - y)
        return value, np.append(odds.T @ slope + 2e-3 * pull, slope.sum())

    start = np.append(np.full(m, 1.0 / m), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 2.0)] * m + [(None, None)])
    return np.asarray(found.x[:m], np.float64), float(found.x[m])
