"""LightGBM over one binned copy of the features, shared by every nuisance, fold, arm and outcome.

Binning is done once; a fit takes the rows it needs from the binned copy, so a hundred small fits cost no more memory
than one. Scores of rows that a fit left out come from LightGBM itself while it grows (``watch``): on the bins, after
any number of rounds, bit for bit what predicting the raw rows would give. Labels are float32 inside LightGBM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.registry.merged import merged

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

_BINS = {
    "max_bin": 31,
    "verbosity": -1,
    "feature_pre_filter": False,
    "min_data_in_bin": 3,
    "bin_construct_sample_cnt": 10_000,  # 31 bin edges need no more, and finding them was a tenth of a fit
}
_MOST_ROWS_A_LEAF, _FEWEST_ROWS_A_LEAF = 1000, 20


@dataclass(frozen=True)
class Trees:
    """Size of an ensemble. One leaf is the constant; two leaves make a function that is additive in the features.

    ``rows_a_leaf``: what a leaf needs; None takes ``share_a_leaf`` of the rows, within [20, 1000] rows. Effects are
    faint beside the outcome's noise: at a library's 300 rounds of 31 leaves an effect model is worse than the average
    effect.
    """

    leaves: int = 8
    rounds: int = 60
    learning_rate: float = 0.1
    share_a_leaf: float = 0.01
    rows_a_leaf: int | None = None

    def parameters(self, n: int, seed: int, threads: int) -> dict[str, object]:
        """LightGBM's names for it, for n training rows."""
        rows_a_leaf = self.rows_a_leaf
        if rows_a_leaf is None:
            rows_a_leaf = int(min(_MOST_ROWS_A_LEAF, max(_FEWEST_ROWS_A_LEAF, n * self.share_a_leaf)))
        return {
            "objective": "regression",
            "metric": "none",
            "num_leaves": max(2, self.leaves),
            "learning_rate": self.learning_rate if self.leaves > 1 else 1.0,
            "min_data_in_leaf": rows_a_leaf if self.leaves > 1 else n + 1,
            # With LightGBM's 32, a category of some hundred levels can be cut to fit any noise: faint effects drown.
            "max_cat_threshold": 4,
            "verbosity": -1,
            "num_threads": threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
        }


CONSTANT = Trees(leaves=1, rounds=1)


class Bins:
    """The features of n units, binned once.

    ``X`` (n, d) float64 with NaN for missing, read once and not kept (LightGBM would slice it for every subset);
    ``categorical``: positions of columns that hold codes.
    """

    def __init__(self, X: Matrix, categorical: Sequence[int] = (), threads: int = 1) -> None:
        import lightgbm

        self.threads = threads
        parameters = {**_BINS, "num_threads": threads}
        self._data: Any = lightgbm.Dataset(
            X, np.zeros(len(X)), categorical_feature=list(categorical), params=parameters, free_raw_data=True
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
        taken.set_weight(None if weight is None else weight / weight.mean())
        return lightgbm.train(trees.parameters(len(label), seed, self.threads), taken, trees.rounds)

    def watch(
        self,
        taken: Any,
        label: Vector,
        trees: Trees,
        watched: Any,
        seed: int = 0,
        weight: Vector | None = None,
        after: Sequence[int] = (),
    ) -> tuple[Any, Matrix]:
        """Fit trees and score the m ``watched`` rows (taken before): (rounds in ``after``, m), else after the last."""
        growing = Growing(self, taken, label, trees, watched, seed, weight)
        scores = np.stack([growing.scores(rounds) for rounds in tuple(after) or (trees.rounds,)])
        return growing.booster(), scores


class Growing:
    """A fit that can be looked at, and left, after any number of rounds: it scores the m ``watched`` rows meanwhile.

    The rows it grows on must get no other label before the last round that is asked for.
    """

    def __init__(
        self, bins: Bins, taken: Any, label: Vector, trees: Trees, watched: Any, seed: int, weight: Vector | None
    ) -> None:
        import lightgbm

        taken.set_label(label)
        taken.set_weight(None if weight is None else weight / weight.mean())
        self._booster: Any = lightgbm.Booster(trees.parameters(len(label), seed, bins.threads), taken)
        self._booster.add_valid(watched, "watched")
        self._rounds = 0

    def scores(self, rounds: int) -> Vector:
        """(m,) after that many rounds in all, which may not become fewer; LightGBM is only asked when we are: the
        copy of the scores costs as much as a third of a round."""
        while self._rounds < rounds:
            self._booster.update()
            self._rounds += 1
        found: list[Vector] = []

        def keep(current: Vector, _: Any) -> tuple[str, float, bool]:
            found.append(current.copy())
            return "kept", 0.0, True

        self._booster.eval_valid(feval=keep)
        return found[0]

    def booster(self) -> Any:
        """The model as it is, without the rows it grew on."""
        import lightgbm

        return lightgbm.Booster(model_str=self._booster.model_to_string())


class Together:
    """Boosters that are predicted in one call where LightGBM can give the same bits, else one after the other."""

    def __init__(self, boosters: Sequence[Any], threads: int = 1) -> None:
        import lightgbm

        self._threads = threads
        text = merged([booster.model_to_string() for booster in boosters])
        self._boosters = list(boosters) if text is None else [lightgbm.Booster(model_str=text)]

    def predict(self, X: Matrix) -> Matrix:
        """(n, number of boosters)."""
        return np.column_stack([booster.predict(X, num_threads=self._threads) for booster in self._boosters])
