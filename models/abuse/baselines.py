"""What a detector must beat: rules that people use, unsupervised detectors and a model that sees no links.

Each takes rows in time order and gives one score per row, higher meaning more suspicious. Missing and infinite values
count as the median of the training rows; no rows give no scores.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def at_least(counts: pd.Series, least: float) -> Floats:
    """A rule: 1 where a past count of other accounts reaches ``least``, else 0."""
    return (counts.to_numpy(np.float64) >= least).astype(np.float64)


def isolation_forest(train: pd.DataFrame, rows: pd.DataFrame, seed: int = 0) -> Floats:
    """Isolation Forest (PyOD) fitted on ``train`` (n, d), scoring ``rows`` (m, d)."""
    from pyod.models.iforest import IForest

    if rows.empty:
        return np.zeros(0)
    fitted, asked = _filled(train, rows)
    return np.asarray(IForest(random_state=seed, n_jobs=1).fit(fitted).decision_function(asked), np.float64)


def ecod(train: pd.DataFrame, rows: pd.DataFrame) -> Floats:
    """ECOD (Li et al. 2022, PyOD) fitted on ``train``, scoring ``rows``.

    PyOD ranks the asked rows together with the training rows, so a score depends on what else is asked.
    """
    from pyod.models.ecod import ECOD

    if rows.empty:
        return np.zeros(0)
    fitted, asked = _filled(train, rows)
    return np.asarray(ECOD(n_jobs=1).fit(fitted).decision_function(asked), np.float64)


def _filled(train: pd.DataFrame, rows: pd.DataFrame) -> tuple[Floats, Floats]:
    train, rows = (part.replace([np.inf, -np.inf], np.nan) for part in (train, rows))
    usual = train.median().fillna(0.0)
    return train.fillna(usual).to_numpy(np.float64), rows.fillna(usual).to_numpy(np.float64)
