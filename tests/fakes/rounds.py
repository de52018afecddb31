"""A registry with a small uplift model, for flows that price rounds."""

from __future__ import annotations

import lightgbm
import numpy as np

from models.registry import Artefact, Registry
from serving.settings import Settings

FEATURES = ("recency", "frequency", "money")
ARMS = ("none", "small", "large")


def effects_artefact() -> Artefact:
    """Value and cost of two offers from three features."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3))
    noise = rng.normal(0, 20, (800, 4))
    boosters = {
        "value:small": _booster(X, 150 + 200 * X[:, 0] + noise[:, 0]),
        "value:large": _booster(X, 250 + 300 * X[:, 1] + noise[:, 1]),
        "cost:small": _booster(X, 80 + 20 * X[:, 2] + noise[:, 2]),
        "cost:large": _booster(X, 200 + 50 * X[:, 2] + noise[:, 3]),
    }
    return Artefact("uplift", {"features": list(FEATURES), "arms": list(ARMS)}, boosters)


def registry_with_effects(settings: Settings) -> Registry:
    """The installation's registry with that model as its champion."""
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    registry.promote("uplift", registry.log("uplift", effects_artefact(), {}, {}))
    return registry


def _booster(X: np.ndarray, y: np.ndarray) -> str:
    shape = {"verbosity": -1, "num_threads": 1, "num_leaves": 6, "min_data_in_leaf": 20, "seed": 0}
    return str(lightgbm.train(shape, lightgbm.Dataset(X, y), num_boost_round=8).model_to_string())
