"""What would another policy have earned on logged decisions? Off-policy estimates with intervals.

A :class:`Logged` holds n decisions of a log whose propensities are known and the chances with which the policy in
question would have chosen each arm. An estimator turns it into :class:`Contributions`, and :func:`estimate` those into
a value per decision with an interval. All estimators have the form

    value = mean(base) + sum(weight * residual) / sum(weight or 1),

so one linearisation, one interval and one bootstrap serve them all. Names and formulas follow Dudik, Langford & Li,
"Doubly robust policy evaluation and learning" (ICML 2011), Wang, Agarwal & Dudik (ICML 2017, switch) and Su et al.
(ICML 2020, shrinkage).

The interval is Student's, with two additions that widen it where few decisions carry the weight, since there the
normal interval of every importance-weighted estimator is too short. The skewness of the contributions moves the end
on the long side outwards (Johnson, "Modified t tests and confidence intervals for asymmetrical populations", JASA 73,
1978; the other end stays). And one decision of the largest weight is counted as if it had been missed: a log in which
three such decisions are expected often shows one, and then looks as if the policy were certain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.estimate import Estimate as Estimate
from models.policy.intervals import cluster_sums, codes, skewed_interval, standard_error
from models.policy.price import Floats, Ints, matrix

MOST = 5.0  # default limit of a weight for the clipped, switched and shrunk estimators


class Logged:
    """Logged decisions beside a target policy; everything checked once.

    Args:
        action: (n,) arm taken, 0..K-1.
        reward: (n,) outcome, e.g. profit in cents.
        propensity: (n,) logged chance of the arm taken, in (0, 1].
        target: (n, K) chance of each arm under the policy in question, rows sum to 1.
        q_hat: (n, K) predicted reward of each arm from a model that has not seen row i's outcome; needed by dm and dr.
        cluster: (n,) name of the unit whose decisions depend on each other, usually the user.
    """

    def __init__(
        self,
        action: ArrayLike,
        reward: ArrayLike,
        propensity: ArrayLike,
        target: ArrayLike,
        q_hat: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
    ) -> None:
        self.target = matrix("target", target)
        rows, arms = self.target.shape
        if not rows:
            raise InputError("target", self.target.shape, "at least one decision")
        if (self.target < 0).any() or not np.allclose(self.target.sum(axis=1), 1, rtol=0, atol=1e-6):
            raise InputError("target", "rows with other sums", "chances >= 0 that sum to 1 in every row")
        self.action = _arms(action, rows, arms)
        self.reward = _column("reward", reward, rows)
        self.propensity = _column("propensity", propensity, rows)
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise InputError("propensity", float(self.propensity.min()), "chances in (0, 1] of the arms taken")
        self.q_hat = None if q_hat is None else matrix("q_hat", q_hat)
        if self.q_hat is not None and self.q_hat.shape != self.target.shape:
            raise InputError("q_hat", self.q_hat.shape, f"the shape of target, {self.target.shape}")
        self.cluster = codes(cluster, rows)
        self.weight: Floats = self.target[np.arange(rows), self.action] / self.propensity

    def predicted(self) -> tuple[Floats, Floats]:
        """Predicted reward of the policy (n,), and what the arm taken earned beyond its own prediction (n,)."""
        if self.q_hat is None:
            raise InputError("q_hat", None, "predicted rewards (n, K): this estimator needs them")
        policy = (self.target * self.q_hat).sum(axis=1)
        return policy, self.reward - self.q_hat[np.arange(len(self.action)), self.action]


@dataclass(frozen=True)
class Contributions:
    """What each decision adds (n,) to an estimate: ``base`` from the model alone, ``residual`` times ``weight`` on top.

    ``normalised``: divide by the sum of the weights instead of by n.
    """

    base: Floats
    weight: Floats
    residual: Floats
    normalised: bool = False

    @property
    def numerator(self) -> Floats:
        return self.weight * self.residual

    @property
    def denominator(self) -> Floats:
        return self.weight if self.normalised else np.ones(len(self.weight))

    @property
    def ratio(self) -> float:
        """What the weighted residuals add to the value."""
        total = self.denominator.sum()
        return float(self.numerator.sum() / total) if total else 0.0

    @property
    def value(self) -> float:
        return float(self.base.mean()) + self.ratio

    @property
    def influence(self) -> Floats:
        """How far each decision moves the value, times n (first order)."""
        mean = self.denominator.mean() or 1.0
        return self.base - self.base.mean() + (self.numerator - self.ratio * self.denominator) / mean

    @property
    def surprise(self) -> Floats:
        """Residuals (n,) in the units in which a weight moves the value, times n."""
        if not self.normalised:
            return self.residual
        return (self.residual - self.ratio) / (self.weight.mean() or 1.0)


Estimator = Callable[[Logged], Contributions]


def ips(log: Logged) -> Contributions:
    """Inverse propensity score: unbiased, wide."""
    return Contributions(np.zeros(len(log.weight)), log.weight, log.reward)


def clipped_ips(log: Logged, most: float = MOST) -> Contributions:
    """Inverse propensity score with weights cut at ``most``: narrower, biased towards zero."""
    return Contributions(np.zeros(len(log.weight)), np.minimum(log.weight, most), log.reward)


def snips(log: Logged) -> Contributions:
    """Self-normalised (Hajek): the weighted average, unmoved by adding a constant to all rewards."""
    return Contributions(np.zeros(len(log.weight)), log.weight, log.reward, normalised=True)


def dm(log: Logged) -> Contributions:
    """Direct method: what the outcome model says; the interval knows nothing of the model's bias."""
    base, rest = log.predicted()
    return Contributions(base, np.zeros_like(rest), rest)


