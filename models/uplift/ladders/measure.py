"""What a trial says along a ladder: the average effect at every rung, of everybody or of a segment, and its error.

Doubly robust scores give the averages and their standard errors, and the precision by which rungs that fall are
pooled. An outcome whose measured average falls from one rung to a richer one by more than chance explains (one-sided,
1 % over all pairs of rungs) contradicts the rule of ``models.registry.ladder``, and the ladder keeps nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.policy.intervals import codes, standard_error
from models.registry.ladder import COST, REDEEM, VALUE, Ladder, Rungs
from models.registry.response import Response, response_of
from models.uplift.bundle import REDEEMED
from models.uplift.nuisance import out_of_fold
from models.uplift.prepared import Prepared
from models.uplift.scores import dr_scores
from models.uplift.trial import Trial

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Bools = NDArray[np.bool_]

FALSE_ALARM = 0.01


@dataclass(frozen=True)
class Measured:
    """Scores of one outcome: ``effect`` (n, K-1) with the effect as its mean, ``own`` (n, K-1) the error of each arm's
    own units around what was expected of them."""

    effect: Matrix
    own: Matrix


@dataclass(frozen=True)
class Measurement:
    """Scores of a trial's outcomes (``value``, ``cost`` and, where it was recorded, ``redeem``)."""

    arms: tuple[str, ...]
    outcomes: Mapping[str, Measured]
    cluster: NDArray[np.intp] | None

    def at(self, ladder: Ladder, outcome: str, rows: Bools | None = None) -> tuple[Vector, Vector]:
        """Average effect and standard error (m,) at the rungs, over all units or some (n,)."""
        effect = self._rungs(self.outcomes[outcome].effect, ladder)
        return self._mean(effect, rows)

    def profit_at(self, ladder: Ladder) -> tuple[Vector, Vector]:
        """Average of value less cost and its standard error (m,) at the rungs; it may rise or fall."""
        return self._mean(self._rungs(self.outcomes[VALUE].effect - self.outcomes[COST].effect, ladder))

    def rungs(self, ladder: Ladder, outcome: str) -> Rungs | None:
        """What the ladder keeps of an outcome; None when it falls by more than chance."""
        scores = self.outcomes[outcome]
        effect, own = self._rungs(scores.effect, ladder), self._rungs(scores.own, ladder)
        low, high = np.triu_indices(effect.shape[1], 1)
        rise, error = self._mean(effect[:, high] - effect[:, low])
        if (rise < -NormalDist().inv_cdf(1 - FALSE_ALARM / len(rise)) * error).any():
            return None
        variance = self._mean(own)[1] ** 2
        largest = float(variance.max())
        # A rung whose outcome never varied is known exactly; a weight must stay finite.
        weight = 1 / np.maximum(variance, 1e-9 * largest) if largest > 0 else np.ones(len(variance))
        average, error = self._mean(effect)
        return Rungs(numbers(weight / weight.mean()), numbers(average), numbers(error))

    def _rungs(self, scores: Matrix, ladder: Ladder) -> Matrix:
        for arm in ladder.arms:
            if arm not in self.arms[1:]:
                raise InputError(f"ladder {ladder.name} arms", arm, f"arms of the trial: {', '.join(self.arms[1:])}")
        return scores[:, [self.arms.index(arm) - 1 for arm in ladder.arms]]

    def _mean(self, scores: Matrix, rows: Bools | None = None) -> tuple[Vector, Vector]:
        cluster = self.cluster
        if rows is not None:
            scores = scores[rows]
            cluster = None if cluster is None else np.unique(cluster[rows], return_inverse=True)[1]
        if len(scores) < 2:
            raise InputError("segment", len(scores), "at least two units")
        mean = scores.mean(axis=0)
        return mean, np.array([standard_error(column, cluster) for column in (scores - mean).T])


def measure(trial: Trial, seed: int = 0, threads: int = 1) -> Measurement:
    """Doubly robust scores of a trial, with expectations that are out of fold."""
    prepared = Prepared(trial.X, trial.treatment, trial.propensity, seed=seed, threads=threads, cluster=trial.cluster)
    recorded = {VALUE: trial.value, COST: trial.cost}
    if REDEEMED in trial.outcomes:
        recorded[REDEEM] = trial.outcomes[REDEEMED]
    outcomes = {name: _measured(prepared, trial, y) for name, y in recorded.items()}
    return Measurement(trial.arms, outcomes, codes(trial.cluster, len(trial)))


def segment_response(
    ladder: Ladder,
    found: Measurement,
    outcome: str,
    rows: Bools | None = None,
    faces: Iterable[int] | None = None,
    level: float = 0.95,
) -> tuple[Response, ...]:
    """Average effects of a segment (``rows`` (n,), by default everybody) at tried faces and in between."""
    if outcome not in ladder.outcomes:
        raise InputError("outcome", outcome, f"one that rises on ladder {ladder.name}: {list(ladder.constrained)}")
    average, error = found.at(ladder, outcome, rows)
    return response_of(ladder, outcome, average, error, None if faces is None else tuple(faces), level)


def _measured(prepared: Prepared, trial: Trial, y: Vector) -> Measured:
    expected = out_of_fold(prepared, y)
    psi = dr_scores(y, trial.treatment, prepared.propensity, expected)
    own = (psi - expected)[:, 1:]
    control = y[trial.treatment == 0]
    # Without a coupon there is neither a discount nor a redemption: nothing to estimate, so no noise of it.
    nothing = (control == control[0]).all()
    return Measured(psi[:, 1:] - (control[0] if nothing else psi[:, :1]), own)


def numbers(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Plain floats, as an artefact's spec holds them."""
    return tuple(float(value) for value in values)
