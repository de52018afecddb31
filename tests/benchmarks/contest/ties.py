"""Whether a metric of a ranking depends on the order of tied rows: ours beside scikit-uplift's and causalml's."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.contest import jobs

from models.uplift import metrics

OWN = {
    "sklift_qini": metrics.sklift_qini,
    "sklift_uplift_auc": metrics.sklift_uplift_auc,
    "sklift_uplift_at_30": metrics.uplift_at_k_overall,
    "sklift_weighted_average_uplift": metrics.weighted_average_uplift_overall,
    "causalml_auuc": metrics.causalml_auuc,
    "causalml_qini": metrics.causalml_qini,
}
ROWS, DISTINCT, ORDERS = 4000, 12, 20


def run(seed: int, peers: bool = True) -> dict[str, float]:
    """The largest change of every metric when tied rows are shuffled, and our distance to the peers without ties."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=ROWS)
    treatment = rng.integers(0, 2, ROWS)
    outcome = (rng.random(ROWS) < 0.2 + 0.05 * treatment * (score > 0)).astype(float)
    tied = np.round(score * DISTINCT / 6)
    orders = np.array([np.arange(ROWS), *(rng.permutation(ROWS) for _ in range(ORDERS - 1))])

    figures = {"ties_most_change_own": max(_change(_own(tied, treatment, outcome, orders)).values())}
    if peers:
        for name, change in _change(_peers(tied, treatment, outcome, orders)).items():
            figures[f"ties_most_change_{name}"] = change
        ours, theirs = (of(score, treatment, outcome, orders[:1]) for of in (_own, _peers))
        figures["no_ties_most_difference_to_peers"] = max(abs(ours[name][0] - theirs[name][0]) for name in OWN)
    return figures


def _change(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: max(of) - min(of) for name, of in values.items()}


def _own(score: np.ndarray, treatment: np.ndarray, outcome: np.ndarray, orders: np.ndarray) -> dict[str, list[float]]:
    return {
        name: [float(metric(score[order], treatment[order], outcome[order])) for order in orders]
        for name, metric in OWN.items()
    }


def _peers(score: np.ndarray, treatment: np.ndarray, outcome: np.ndarray, orders: np.ndarray) -> dict[str, list[float]]:
    with TemporaryDirectory() as folder:
        data, answered = Path(folder) / "data.npz", Path(folder) / "out.json"
        np.savez(data, score=score, treatment=treatment, outcome=outcome, orders=orders)
        jobs.call(jobs.peers_python(), jobs.PEERS / "metrics.py", data, answered)
        values: dict[str, list[float]] = json.loads(answered.read_text())
    return values
