"""The effect learners of causalml and EconML on LightGBM, run by the peers' own Python; see ``measured``.

Kinder to the peers than their defaults: the logged propensities are given to all that can use them, categories are
named to LightGBM, and rows come as numpy arrays.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from measured import Contender, Data, main
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

Trees = tuple[int, int, int] | None


class KnownChances(ClassifierMixin, BaseEstimator):
    """A propensity model that reads the logged chances from the last columns; without any, the arms' shares."""

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def fit(self, X: np.ndarray, y: np.ndarray, **_: object) -> KnownChances:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share_ = counts / counts.sum()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return X[:, -self.columns :] if self.columns else np.tile(self.share_, (len(X), 1))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class WithoutChances(RegressorMixin, BaseEstimator):
    """An outcome model that does not see the logged chances, which lie between the d features and the arms."""

    def __init__(self, model: Any, features: int, columns: int) -> None:
        self.model = model
        self.features = features
        self.columns = columns

    def fit(self, X: np.ndarray, y: np.ndarray, **_: object) -> WithoutChances:
        self.model.fit(self._kept(X), y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict(self._kept(X))

    def _kept(self, X: np.ndarray) -> np.ndarray:
        return np.delete(X, np.s_[self.features : self.features + self.columns], axis=1)


def contender(name: str, trees: Trees, data: Data) -> Contender:
    library, kind = name.split("_", 1)
    settings = {
        "n_jobs": 1,
        "verbose": -1,
        "random_state": 0,
        "categorical_feature": [int(column) for column in data["categorical"]],
    }
    if trees is not None:
        settings |= dict(zip(("n_estimators", "num_leaves", "min_child_samples"), trees, strict=True))
    return (_causalml if library == "causalml" else _econml)(kind, settings, data)


def _causalml(kind: str, settings: dict[str, Any], data: Data) -> Contender:
    from causalml.inference.meta import BaseDRRegressor, BaseTRegressor, BaseXRegressor

    learner = {"dr": BaseDRRegressor, "t": BaseTRegressor, "x": BaseXRegressor}[kind](
        learner=LGBMRegressor(**settings), control_name=0
    )
    X, treatment, outcome = data["X"], data["treatment"], data["outcome"]
    known = {} if kind == "t" else {"p": _against_control(data["propensity"])}
    asked = {"p": _against_control(data["test_propensity"])} if kind == "x" else {}
    seeded = {"seed": 0} if kind == "dr" else {}

    def answer(rows: np.ndarray) -> np.ndarray:
        return learner.predict(rows, **{key: {k: p[: len(rows)] for k, p in p.items()} for key, p in asked.items()})

    return Contender(
        fit=lambda: learner.fit(X, treatment, outcome, **known, **seeded),
        effect=lambda: learner.predict(data["test_X"], **asked),
        answer=answer,
    )


def _against_control(propensity: np.ndarray) -> dict[int, np.ndarray]:
    """What causalml expects: the chance of an arm among units that got it or nothing."""
    return {k: propensity[:, k] / (propensity[:, k] + propensity[:, 0]) for k in range(1, propensity.shape[1])}


def _econml(kind: str, settings: dict[str, Any], data: Data) -> Contender:
    from econml.dr import DRLearner
    from econml.metalearners import TLearner, XLearner

    X, treatment, outcome, propensity = data["X"], data["treatment"], data["outcome"], data["propensity"]
    given: dict[str, Any] = {}
    if kind in ("dr", "dr_shares"):
        # The shares of the arms cost neither time nor memory: the fastest EconML can be.
        columns = propensity.shape[1] if kind == "dr" else 0
        outcomes: Any = LGBMRegressor(**settings)
        if columns:
            given = {"W": propensity}
            outcomes = WithoutChances(outcomes, X.shape[1], columns)
        learner = DRLearner(
            model_propensity=KnownChances(columns),
            model_regression=outcomes,
            model_final=LGBMRegressor(**settings),
            allow_missing=True,
            random_state=0,
        )
    elif kind == "t":
        learner = TLearner(models=LGBMRegressor(**settings), allow_missing=True)
    else:
        chances = LGBMClassifier(**settings)
        learner = XLearner(models=LGBMRegressor(**settings), propensity_model=chances, allow_missing=True)
    return Contender(
        fit=lambda: learner.fit(outcome, treatment, X=X, **given),
        effect=lambda: learner.const_marginal_effect(data["test_X"]).reshape(len(data["test_X"]), -1),
        answer=learner.const_marginal_effect,
    )


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # the libraries' own, about feature names and deprecations
    main(contender)
