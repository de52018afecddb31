"""How likely each user is an abuser, by the model that answers online: the number that discounts expected profit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.registry import Loaded
from serving.scoring.champions import ABUSE
from serving.scoring.risk import calibrated


def abuse_probability(abuse: Loaded | None, frame: pd.DataFrame) -> NDArray[np.float64] | None:
    """Probability (n,) per row of a frame with features, NaN where no feature is known; None without a model.

    Features that only live traffic has (counts of the last hour) are missing in a frame, and the service answers a
    question that does not bring them in the same way.
    """
    if abuse is None:
        return None
    X = frame.reindex(columns=list(abuse.artefact.features)).to_numpy(dtype=np.float64, na_value=np.nan)
    raw = abuse.artefact.predict(X)[ABUSE]
    seen = ~np.isnan(X).all(axis=1)
    # One by one, through the service's own lines: the same score must become the same number.
    return np.array(
        [
            calibrated(abuse.artefact.spec, float(score)) if there else np.nan
            for score, there in zip(raw, seen, strict=True)
        ]
    )
