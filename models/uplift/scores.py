"""Doubly robust scores: per unit and arm a number whose mean is the arm's expected outcome, whoever got the arm.

    psi_k = yk(x) + 1[T = k] (y - yk(x)) / P(k | x)

where yk is a prediction of the outcome under arm k by a model that has not seen the unit's own outcome. Means of psi
over any set of units chosen from features alone are unbiased when the propensities are right, and stay consistent
when only the predictions are. Only the chance of the arm that was taken enters.

Source: Robins, Rotnitzky & Zhao, "Estimation of regression coefficients when some regressors are not always
observed", JASA 89 (1994), there augmented inverse probability weighting (AIPW).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.uplift.trial import check_propensity

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def dr_scores(outcome: ArrayLike, treatment: ArrayLike, propensity: ArrayLike, expected: ArrayLike) -> Matrix:
    """Scores (n, K) in outcome units.

    Args:
        outcome: (n,) finite.
        treatment: (n,) arm of each unit, 0..K-1.
        propensity: (n, K), or (n,) for the arms taken; entries of arms that were not taken may be NaN.
        expected: (n, K) out-of-fold predictions of the outcome under each arm.
    """
    model = np.asarray(expected, dtype=float)
    if model.ndim != 2 or not np.isfinite(model).all():
        raise InputError("expected", model.shape, "finite predictions (n, K), one per arm")
    n, K = model.shape
    y, arms = check_scores(outcome, "outcome"), _arms(treatment, n, K)
    if y.shape != (n,):
        raise InputError("outcome", y.shape, f"({n},)")
    rows = np.arange(n)
    result: Matrix = model.copy()
    result[rows, arms] += (y - model[rows, arms]) / _taken(propensity, arms, n, K)
    return result


def effect_scores(scores: ArrayLike) -> Matrix:
    """Scores of the effects against the control, psi_k - psi_0, (n, K-1)."""
    psi = np.asarray(scores, dtype=float)
    if psi.ndim != 2 or psi.shape[1] < 2:
        raise InputError("scores", psi.shape, "scores (n, K) of at least two arms")
    return psi[:, 1:] - psi[:, :1]


def check_scores(scores: ArrayLike, name: str = "scores") -> Vector:
    """(n,) finite numbers of at least one unit."""
    psi = np.asarray(scores, dtype=float)
    if psi.ndim != 1 or not len(psi):
        raise InputError(name, psi.shape, "one number per unit, at least one unit")
    if not np.isfinite(psi).all():
        raise InputError(name, psi[~np.isfinite(psi)][0].item(), "finite numbers")
    return psi


def check_ranked(effect: ArrayLike, scores: ArrayLike) -> tuple[Vector, Vector]:
    """Predicted effects and scores, both (n,) and finite."""
    predicted, psi = check_scores(effect, "effect"), check_scores(scores)
    if predicted.shape != psi.shape:
        raise InputError("effect", predicted.shape, f"one predicted effect per score, {psi.shape}")
    return predicted, psi


def _arms(treatment: ArrayLike, n: int, K: int) -> NDArray[np.int64]:
    arms = np.asarray(treatment)
    if arms.shape != (n,):
        raise InputError("treatment", arms.shape, f"({n},)")
    if not np.isin(arms, np.arange(K)).all():
        raise InputError("treatment", arms[~np.isin(arms, np.arange(K))][0], f"whole numbers in 0..{K - 1}")
    return arms.astype(np.int64)


def _taken(propensity: ArrayLike, arms: NDArray[np.int64], n: int, K: int) -> Vector:
    chances = np.asarray(propensity, dtype=float)
    if chances.shape == (n,):
        known = np.full((n, K), np.nan)
        known[np.arange(n), arms] = chances
        chances = known
    if chances.shape != (n, K):
        raise InputError("propensity", chances.shape, f"({n}, {K}), or ({n},) for the arms taken")
    check_propensity(chances, arms)
    taken: Vector = chances[np.arange(n), arms]
    return taken
