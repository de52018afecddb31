"""LightGBM over one binned copy of the features, shared by every nuisance, fold, arm and outcome.

Binning is done once; a fit takes the rows it needs from the binned copy, so a hundred small fits cost no more memory
than one. Labels are float32 inside LightGBM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

_BINS = {"max_bin": 63, "verbosity": -1, "feature_pre_filter": False, "min_data_in_bin": 3}
_MOST_ROWS_A_LEAF, _FEWEST_ROWS_A_LEAF = 1000, 20


@dataclass(frozen=True)
class Trees:
    """Size of an ensemble. One leaf is the constant; two leaves make a function that is additive in the features.

    ``share_a_leaf``: a leaf needs at least this share of the rows, within [20, 1000] rows. Effects are faint beside
    the outcome's noise: at a library's 300 rounds of 31 leaves an effect model is worse than the average effect.
    """

    leaves: int = 8
    rounds: int = 60
    learning_rate: float = 0.1
    share_a_leaf: float = 0.01

    def parameters(self, n: int, seed: int, threads: int) -> dict[str, object]:
        """LightGBM's names for it, for n training rows."""
        rows_a_leaf = int(min(_MOST_ROWS_A_LEAF, max(_FEWEST_ROWS_A_LEAF, n * self.share_a_leaf)))
        return {
            "objective": "regression",
            "num_leaves": max(2, self.leaves),
            "learning_rate": self.learning_rate if self.leaves > 1 else 1.0,
            "min_data_in_leaf": rows_a_leaf if self.leaves > 1 else n + 1,
            "verbosity": -1,
            "num_threads": threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
        }


CONSTANT = Trees(leaves=1, rounds=1)


class Bins:
    """The features of n units, binned once.

    ``X`` (n, d) float64 with NaN for missing; ``categorical``: positions of columns that hold codes.
    """

    def __init__(self, X: Matrix, categorical: Sequence[int] = (), threads: int = 1) -> None:
        import lightgbm

        self.X = X
        self.threads = threads
        parameters = {**_BINS, "num_threads": threads}
        self._data: Any = lightgbm.Dataset(
            X, np.zeros(len(X)), categorical_feature=list(categorical), params=parameters, free_raw_data=False
        ).construct()

    def take(self, rows: Rows) -> Any:
        """The binned rows as a data set of their own, to be grown on with several labels."""
        return self._data.subset(np.sort(rows)).construct()

    def grow(self, rows: Rows, label: Vector, trees: Trees, seed: int = 0, weight: Vector | None = None) -> Any:
        """Fit trees on some rows by squared error; ``label`` and ``weight`` are (n,), over all units."""
        rows = np.sort(rows)
        return self.grow_on(self.take(rows), label[rows], trees, seed, None if weight is None else weight[rows])

    def grow_on(self, taken: Any, label: Vector, trees: Trees, seed: int = 0, weight: Vector | None = None) -> Any:
        """The same on rows taken before; ``label`` and ``weight`` are in the order of the sorted rows."""
        import lightgbm

        taken.set_label(label)
        taken.set_weight(weight)
        return lightgbm.train(trees.parameters(len(label), seed, self.threads), taken, trees.rounds)

    def predict(self, booster: Any, rows: Rows) -> Vector:
        """Scores of some rows, (len(rows),)."""
        scores: Vector = booster.predict(self.X[rows], num_threads=self.threads)
        return scores
