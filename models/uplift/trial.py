"""A randomised experiment as one value: who got which arm, with what probability, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """n units, K arms with the control first.

    ``X``: features, (n, d) table. ``treatment``: arm of each unit, (n,) in 0..K-1. ``propensity``: (n, K), probability
    of each arm; entries of arms that were not taken may be NaN (unknown), the taken one is always in (0, 1].
    ``value`` and ``cost``: (n,), what the unit brought and what the arm cost, in the spec's units. ``outcomes``:
    further outcome columns by name. ``time``, ``cluster``: (n,) or None. ``unit``: (n,) ids of the units, or None when
    the data name none; ``missing``: (K,) further rows of each arm that are left out because an outcome is missing.
    """

    X: pd.DataFrame
    treatment: NDArray[np.int64]
    arms: tuple[str, ...]
    propensity: Vector
    value: Vector
    cost: Vector
    outcomes: Mapping[str, Vector]
    value_name: str = "value"
    time: NDArray[np.datetime64] | None = None
    cluster: NDArray[np.object_] | None = None
    empirical: bool = False
    unit: NDArray[np.object_] | None = None
    missing: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.treatment)

    @property
    def taken(self) -> Vector:
        """Probability of the arm that each unit got, (n,)."""
        result: Vector = self.propensity[np.arange(len(self)), self.treatment]
        return result

    @property
    def net(self) -> Vector:
        """Value minus cost, (n,)."""
        return self.value - self.cost

    def rows(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Trial:
        """The same trial with some of its units."""
        return replace(
            self,
            X=self.X.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows].reset_index(drop=True),
            treatment=self.treatment[rows],
            propensity=self.propensity[rows],
            value=self.value[rows],
            cost=self.cost[rows],
            outcomes={name: values[rows] for name, values in self.outcomes.items()},
            time=None if self.time is None else self.time[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
            unit=None if self.unit is None else self.unit[rows],
        )

    def against_control(self, arm: int) -> Trial:
        """The two-arm trial of one arm and the control, with the propensities given that it was one of the two."""
        pair = self.rows((self.treatment == 0) | (self.treatment == arm))
        chances = pair.propensity[:, [0, arm]]
        known = chances / chances.sum(axis=1, keepdims=True)
        return replace(
            pair,
            treatment=(pair.treatment == arm).astype(np.int64),
            arms=(self.arms[0], self.arms[arm]),
            propensity=known,
            missing=None if self.missing is None else self.missing[[0, arm]],
        )


def check_treatment(treatment: NDArray[np.int64], arms: tuple[str, ...], smallest: int = 2) -> None:
    """Every arm must occur; a trial of one arm compares nothing."""
    if len(arms) < 2:
        raise InputError("arm", list(arms), "at least two arms, one of them the control")
    counts = np.bincount(treatment, minlength=len(arms))
    for arm, count in zip(arms, counts, strict=True):
        if count < smallest:
            raise InputError("arm", arm, f"an arm with at least {smallest} units in the data, found {count}")


def check_propensity(propensity: Vector, treatment: NDArray[np.int64]) -> None:
    """Taken arms need a probability in (0, 1]; rows that are known for all arms must sum to 1."""
    taken = propensity[np.arange(len(treatment)), treatment]
    bad = ~((taken > 0) & (taken <= 1))
    if bad.any():
        raise InputError("propensity", float(taken[bad][0]), "a probability in (0, 1] for the arm that was taken")
    sums = propensity.sum(axis=1)
    off = np.isfinite(sums) & (np.abs(sums - 1) > 1e-6)
    if off.any():
        raise InputError("propensity", float(sums[off][0]), "propensities of the arms that sum to 1")
