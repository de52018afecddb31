"""What verdicts teach: quiet abuse is found, unseen abuse is not talked down, bias and error of reviewers are borne."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.abuse import calibration
from models.abuse.boosted import Learnt, Verdicts, direction, draw, learn
from models.abuse.calibration import Platt, fit_platt
from models.abuse.examples import BANDS, MOST_WEIGHT, Examples, examples, probability
from models.abuse.metrics import average_precision
from models.abuse.mixture import MIXES, Say, mix_losses, say
from oracles.verdict_log import DAY, VerdictLog, verdict_log


@pytest.fixture(scope="module")
def log() -> VerdictLog:
    return verdict_log()


@pytest.fixture(scope="module")
def learnt(log: VerdictLog) -> Learnt:
    return _learn(log)


def _learn(log: VerdictLog) -> Learnt:
    return learn(log.X, log.prior, log.at, log.user, log.names, log.verdicts)


def _accounts(log: VerdictLog, row: np.ndarray) -> np.ndarray:
    highest = np.full(len(log.names), -np.inf)
    np.maximum.at(highest, log.user, row)
    return highest


def _seen(log: VerdictLog, moment: int) -> Examples:
    return examples(log.prior, log.at, log.user, draw(log.names), log.verdicts.before(moment), moment)


def test_verdicts_find_abuse_without_any_evidence(log: VerdictLog, learnt: Learnt) -> None:
    before, after = (_accounts(log, log.prior + extra) for extra in (0.0, learnt.now))
    assert average_precision(log.abusive, after) > average_precision(log.abusive, before) + 0.1
    quiet = log.kind == "quiet"
    others = ~log.abusive
    assert (after[quiet] > np.quantile(after[others], 0.99)).mean() > 0.8
    unjudged = ~np.isin(np.arange(len(log.names)), log.verdicts.user)
    assert (after[quiet & unjudged] > np.quantile(after[others], 0.99)).mean() > 0.8


def test_abuse_of_a_kind_that_nobody_judged_keeps_its_score(log: VerdictLog, learnt: Learnt) -> None:
    unseen = log.kind == "unseen"
    for extra in (learnt.added, learnt.now):
        free, told = _accounts(log, log.prior)[unseen], _accounts(log, log.prior + extra)[unseen]
        found, kept = (probability(s) >= 0.25 for s in (free, told))
        assert kept.sum() >= 0.9 * found.sum() > 0


def test_a_group_judged_legitimate_is_talked_down(log: VerdictLog, learnt: Learnt) -> None:
    alike = log.kind == "look_alike"
    free, told = (_accounts(log, s)[alike].mean() for s in (log.prior, log.prior + learnt.now))
    assert told < free


def test_the_score_of_a_row_is_that_of_its_week(log: VerdictLog, learnt: Learnt) -> None:
    weeks = [start for start, _, _ in learnt.weeks]
    assert weeks == sorted(weeks)
    assert (learnt.added[log.at < weeks[0]] == 0).all()
    assert np.isnan(learnt.raw[log.at < weeks[0]]).all()
    assert np.isfinite(learnt.raw[log.at >= weeks[0]]).all()


def test_chances_cost_less_than_the_label_free_score_on_accounts_that_nobody_judged() -> None:
    later = verdict_log(seed=1)
    found = _learn(later)
    unjudged = ~np.isin(np.arange(len(later.names)), later.verdicts.user)
    late = _accounts(later, later.at) >= found.weeks[0][0]
    truth = later.abusive[unjudged & late]
    free, told = (_accounts(later, s)[unjudged & late] for s in (probability(later.prior), found.chance))
    assert np.mean((told - truth) ** 2) < 0.9 * np.mean((free - truth) ** 2)


def test_an_unjudged_account_pulls_nowhere_until_the_model_moves(log: VerdictLog) -> None:
    seen = _seen(log, int(log.at.max()) + DAY)
    rows, target, _ = seen.teaching(log.prior)
    judged = np.isin(log.user[rows], log.user[seen.rows[seen.first[seen.judged]]])
    assert target[~judged] == pytest.approx(probability(log.prior[rows[~judged]]))
    assert set(target[judged]) == {0.0, 1.0}


def test_an_abusive_account_teaches_by_its_worst_row_alone(log: VerdictLog) -> None:
    seen = _seen(log, int(log.at.max()) + DAY)
    rows, target, _ = seen.teaching(log.prior)
    users, counts = np.unique(log.user[rows[target == 1.0]], return_counts=True)
    assert (counts == 1).all()
    for user in users[:20]:
        own = seen.rows[log.user[seen.rows] == user]
        assert log.prior[rows[(log.user[rows] == user)]][0] == log.prior[own].max()


def test_weights_are_the_inverse_of_the_share_that_was_judged(log: VerdictLog) -> None:
    moment = int(log.at.max()) + 60 * DAY
    everyone = np.ones(len(log.names), bool)
    seen = examples(log.prior, log.at, log.user, everyone, log.verdicts.before(moment), moment)
    top = seen.highest(probability(log.prior)[seen.rows])
    band = np.digitize(top, BANDS)
    for b in np.unique(band[seen.judged]):
        judged = int((seen.judged & (band == b)).sum())
        expected = min(((band == b).sum() + 1) / (judged + 1), MOST_WEIGHT)
        assert seen.weight[seen.judged & (band == b)] == pytest.approx(expected)


def test_only_what_was_done_before_the_verdict_is_learnt_from(log: VerdictLog) -> None:
    moment = int(log.at.max()) + DAY
    seen = _seen(log, moment)
    decided = dict(zip(log.verdicts.user, log.verdicts.at, strict=True))
    for row in seen.rows[np.repeat(seen.judged, np.diff(np.append(seen.first, len(seen.rows))))]:
        assert log.at[row] < decided[log.user[row]]


def test_of_contradicting_verdicts_the_last_holds(log: VerdictLog) -> None:
    user = int(log.verdicts.user[0])
    at = log.verdicts.at[0]
    both = Verdicts(np.array([user, user]), np.array([at, at + 1]), np.array([True, False]))
    moment = int(at) + 2
    seen = examples(log.prior, log.at, log.user, np.zeros(len(log.names), bool), both.before(moment), moment)
    judged = seen.of(seen.judged)
    assert judged.target.tolist() == [0.0]


def test_a_useless_model_is_hardly_believed_and_a_good_one_is(log: VerdictLog) -> None:
    seen = _seen(log, int(log.at.max()) + 60 * DAY)
    truth = np.where(log.abusive[log.user], 6.0, -3.0)
    noise = np.random.default_rng(0).normal(0, 6.0, len(log.at))
    good, bad = say(log.prior, truth, seen), say(log.prior, noise, seen)
    assert good.up > 0.9
    assert bad.up < 0.3
    assert bad.down < 0.1
    assert say(log.prior, np.full(len(log.at), np.nan), seen).up == pytest.approx(
        np.mean([up for up, _ in MIXES[1:]]) / 2
    ), "before any verdict on a scored account the prior speaks"


def test_losses_are_squared_errors_of_the_accounts_that_a_model_had_scored(log: VerdictLog) -> None:
    seen = _seen(log, int(log.at.max()) + 60 * DAY)
    raw = np.where(log.at > np.median(log.at), 1.0, np.nan)
    expected = 0.0
    for i, first in enumerate(seen.first):
        last = seen.first[i + 1] if i + 1 < len(seen.first) else len(seen.rows)
        rows = seen.rows[first:last]
        if np.isfinite(raw[rows]).any():
            p = max(1 / (1 + np.exp(-(log.prior[r] + (1.0 if np.isfinite(raw[r]) else 0.0)))) for r in rows)
            y = seen.target[i]
            expected += seen.weight[i] * (y * (1 - p) ** 2 + (1 - y) * p**2)
    assert mix_losses(log.prior, raw, seen)[MIXES.index((1.0, 1.0))] == pytest.approx(expected)


def test_the_reading_is_a_ridge_logistic_regression_where_nobody_errs(
    log: VerdictLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "ERROR", 0.0)
    seen = _seen(log, int(log.at.max()) + 60 * DAY)
    judged = seen.of(seen.judged)
    many = replace(judged, weight=np.full(len(judged.first), 1e4))  # then the priors hardly count
    half = log.prior / 2
    z = many.highest(half[many.rows])
    plain = LogisticRegression(C=np.inf, max_iter=1000).fit(z[:, None], many.target)
    assert fit_platt(half, many).slope == pytest.approx(plain.coef_[0, 0], abs=0.01)
    none = judged.of(np.zeros(len(judged.first), bool))
    assert fit_platt(log.prior, none) == Platt(0.0, 1.0)


def test_wrong_verdicts_do_not_flatten_the_reading() -> None:
    rng = np.random.default_rng(3)
    n = 20_000
    z = rng.normal(-2, 3, n)
    truth = rng.random(n) < probability(0.2 + 1.4 * z)
    said = truth ^ (rng.random(n) < calibration.ERROR)
    seen = Examples(np.arange(n), np.arange(n), said.astype(float), np.ones(n), np.ones(n, bool))
    reading = fit_platt(z, seen)
    assert reading.slope == pytest.approx(1.4, abs=0.12)
    assert reading.intercept == pytest.approx(0.2, abs=0.12)


def test_signs_follow_the_meaning_of_a_column() -> None:
    up = ("device_same_new_1h", "ip_same_bare_ever", "device_drained_7d", "term_drip", "ring_size", "person_n_ever")
    assert {direction(name) for name in up} == {1}
    assert {direction(name) for name in ("ip_engaged_ever", "device_elsewhere_ever", "device_house_ever")} == {-1}
    assert {direction(name) for name in ("views_ever", "device_n_ever", "is_claim", "age_days")} == {0}


def test_what_is_believed_is_split_by_sign() -> None:
    assert Say(0.5, 0.0).of(np.array([4.0, -4.0, np.nan])).tolist() == [2.0, 0.0, 0.0]
