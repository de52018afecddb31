"""What every uplift learner does, and the inputs all of them check alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.uplift.encoding import Encoding, as_array
from models.uplift.trial import check_propensity, check_treatment

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

_LARGEST_OUTCOME = 1e30  # LightGBM keeps labels in 32 bits


class Learner(Protocol):
    """Effects of K-1 arms against the control.

    ``X``: table (text columns are categories) or (n, d) array with NaN for missing. ``treatment``: (n,) in 0..K-1 with
    0 the control. ``outcome``: (n,). ``propensity``: (n, K), NaN where the chance of an arm not taken is unknown; None
    estimates it. ``weight``: (n,) at least 0, a row of weight 0 is as good as absent. ``cluster``: (n,) names of groups
    that no cross-fitting may tear apart.
    """

    def fit(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        outcome: ArrayLike,
        propensity: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> Self:
        """Learn; raises ``InputError`` when the trial makes no sense."""

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) effects in outcome units; a higher one means more."""


@dataclass(frozen=True)
class Checked:
    """Inputs of ``fit`` after the checks, without the rows of weight 0: n rows of the ``given`` ones are left.

    ``kept`` (n,) are their positions; ``propensity`` (n, K) or None; ``weight`` (n,) has mean 1.
    """

    encoding: Encoding
    X: Matrix
    treatment: NDArray[np.int64]
    arms: int
    propensity: Matrix | None
    weight: Vector
    cluster: NDArray[np.object_] | None
    kept: Rows
    given: int

    def outcome(self, outcome: ArrayLike, name: str = "outcome") -> Vector:
        """(n,) finite numbers of the kept rows."""
        y = np.asarray(outcome, dtype=float)
        if y.shape != (self.given,):
            raise InputError(name, y.shape, f"({self.given},)")
        y = y[self.kept]
        if not np.isfinite(y).all():
            raise InputError(name, y[~np.isfinite(y)][0].item(), "finite numbers")
        if np.abs(y).max() > _LARGEST_OUTCOME:
            raise InputError(name, float(np.abs(y).max()), f"numbers up to {_LARGEST_OUTCOME:g}; use a larger unit")
        return y


def check(
    X: pd.DataFrame | Matrix,
    treatment: ArrayLike,
    propensity: ArrayLike | None,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    categorical: Sequence[str] = (),
) -> Checked:
    """Refuse what no learner can use: shapes, arms without units, impossible propensities, infinities."""
    table = X if isinstance(X, pd.DataFrame) else as_array(X)
    n = len(table)
    if not n:
        raise InputError("X", table.shape, "at least one row")
    weights = _weights(weight, n)
    kept = np.flatnonzero(weights)
    everything = len(kept) == n
    arms = _vector("treatment", treatment, n)[kept]
    chances = None if propensity is None else _chances(propensity, n)[kept]
    K = _count(arms) if chances is None else chances.shape[1]
    if not np.isin(arms, np.arange(K)).all():
        raise InputError("treatment", arms[~np.isin(arms, np.arange(K))][0], f"whole numbers in 0..{K - 1}")
    codes = arms.astype(np.int64)
    check_treatment(codes, tuple(map(str, range(K))))
    if chances is not None:
        check_propensity(chances, codes)
    groups = None if cluster is None else np.asarray(_vector("cluster", cluster, n)[kept], dtype=object)
    if not everything:
        table = table.iloc[kept] if isinstance(table, pd.DataFrame) else table[kept]
    encoding = _encoding(table, categorical)
    weights = weights[kept]
    return Checked(encoding, encoding.matrix(table), codes, K, chances, weights / weights.mean(), groups, kept, n)


def _encoding(table: pd.DataFrame | Matrix, categorical: Sequence[str]) -> Encoding:
    if isinstance(table, pd.DataFrame):
        return Encoding.learn(table, categorical)
    names = [f"x{i}" for i in range(table.shape[1])]
    return Encoding.learn(pd.DataFrame(table, columns=names, copy=False), categorical)


def _vector(name: str, values: ArrayLike, n: int) -> NDArray[np.generic]:
    vector: NDArray[np.generic] = np.asarray(values)
    if vector.shape != (n,):
        raise InputError(name, vector.shape, f"({n},)")
    return vector


def _weights(weight: ArrayLike | None, n: int) -> Vector:
    if weight is None:
        return np.ones(n)
    weights = np.asarray(_vector("weight", weight, n), dtype=float)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any() or not weights.any():
        raise InputError("weight", float(weights[bad][0]) if bad.any() else 0.0, "finite weights, some above 0")
    return weights


def _chances(propensity: ArrayLike, n: int) -> Matrix:
    chances = np.asarray(propensity, dtype=float)
    if chances.ndim != 2 or len(chances) != n:
        raise InputError("propensity", chances.shape, f"({n}, K)")
    return chances


def _count(arms: NDArray[np.generic]) -> int:
    """K of arms that are numbered from 0."""
    try:
        numbers = arms.astype(float)
    except (TypeError, ValueError) as error:
        raise InputError("treatment", str(arms[0]), "whole numbers from 0, the control") from error
    if not np.isfinite(numbers).all() or not 0 <= numbers.max() < len(arms):
        raise InputError("treatment", numbers[np.argmax(numbers)].item(), "whole numbers from 0, the control")
    return int(numbers.max()) + 1