def dr(log: Logged) -> Contributions:
    """Doubly robust: the model, corrected by the weighted residuals; unbiased with known propensities."""
    base, rest = log.predicted()
    return Contributions(base, log.weight, rest)


def clipped_dr(log: Logged, most: float = MOST) -> Contributions:
    """Doubly robust with weights cut at ``most``."""
    base, rest = log.predicted()
    return Contributions(base, np.minimum(log.weight, most), rest)


def sndr(log: Logged) -> Contributions:
    """Self-normalised doubly robust."""
    base, rest = log.predicted()
    return Contributions(base, log.weight, rest, normalised=True)


def switch_dr(log: Logged, most: float = MOST) -> Contributions:
    """Doubly robust where the weight is at most ``most``, the model alone elsewhere."""
    base, rest = log.predicted()
    return Contributions(base, np.where(log.weight <= most, log.weight, 0.0), rest)


def dros(log: Logged, most: float = MOST) -> Contributions:
    """Doubly robust with optimistic shrinkage: weight w becomes ``most * w / (w^2 + most)``."""
    base, rest = log.predicted()
    return Contributions(base, most * log.weight / (log.weight**2 + most), rest)


def estimate(log: Logged, estimator: Estimator, level: float = 0.95, bootstrap: int = 0, seed: int = 0) -> Estimate:
    """The policy's value with its interval, or a percentile interval from ``bootstrap`` resamples of clusters."""
    terms = estimator(log)
    error = standard_error(terms.influence, log.cluster)
    low, high = skewed_interval(terms.value, terms.influence, log.cluster, _missed(terms.weight, terms.surprise), level)
    if bootstrap:
        drawn = _resampled(terms, log, bootstrap, seed)
        low, high = (float(bound) for bound in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    return Estimate.of(terms.value, low, high, error, log.weight, log.cluster)


def difference(log: Logged, other: Logged, estimator: Estimator, level: float = 0.95) -> Estimate:
    """Value of ``log``'s policy minus that of ``other``'s on the same decisions, with the interval of the pair."""
    if len(log.reward) != len(other.reward) or not np.array_equal(log.action, other.action):
        raise InputError("other", len(other.reward), "the same logged decisions beside another policy")
    mine, theirs = estimator(log), estimator(other)
    value, influence = mine.value - theirs.value, mine.influence - theirs.influence
    moved = mine.weight * mine.surprise - theirs.weight * theirs.surprise
    apart = np.abs(mine.weight - theirs.weight)
    missed = _missed(apart, np.divide(moved, apart, out=np.zeros_like(moved), where=apart > 0))
    low, high = skewed_interval(value, influence, log.cluster, missed, level)
    error = standard_error(influence, log.cluster)
    return Estimate.of(value, low, high, error, log.weight, log.cluster)


def _missed(weight: Floats, surprise: Floats) -> float:
    """How far one more decision of the largest weight would typically move the value, times n."""
    total = float(weight.sum())
    return float(weight.max()) * math.sqrt(float(weight @ surprise**2) / total) if total else 0.0


def _resampled(terms: Contributions, log: Logged, times: int, seed: int) -> Floats:
    columns = np.stack([terms.base, terms.numerator, terms.denominator, np.ones_like(terms.base)], axis=1)
    sums = cluster_sums(columns, log.cluster)
    rng = np.random.default_rng(seed)
    drawn = np.stack([sums[rng.integers(len(sums), size=len(sums))].sum(axis=0) for _ in range(times)])
    base, numerator, denominator, rows = drawn.T
    ratio = np.divide(numerator, denominator, out=np.zeros(times), where=denominator != 0)
    return base / rows + ratio


def _column(field: str, array: ArrayLike, rows: int) -> Floats:
    try:
        column = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(field, array, f"{rows} numbers") from error
    if column.shape != (rows,):
        raise InputError(field, column.shape, f"one number per decision, shape ({rows},)")
    if not np.isfinite(column).all():
        raise InputError(field, float(column[~np.isfinite(column)][0]), "finite numbers")
    return column


def _arms(action: ArrayLike, rows: int, arms: int) -> Ints:
    taken = np.asarray(action)
    if taken.shape != (rows,) or not np.issubdtype(taken.dtype, np.integer):
        raise InputError("action", (str(taken.dtype), taken.shape), f"{rows} whole numbers, one arm per decision")
    if ((taken < 0) | (taken >= arms)).any():
        raise InputError("action", int(taken[(taken < 0) | (taken >= arms)][0]), f"arms 0 to {arms - 1}")
    return taken.astype(np.intp)
