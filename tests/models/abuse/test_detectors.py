"""What every detector keeps to: shape, range, determinism, past only, ties, missing values, empty input, one class,
and that more like-minded company never makes an account less suspicious."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.abuse.anomaly import AnomalyDetector
from models.abuse.baselines import ecod, isolation_forest
from models.abuse.boosted import Verdicts, learn, teaching, train
from models.abuse.evidence import BASE, score
from models.abuse.examples import examples, probability
from oracles.verdict_log import DAY, VerdictLog, verdict_log

Detector = Callable[[VerdictLog], np.ndarray]
FIRST = 20_003 * DAY + 28 * DAY  # detectors that are fitted without labels are fitted on the rows before


def label_free(log: VerdictLog) -> np.ndarray:
    return score(log.X["term_device"].to_numpy(np.float64) + log.X["term_drain"].to_numpy(np.float64))


def verdicts_alone(log: VerdictLog) -> np.ndarray:
    return probability(log.prior + np.nan_to_num(_learn(log).raw))


def combined(log: VerdictLog) -> np.ndarray:
    return probability(log.prior + _learn(log).added)


def calibrated(log: VerdictLog) -> np.ndarray:
    return _learn(log).chance


def forest(log: VerdictLog) -> np.ndarray:
    return isolation_forest(log.X[log.at < FIRST], log.X)


def pyod_ecod(log: VerdictLog) -> np.ndarray:
    return ecod(log.X[log.at < FIRST], log.X)


def anomaly(log: VerdictLog) -> np.ndarray:
    past = log.X[log.at < FIRST].to_numpy(np.float64)
    return AnomalyDetector().fit(past).score(log.X.to_numpy(np.float64))


def _learn(log: VerdictLog):  # type: ignore[no-untyped-def]
    return learn(log.X, log.prior, log.at, log.user, log.names, log.verdicts)


PROBABILITIES: tuple[Detector, ...] = (label_free, verdicts_alone, combined, calibrated)
STREAMING: tuple[Detector, ...] = (*PROBABILITIES, forest, anomaly)
ALL: tuple[Detector, ...] = (*STREAMING, pyod_ecod)


@pytest.fixture(scope="module")
def log() -> VerdictLog:
    return verdict_log()


def _rows(log: VerdictLog, kept: np.ndarray) -> VerdictLog:
    X = log.X.iloc[np.flatnonzero(kept) if kept.dtype == bool else kept].reset_index(drop=True)
    return replace(log, X=X, prior=log.prior[kept], at=log.at[kept], user=log.user[kept])


@pytest.mark.parametrize("detector", ALL)
def test_one_finite_score_a_row_and_the_same_every_time(log: VerdictLog, detector: Detector) -> None:
    found = detector(log)
    assert found.shape == (len(log.X),)
    assert np.isfinite(found).all()
    assert (detector(log) == found).all()


@pytest.mark.parametrize("detector", PROBABILITIES)
def test_probabilities_lie_between_0_and_1(log: VerdictLog, detector: Detector) -> None:
    found = detector(log)
    assert found.min() > 0
    assert found.max() < 1


@pytest.mark.parametrize("detector", STREAMING)
def test_later_rows_and_verdicts_change_nothing_earlier(log: VerdictLog, detector: Detector) -> None:
    moment = 20_003 * DAY + 50 * DAY
    kept = log.at < moment
    early = replace(_rows(log, kept), verdicts=log.verdicts.before(moment))
    assert (detector(log)[kept] == detector(early)).all()


def test_ecod_of_pyod_is_no_detector_for_a_stream(log: VerdictLog) -> None:
    kept = log.at < 20_003 * DAY + 50 * DAY
    assert (pyod_ecod(log)[kept] != pyod_ecod(_rows(log, kept))).any()


@pytest.mark.parametrize("detector", ALL)
def test_equal_rows_of_a_week_get_equal_scores(log: VerdictLog, detector: Detector) -> None:
    twice = np.repeat(np.arange(len(log.X)), np.where(np.arange(len(log.X)) % 50 == 0, 2, 1))
    found = detector(_rows(log, twice))
    again = np.flatnonzero(np.diff(twice) == 0)
    assert len(again) > 50
    assert (found[again] == found[again + 1]).all()


@pytest.mark.parametrize("detector", [verdicts_alone, combined, calibrated, forest, pyod_ecod])
def test_missing_and_infinite_values_give_finite_scores(log: VerdictLog, detector: Detector) -> None:
    X = log.X.copy()
    X.iloc[::7, 2] = np.nan
    X.iloc[::11, 3] = np.inf
    X.iloc[::13, 1] = -np.inf
    assert np.isfinite(detector(replace(log, X=X))).all()


@pytest.mark.parametrize("detector", [label_free, verdicts_alone, combined, calibrated])
def test_no_rows_give_no_scores(log: VerdictLog, detector: Detector) -> None:
    assert detector(_rows(log, np.zeros(len(log.X), bool))).shape == (0,)


@pytest.mark.parametrize("fitted", [isolation_forest, ecod])
def test_unsupervised_detectors_score_no_rows_too(log: VerdictLog, fitted: Callable[..., np.ndarray]) -> None:
    assert fitted(log.X, log.X[:0]).shape == (0,)


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("detector", [verdicts_alone, combined, calibrated])
def test_verdicts_of_one_kind_are_no_error(log: VerdictLog, detector: Detector, said: bool) -> None:
    same = Verdicts(log.verdicts.user, log.verdicts.at, np.full(len(log.verdicts.user), said))
    found = detector(replace(log, verdicts=same))
    assert np.isfinite(found).all()
    if not said:
        assert found == pytest.approx(label_free(log)), "nobody judged abusive: nothing was learnt"


@pytest.mark.parametrize("column", ["device_same_bare_7d", "term_device"])
def test_more_company_never_lowers_what_the_model_says(log: VerdictLog, column: str) -> None:
    end = int(log.at.max()) + 60 * DAY
    found = examples(log.prior, log.at, log.user, np.ones(len(log.names), bool), log.verdicts.before(end), end)
    values = log.X.to_numpy(np.float32)
    model = train(*teaching(values, log.prior, found), list(log.X.columns))
    before = model.predict(values, raw_score=True)
    more = values.copy()
    more[:, list(log.X.columns).index(column)] += 2.0
    assert (model.predict(more, raw_score=True) >= before - 1e-12).all()
    assert pd.Series(before).nunique() > 10


def test_more_evidence_never_lowers_the_label_free_score(log: VerdictLog) -> None:
    X = log.X.assign(term_device=log.X["term_device"] + 1.0)
    assert (label_free(replace(log, X=X)) > label_free(log)).all()
    assert label_free(log).min() == pytest.approx(1 / (1 + np.exp(-BASE)))
