"""Learners and policies judged on repeated splits of one trial, beside the baselines and in pairs.

Rankings: per arm against the control, scikit-uplift's Qini and others of each learner's scores. Policies: everyone,
no one, the best single arm, a random arm, and the best arm per customer, valued off-policy on the test rows by IPS,
SNIPS and DR. Every learner and every choice sees the training rows only, and is fitted once per split and outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.ope import Estimate, Logged, difference, dr, estimate, ips, snips
from models.uplift.baselines import AverageEffect, TBoosted, TLinear
from models.uplift.dr import DRLearner
from models.uplift.metrics import Curve, causalml_auuc, qini_curve, sklift_qini, sklift_uplift_auc, uplift_at_k_overall
from models.uplift.prepared import Prepared
from models.uplift.report.held_out import BOOSTED, CONSTANT, DR, LINEAR, RESPONSE
from models.uplift.splits import Repeated, repeated, splits
from models.uplift.trial import Trial

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Progress = Callable[[int, int], None]

BEST_SINGLE = "best_single_arm"
LEARNERS = (DR, LINEAR, BOOSTED, RESPONSE, CONSTANT)
ESTIMATORS = {"ips": ips, "snips": snips, "dr": dr}
GRID = np.linspace(0, 1, 101)
FIFTHS = 5


@dataclass
class Judgement:
    """Figures per split under (what, arm or policy, learner or estimator)."""

    arms: tuple[str, ...]
    figures: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    errors: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    curves: dict[tuple[str, str], list[Vector]] = field(default_factory=dict)
    fifths: dict[str, list[Vector]] = field(default_factory=dict)
    best_arms: list[str] = field(default_factory=list)
    exploded: set[str] = field(default_factory=set)

    @property
    def best_arm(self) -> str:
        """The arm that was the best single one on the training rows of most splits."""
        return max(self.arms, key=self.best_arms.count)

    def add(self, what: str, of: str, by: str, figure: float) -> None:
        """One split's figure."""
        self.figures.setdefault((what, of, by), []).append(figure)

    def add_estimate(self, what: str, of: str, by: str, estimate: Estimate) -> None:
        """One split's estimate with its standard error on the test rows."""
        self.add(what, of, by, estimate.value)
        self.errors.setdefault((what, of, by), []).append(estimate.standard_error)
        if estimate.exploded and what == "policy":
            self.exploded.add(of)

    def summary(self, what: str, of: str, by: str) -> Repeated:
        """Mean over splits with the interval for overlapping splits."""
        return repeated(self.figures[what, of, by], errors=self.errors.get((what, of, by)))

    def paired(self, what: str, first: tuple[str, str], second: tuple[str, str]) -> Repeated:
        """First minus second, split by split."""
        one, two = self.figures[(what, *first)], self.figures[(what, *second)]
        return repeated(np.subtract(one, two))

    def band(self, arm: str, learner: str) -> tuple[Vector, Vector, Vector]:
        """Mean Qini curve on ``GRID`` with its pointwise 95 % interval, each (101,)."""
        points = [repeated(column) for column in np.vstack(self.curves[arm, learner]).T]
        mean, low, high = (np.array([getattr(point, end) for point in points]) for end in ("mean", "low", "high"))
        return mean, low, high


def judge(
    trial: Trial, times: int, seed: int, progress: Progress | None = None, most_rows: int | None = None
) -> Judgement:
    """Fit and judge on ``times`` splits; the same seed gives the same figures.

    ``most_rows``: each split draws at most so many units (whole clusters), which a large table needs to end in time.
    """
    result = Judgement(trial.arms)
    for number, (train, test) in enumerate(splits(trial, times, seed)):
        if most_rows is not None and most_rows < len(trial):
            rng = np.random.default_rng([seed, number, 1])
            train, test = (thinned(trial, rows, most_rows / len(trial), rng) for rows in (train, test))
        _one_split(trial.rows(train), trial.rows(test), seed + number, result)
        if progress is not None:
            progress(number + 1, times)
    return result


