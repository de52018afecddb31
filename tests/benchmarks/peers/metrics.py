"""The ranking metrics of scikit-uplift and causalml on one trial in several row orders, by the peers' Python.

    python metrics.py DATA.npz OUT.json

DATA: ``score``, ``treatment``, ``outcome`` (n,) and ``orders`` (m, n). OUT: per metric its m values.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd


def values(score: np.ndarray, treatment: np.ndarray, outcome: np.ndarray) -> dict[str, float]:
    from causalml.metrics import auuc_score, qini_score
    from sklift.metrics import qini_auc_score, uplift_at_k, uplift_auc_score, weighted_average_uplift

    rows = pd.DataFrame({"model": score, "y": outcome, "w": treatment})
    return {
        "sklift_qini": qini_auc_score(outcome, score, treatment),
        "sklift_uplift_auc": uplift_auc_score(outcome, score, treatment),
        "sklift_uplift_at_30": uplift_at_k(outcome, score, treatment, strategy="overall", k=0.3),
        "sklift_weighted_average_uplift": weighted_average_uplift(outcome, score, treatment),
        "causalml_auuc": auuc_score(rows)["model"],
        "causalml_qini": qini_score(rows)["model"],
    }


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    with np.load(sys.argv[1]) as data:
        found = [values(*(data[key][order] for key in ("score", "treatment", "outcome"))) for order in data["orders"]]
    Path(sys.argv[2]).write_text(json.dumps({name: [float(each[name]) for each in found] for name in found[0]}))
