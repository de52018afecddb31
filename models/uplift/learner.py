"""What every uplift learner does, and the inputs all of them check alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.uplift.encoding import Encoding
from models.uplift.trial import check_propensity, check_treatment

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class Learner(Protocol):
    """Effects of K-1 arms against the control.

    ``X``: table (text columns are categories) or (n, d) array with NaN for missing. ``treatment``: (n,) in 0..K-1 with
    0 the control. ``outcome``: (n,). ``propensity``: (n, K), NaN where the chance of an arm not taken is unknown.
    """

    def fit(self, X: pd.DataFrame | Matrix, treatment: ArrayLike, outcome: ArrayLike, propensity: ArrayLike) -> Self:
        """Learn; raises ``InputError`` when the trial makes no sense."""

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) effects in outcome units; a higher one means more."""


@dataclass(frozen=True)
class Checked:
    """Inputs of ``fit`` after the checks: features as a matrix with their encoding."""

    encoding: Encoding
    X: Matrix
    treatment: NDArray[np.int64]
    propensity: Matrix

    @property
    def arms(self) -> int:
        """K, the control included."""
        return self.propensity.shape[1]


def check(X: pd.DataFrame | Matrix, treatment: ArrayLike, propensity: ArrayLike) -> Checked:
    """Refuse what no learner can use: shapes, arms without units, impossible propensities, infinities."""
    frame = as_frame(X)
    arms, chances = np.asarray(treatment), np.asarray(propensity, dtype=float)
    if not len(frame):
        raise InputError("X", frame.shape, "at least one row")
    if arms.shape != (len(frame),) or chances.ndim != 2 or len(chances) != len(frame):
        raise InputError("treatment, propensity", (arms.shape, chances.shape), f"({len(frame)},) and ({len(frame)}, K)")
    K = chances.shape[1]
    if not np.isin(arms, np.arange(K)).all():
        raise InputError("treatment", arms[~np.isin(arms, np.arange(K))][0], f"whole numbers in 0..{K - 1}")
    codes = arms.astype(np.int64)
    check_treatment(codes, tuple(map(str, range(K))))
    check_propensity(chances, codes)
    encoding = Encoding.learn(frame)
    return Checked(encoding, encoding.matrix(frame), codes, chances)


def check_outcome(outcome: ArrayLike, n: int, name: str = "outcome") -> Vector:
    """(n,) finite numbers."""
    y = np.asarray(outcome, dtype=float)
    if y.shape != (n,):
        raise InputError(name, y.shape, f"({n},)")
    if not np.isfinite(y).all():
        raise InputError(name, y[~np.isfinite(y)][0].item(), "finite numbers")
    return y


def as_frame(X: pd.DataFrame | Matrix) -> pd.DataFrame:
    """An array becomes a table with columns x0, x1, ..."""
    if isinstance(X, pd.DataFrame):
        return X
    array = np.asarray(X, dtype=float)
    if array.ndim != 2:
        raise InputError("X", array.shape, "a table or an array (n, d)")
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
