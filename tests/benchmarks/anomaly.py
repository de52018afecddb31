"""How well strange rows are found without labels, and how long it takes: ours beside PyOD's detectors as they come.

    python -m tests.benchmarks.anomaly

Peers at PyOD's defaults: Isolation Forest, ECOD, COPOD, HBOS, each fitted on all rows of a data set and judged on them.
Data: every ``*.npz`` (arrays X, y) of the ADBench folder beside the project (``FAIRDEAL_DATA``), left out where there
is none; and drawn rows with five kinds of anomaly (global, local, clustered, broken dependency, one-sided tails), on
which ours was chosen. ``*_ap`` is average precision, the mean over seeds where chance plays a part; ``_low`` and
``_high`` are its 95 % interval by resampling rows (the mean of the seeds' ends); ``_least``, ``_most`` are over seeds.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from models.abuse.anomaly import AnomalyDetector
from models.abuse.metrics import average_precision, bootstrap

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("isolation_forest", "ecod", "copod", "hbos")
RANDOM = ("ours", "isolation_forest")
KINDS = ("global", "local", "cluster", "dependency", "tail")
SEEDS, DRAWN = 5, 6
LARGE = (1_000_000, 50)
Floats = np.ndarray


def run(seeds: int = SEEDS, drawn: int = DRAWN, large: tuple[int, int] = LARGE) -> dict[str, float]:
    """Flat figures: average precision by data set and detector, ratios of seconds, and seconds of a large table."""
    figures: dict[str, float] = {}
    for name, X, y in _sets():
        figures |= _judged(name, X, y, seeds)
    figures |= _means("adbench", figures, [name for name, _, _ in _sets()])
    for kind in KINDS:
        parts = [_once(*_drawn(kind, 100 + seed), seed) for seed in range(drawn)]
        figures |= {f"drawn_{kind}_{who}_ap": float(np.mean([part[who] for part in parts])) for who in parts[0]}
    figures |= _means("drawn", figures, [f"drawn_{kind}" for kind in KINDS])
    return figures | _seconds(*large)


def _sets() -> list[tuple[str, Floats, Floats]]:
    folder = Path(os.environ.get("FAIRDEAL_DATA", ROOT.parent / "shared" / "data")) / "adbench"
    if not folder.is_dir():
        sys.stderr.write(f"no ADBench data at {folder}: set FAIRDEAL_DATA; drawn rows only\n")
    files = sorted(folder.glob("*.npz"))
    return [(file.stem.split("_", 1)[1].lower(), *(np.load(file)[part] for part in ("X", "y"))) for file in files]


def _judged(name: str, X: Floats, y: Floats, seeds: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for who in ("ours", *PEERS):
        scores = [_detectors(seed)[who](X) for seed in range(seeds if who in RANDOM else 1)]
        values = [average_precision(y, score) for score in scores]
        ends = np.mean([bootstrap(y, score, average_precision, seed=1) for score in scores], axis=0)
        figures |= {
            f"{name}_{who}_ap": float(np.mean(values)),
            f"{name}_{who}_ap_low": float(ends[0]),
            f"{name}_{who}_ap_high": float(ends[1]),
        }
        if who in RANDOM:
            figures |= {f"{name}_{who}_ap_least": min(values), f"{name}_{who}_ap_most": max(values)}
    return figures


def _once(X: Floats, y: Floats, seed: int) -> dict[str, float]:
    return {who: average_precision(y, score(X)) for who, score in _detectors(seed).items()}


def _means(over: str, figures: dict[str, float], names: list[str]) -> dict[str, float]:
    if not names:
        return {}
    means = {who: float(np.mean([figures[f"{name}_{who}_ap"] for name in names])) for who in ("ours", *PEERS)}
    best = max(means[who] for who in PEERS)
    return {f"{over}_mean_{who}_ap": value for who, value in means.items()} | {
        f"{over}_mean_ours_over_best_peer": means["ours"] / best
    }


def _detectors(seed: int) -> dict[str, Callable[[Floats], Floats]]:
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.iforest import IForest

    def peer(model: Any) -> Callable[[Floats], Floats]:
        def score(X: Floats) -> Floats:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.asarray(model.fit(X).decision_scores_, float)

        return score

    return {
        "ours": lambda X: AnomalyDetector(seed).fit(X).score(X),
        "isolation_forest": peer(IForest(random_state=seed)),
        "ecod": peer(ECOD()),
        "copod": peer(COPOD()),
        "hbos": peer(HBOS()),
    }


def _drawn(kind: str, seed: int, n: int = 3000, d: int = 8, rate: float = 0.04) -> tuple[Floats, Floats]:
    """Rows of a few skewed, correlated clusters, some columns counts or rounded, and anomalies of one kind."""
    rng = np.random.default_rng(seed)
    clusters = int(rng.integers(1, 4))
    middle, mix = rng.normal(0, 2.0, (clusters, d)), rng.normal(size=(clusters, d, d)) * 0.6
    of = rng.choice(clusters, n, p=rng.dirichlet(np.full(clusters, 4.0)))
    spread = np.where((kind == "local") & (np.arange(n) < rate * n), 2.2, 1.0)[:, None]
    Z = middle[of] + np.einsum("ij,ikj->ik", rng.normal(size=(n, d)), mix[of]) * spread
    y = (np.arange(n) < rate * n).astype(float)
    bad, good = y > 0, Z[y == 0]
    size, mean, deviation = int(y.sum()), good.mean(axis=0), good.std(axis=0)
    if kind == "global":
        low, high = good.min(axis=0), good.max(axis=0)
        Z[bad] = rng.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low), (size, d))
    elif kind == "cluster":
        at = mean + rng.choice([-1, 1], d) * deviation * rng.uniform(0.8, 2.4, d)
        Z[bad] = at + rng.normal(size=(size, d)) * deviation * 0.25
    elif kind == "dependency":
        Z[bad] = np.column_stack([rng.choice(column, size) for column in good.T])
    elif kind == "tail":
        for column in rng.choice(d, max(2, d // 3), replace=False):
            side = rng.choice([-1, 1], p=[0.2, 0.8])
            Z[bad, column] = mean[column] + side * deviation[column] * rng.uniform(1.0, 3.5, size)
    return _bent(Z, rng), y


def _bent(Z: Floats, rng: np.random.Generator) -> Floats:
    X = Z.copy()
    for j, form in enumerate(rng.integers(4, size=Z.shape[1])):
        grown = np.exp(np.clip(Z[:, j] / Z[:, j].std(), -8, 8))
        X[:, j] = (Z[:, j], grown, np.floor(grown), np.round(Z[:, j], 1))[form]
    return X


def _seconds(rows: int, columns: int) -> dict[str, float]:
    """Ours on a large table, and ratios against the peers on a twentieth of it, taking turns."""
    X = np.random.default_rng(0).normal(size=(rows, columns))
    started = time.process_time()
    fitted = AnomalyDetector().fit(X)
    middle = time.process_time()
    fitted.score(X)
    ended = time.process_time()
    small = X[: rows // 20]
    spent: dict[str, list[float]] = {}
    for _ in range(3):
        for who, score in _detectors(0).items():
            begun = time.process_time()
            score(small)
            spent.setdefault(who, []).append(time.process_time() - begun)
    took = {who: float(np.median(values)) for who, values in spent.items()}
    return {
        "large_rows": float(rows),
        "large_columns": float(columns),
        "large_fit_seconds": middle - started,
        "large_score_seconds": ended - middle,
        **{f"seconds_over_{who}": took["ours"] / took[who] for who in PEERS},
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
