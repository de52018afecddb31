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

    Nobody is near in a frame: what live traffic alone knows (who else claims this minute) is missing, and the service
    answers a question that does not bring it in the same way. The number is not low for that: the model has also learnt
    from accounts at midnight, by what the full detector had said of them until then (``pipelines.online_asks``).
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