def thinned(trial: Trial, rows: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random share of the rows of every arm, clusters whole."""
    if trial.cluster is not None:
        names, member = np.unique(trial.cluster[rows].astype(str), return_inverse=True)
        kept: NDArray[np.int64] = rows[(rng.random(len(names)) < share)[member]]
        return kept
    arms = [rng.permutation(rows[trial.treatment[rows] == arm]) for arm in range(len(trial.arms))]
    return np.sort(np.concatenate([mine[: max(2, round(share * len(mine)))] for mine in arms]))


def _one_split(train: Trial, test: Trial, seed: int, result: Judgement) -> None:
    prepared = Prepared(train.X, train.treatment, train.propensity, seed=seed, cluster=train.cluster)
    encoded = prepared.inputs.encoding.matrix(test.X)
    value = _fit(prepared, train, train.value, test, encoded, seed)
    boosted = TBoosted(seed=seed).fit(train.X, train.treatment, train.value, train.propensity)
    scores = {**value.scores, BOOSTED: boosted.effect(test.X)}
    _rankings("value", test, test.value, scores, result)
    _fifths(test, scores[DR], result)
    for outcome, y in train.outcomes.items():
        same = np.array_equal(y, train.value)
        fitted = value if same else _fit(prepared, train, y, test, encoded, seed)
        _rankings(outcome, test, test.outcomes[outcome], fitted.scores, result)
    profit, expected = {DR: value.scores[DR], LINEAR: value.scores[LINEAR]}, value.expected
    if train.cost.any():
        cost = DRLearner(seed=seed).fit_prepared(prepared, train.cost).effect_of_matrix(encoded)
        expected = TLinear().fit(train.X, train.treatment, train.net, train.propensity).expected(test.X)
        profit = {DR: scores[DR] - cost, LINEAR: expected[:, 1:] - expected[:, :1]}
    _policies(train, test, profit, expected, result)


@dataclass(frozen=True)
class _Fitted:
    """What learners of one outcome say about the test rows; ``expected`` (n, K) by the linear one."""

    scores: Mapping[str, Matrix]
    expected: Matrix


def _fit(prepared: Prepared, train: Trial, y: Vector, test: Trial, encoded: Matrix, seed: int) -> _Fitted:
    given: tuple[Any, ...] = (train.X, train.treatment, y, train.propensity)
    doubly = DRLearner(seed=seed).fit_prepared(prepared, y).effect_of_matrix(encoded)
    expected = TLinear().fit(*given).expected(test.X)
    constant = AverageEffect().fit(*given).effect(test.X)
    linear = expected[:, 1:] - expected[:, :1]
    return _Fitted({DR: doubly, LINEAR: linear, RESPONSE: expected[:, 1:], CONSTANT: constant}, expected)


def _rankings(outcome: str, test: Trial, y: Vector, scores: Mapping[str, Matrix], result: Judgement) -> None:
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    for arm, name in enumerate(test.arms[1:], start=1):
        rows = (test.treatment == 0) | (test.treatment == arm)
        t, outcomes = (test.treatment[rows] == arm).astype(float), y[rows]
        for learner, score in scores.items():
            s = score[rows, arm - 1]
            result.add(f"{outcome}_sklift_qini", name, learner, sklift_qini(s, t, outcomes))
            result.add(f"{outcome}_uplift_at_30_overall", name, learner, uplift_at_k_overall(s, t, outcomes))
            result.add(f"{outcome}_causalml_auuc", name, learner, causalml_auuc(s, t, outcomes))
            if binary:
                result.add(f"{outcome}_sklift_uplift_auc", name, learner, sklift_uplift_auc(s, t, outcomes))
            if outcome == "value":
                curve = qini_curve(s, t, outcomes)
                result.curves.setdefault((name, learner), []).append(_per_unit(curve, float(t.sum())))


def _per_unit(curve: Curve, treated: float) -> Vector:
    """The curve at 0, 1, ..., 100 % of the units, in outcome per treated unit so that splits can be averaged."""
    return np.interp(GRID, curve.x / curve.x[-1], curve.y / treated)


def _fifths(test: Trial, score: Matrix, result: Judgement) -> None:
    """Observed effect by fifth of the predicted one."""
    for arm, name in enumerate(test.arms[1:], start=1):
        rows = (test.treatment == 0) | (test.treatment == arm)
        fifth = (np.argsort(np.argsort(-score[rows, arm - 1], kind="stable"), kind="stable") * FIFTHS) // rows.sum()
        treated, y, w = test.treatment[rows] == arm, test.value[rows], 1 / test.taken[rows]
        effects = [_difference(y, w, treated & (fifth == i), ~treated & (fifth == i)) for i in range(FIFTHS)]
        result.fifths.setdefault(name, []).append(np.array(effects))


def _difference(y: Vector, w: Vector, treated: NDArray[np.bool_], control: NDArray[np.bool_]) -> float:
    if not treated.any() or not control.any():
        return float("nan")
    return float(np.average(y[treated], weights=w[treated]) - np.average(y[control], weights=w[control]))


def _policies(train: Trial, test: Trial, profit: Mapping[str, Matrix], expected: Matrix, result: Judgement) -> None:
    """Value of each policy per unit, net of cost, and its gain over the best single arm, on the test rows.

    ``expected`` (n, K) serves the DR estimate.
    """
    average = AverageEffect().fit(train.X, train.treatment, train.net, train.propensity).effect_
    K = len(test.arms)
    best = int(np.argmax(np.concatenate(([0.0], average))))
    result.best_arms.append(test.arms[best])
    chosen = {f"everyone:{arm}": np.full(len(test), k) for k, arm in enumerate(test.arms)}
    chosen[BEST_SINGLE] = np.full(len(test), best)
    for name, effects in profit.items():
        chosen[f"best_arm_per_customer:{name}"] = np.argmax(np.column_stack([np.zeros(len(test)), effects]), axis=1)
    targets = {name: np.eye(K)[arm] for name, arm in chosen.items()}
    targets["random"] = np.full((len(test), K), 1 / K)
    logs = {
        policy: Logged(test.treatment, test.net, test.taken, target, expected, test.cluster)
        for policy, target in targets.items()
    }
    for policy, log in logs.items():
        for name, estimator in ESTIMATORS.items():
            result.add_estimate("policy", policy, name, estimate(log, estimator))
        result.add_estimate("policy_gain", policy, "dr", difference(log, logs[BEST_SINGLE], dr))
        squares = float((log.weight**2).sum())
        result.add("policy_ess", policy, "ess", float(log.weight.sum() ** 2 / squares) if squares else 0.0)
        result.add("policy_weight", policy, "largest_weight", float(log.weight.max()))
