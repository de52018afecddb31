"""A trial ready to learn from: checked, binned and split into folds once, for any number of outcomes and learners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.uplift.boosting import Bins
from models.uplift.crossfit import CrossFit
from models.uplift.encoding import Encoding
from models.uplift.learner import Checked, check
from models.uplift.propensity import estimate

if TYPE_CHECKING:
    from models.uplift.contrast import Contrast

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]
_MANY_ROWS = 50_000  # from here on a model of half the rows is as good, and costs half of four of three quarters
Source = Literal["known", "taken", "estimated"]


class Prepared:
    """n units (those of weight 0 are gone) of K arms; what is asked for first is computed then, and once.

    ``folds``: of the cross-fitting; None takes 4, or 2 where rows are many. ``categorical``: names of number columns
    that hold codes of categories; text columns always are categories.
    """

    def __init__(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        propensity: ArrayLike | None = None,
        folds: int | None = None,
        seed: int = 0,
        threads: int = 1,
        cluster: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        categorical: Sequence[str] = (),
    ) -> None:
        self.inputs: Checked = check(X, treatment, propensity, weight, cluster, categorical)
        self.folds = folds if folds is not None else (4 if len(self.inputs.kept) < _MANY_ROWS else 2)
        self.seed, self.threads = seed, threads

    @property
    def arms(self) -> int:
        """K, the control included."""
        return self.inputs.arms

    @property
    def treatment(self) -> NDArray[np.int64]:
        """(n,) in 0..K-1."""
        return self.inputs.treatment

    @property
    def weight(self) -> Vector:
        """(n,) sample weights with mean 1."""
        return self.inputs.weight

    @property
    def source(self) -> Source:
        """Where the propensities come from: known for every arm, for the taken one only, or estimated."""
        if self.inputs.propensity is None:
            return "estimated"
        return "known" if np.isfinite(self.inputs.propensity).all() else "taken"

    @cached_property
    def bins(self) -> Bins:
        """The features, binned."""
        return Bins(self.inputs.X, self.inputs.encoding.categorical, self.threads)

    @cached_property
    def crossfit(self) -> CrossFit:
        """The folds that everything out of sample shares."""
        return CrossFit.split(self.treatment, self.folds, self.seed, self.inputs.cluster)

    @cached_property
    def sets(self) -> list[tuple[Any, Any]]:
        """Per fold, binned: the rows to train on, the rows held out."""
        return [(self.bins.take(train), self.bins.take(held_out)) for train, held_out in self.crossfit.rounds()]

    @cached_property
    def propensity(self) -> Matrix:
        """(n, K), NaN where unknown."""
        return self.all_chances if self.inputs.propensity is None else self.inputs.propensity

    @cached_property
    def all_chances(self) -> Matrix:
        """(n, K) without gaps: estimated unless every one is known."""
        if self.inputs.propensity is not None and self.source == "known":
            return self.inputs.propensity
        return estimate(self.bins, self.treatment, self.arms, self.crossfit, self.sets, self.weight, self.seed)

    @cached_property
    def taken(self) -> Vector:
        """(n,) chance of the arm that each unit got."""
        chances: Vector = self.propensity[np.arange(len(self.treatment)), self.treatment]
        return chances

    @cached_property
    def pairs(self) -> list[Contrast]:
        """Every arm beside the control."""
        from models.uplift.contrast import Contrast

        return [Contrast.pair(self, arm) for arm in range(1, self.arms)]

    @cached_property
    def alone(self) -> list[Contrast]:
        """Every arm by itself, for outcomes that the control cannot have."""
        from models.uplift.contrast import Contrast

        return [Contrast.single(self, arm) for arm in range(1, self.arms)]


class PreparedLearner(ABC):
    """A learner whose work starts from a ``Prepared``; several outcomes of a trial can share one.

    After ``fit``: ``encoding_``, ``crossfit_`` (the folds of whatever was cross-fitted) and ``propensity_source_``.
    """

    folds: int | None = None
    seed: int = 0
    threads: int = 1
    encoding_: Encoding
    propensity_source_: Source

    def fit(
        self,
        X: pd.DataFrame | Matrix,
        treatment: ArrayLike,
        outcome: ArrayLike,
        propensity: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> Self:
        """Learn from n units; see ``models.uplift.learner.Learner`` for shapes. Clusters are never split over folds."""
        prepared = Prepared(X, treatment, propensity, self.folds, self.seed, self.threads, cluster, weight)
        return self.fit_prepared(prepared, outcome)

    def fit_prepared(self, prepared: Prepared, outcome: ArrayLike) -> Self:
        """Learn one outcome of a trial that is prepared for several; folds and bins are those of the preparation."""
        y = prepared.inputs.outcome(outcome)
        self.encoding_ = prepared.inputs.encoding
        self.propensity_source_ = prepared.source
        self._learn(prepared, y)
        return self

    def effect(self, X: pd.DataFrame | Matrix) -> Matrix:
        """(n, K-1) expected change of the outcome by each arm."""
        return self.effect_of_matrix(self.encoding_.matrix(X))

    @abstractmethod
    def effect_of_matrix(self, X: Matrix) -> Matrix:
        """The same for rows that are encoded already, (n, d)."""

    @abstractmethod
    def _learn(self, prepared: Prepared, y: Vector) -> None:
        """Fit to the kept rows' outcomes (n,)."""
