"""Off-policy estimates equal two other programs, and their intervals hold the truth as often as they say."""

from __future__ import annotations

import json
import math
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from models.policy import ope
from oracles import ope as oracle

ESTIMATORS = {
    "ipw": ope.ips,
    "ipw_clip5": ope.clipped_ips,
    "snipw": ope.snips,
    "dm": ope.dm,
    "dr": ope.dr,
    "dr_clip5": ope.clipped_dr,
    "sndr": ope.sndr,
    "switch_dr5": ope.switch_dr,
    "dros5": ope.dros,
}


TILT = np.array([0.0, 0.2, -0.1, 0.3])
SLOPE = np.array([1.0, 0.5, 2.0, -1.0])


def simulate(users: int, seed: int, visits: int = 1, arms: int = 4) -> tuple[ope.Logged, float]:
    """A log with uneven propensities and user effects, and the true value of its target policy."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(users, arms))
    logits = 0.5 * x
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    chances = 0.8 * chances + 0.2 / arms
    target = np.full((users, arms), 0.1 / arms)
    target[np.arange(users), (x + TILT).argmax(axis=1)] += 0.9
    mean = 2.0 + x * SLOPE
    frame = [np.repeat(part, visits, axis=0) for part in (chances, target, mean)]
    rows = users * visits
    action = (frame[0].cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    mood = np.repeat(rng.normal(0, 1.0, users), visits)
    reward = frame[2][np.arange(rows), action] + mood + rng.normal(0, 1.0, rows)
    model = frame[2] + rng.normal(0, 0.5, (rows, arms)) + 0.3
    log = ope.Logged(
        action, reward, frame[0][np.arange(rows), action], frame[1], model, np.repeat(np.arange(users), visits)
    )
    return log, true_value()


@cache
def true_value() -> float:
    """What the target policy earns, over many more users than any log here has."""
    rng = np.random.default_rng(123)
    x = rng.normal(size=(2_000_000, 4))
    best = (x + TILT).argmax(axis=1)
    return float(2.0 + 0.9 * (x * SLOPE)[np.arange(len(x)), best].mean())


@pytest.mark.real_data
def test_every_estimator_equals_open_bandit_pipeline(real_data: Path) -> None:
    given = json.loads((real_data / "ope_oracle.json").read_text("utf-8"))
    log = ope.Logged(given["action"], given["reward"], given["pscore"], given["pi_e"], given["q_hat"])
    assert set(given["expected"]) == set(ESTIMATORS)
    for name, expected in given["expected"].items():
        assert ope.estimate(log, ESTIMATORS[name]).value == pytest.approx(expected, rel=0, abs=1e-9), name


@pytest.mark.parametrize("seed", range(3))
def test_every_estimator_equals_a_loop_over_decisions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log, _ = simulate(120, seed)
    pscore = rng.uniform(0.02, 1, 120)  # some weights above the clip
    log = ope.Logged(log.action, log.reward, pscore, log.target, log.q_hat)
    expected = oracle.values(log.action, pscore, log.reward, log.target, log.q_hat, most=2.0)
    for name, estimator in ESTIMATORS.items():
        chosen = partial(estimator, most=2.0) if name[-1] == "5" else estimator
        assert ope.estimate(log, chosen).value == pytest.approx(expected[name], rel=1e-12), name


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_error_is_close_to_leaving_out_one_user_at_a_time(name: str) -> None:
    log, _ = simulate(60, 5, visits=2)
    estimator = ESTIMATORS[name]

    def without(rows: list[int]) -> float:
        kept = np.array(rows)
        return estimator(
            ope.Logged(log.action[kept], log.reward[kept], log.propensity[kept], log.target[kept], log.q_hat[kept])  # type: ignore[index]
        ).value

    expected = oracle.jackknife_error(without, [int(user) for user in log.cluster])  # type: ignore[union-attr]
    assert ope.estimate(log, estimator).standard_error == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("name", ["ipw", "snipw", "dr", "sndr"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    logs = 300
    covered, width = 0, 0.0
    for seed in range(logs):
        log, truth = simulate(400, seed, visits=2)
        found = ope.estimate(log, ESTIMATORS[name])
        covered += found.low <= truth <= found.high
        width += found.high - found.low
    assert 0.92 <= covered / logs <= 0.98, f"{name}: {covered / logs:.3f}, mean width {width / logs:.3f}"


def test_ignoring_that_decisions_belong_to_users_makes_intervals_too_narrow() -> None:
    log, _ = simulate(300, 1, visits=6)
    alone = ope.Logged(log.action, log.reward, log.propensity, log.target, log.q_hat)
    assert ope.estimate(log, ope.dr).standard_error > 1.3 * ope.estimate(alone, ope.dr).standard_error


@pytest.mark.parametrize("name", ["ipw", "snipw", "dr"])
def test_the_bootstrap_agrees_with_the_normal_interval_and_repeats_itself(name: str) -> None:
    log, _ = simulate(500, 2, visits=2)
    normal = ope.estimate(log, ESTIMATORS[name])
    resampled = ope.estimate(log, ESTIMATORS[name], bootstrap=400, seed=1)
    assert resampled == ope.estimate(log, ESTIMATORS[name], bootstrap=400, seed=1)
    assert resampled.high - resampled.low == pytest.approx(normal.high - normal.low, rel=0.15)


def test_a_difference_of_policies_is_narrower_than_two_separate_intervals() -> None:
    log, _ = simulate(500, 3)
    shifted = 0.9 * log.target + 0.1 * np.roll(log.target, 1, axis=1)
    other = ope.Logged(log.action, log.reward, log.propensity, shifted, log.q_hat, log.cluster)
    gap = ope.difference(log, other, ope.dr)
    mine, theirs = ope.estimate(log, ope.dr), ope.estimate(other, ope.dr)
    assert gap.value == pytest.approx(mine.value - theirs.value)
    assert gap.standard_error < 0.3 * (mine.standard_error + theirs.standard_error)
    assert ope.difference(log, log, ope.dr).standard_error == 0


def test_the_logging_policy_itself_is_worth_what_it_earned() -> None:
    rng = np.random.default_rng(4)
    action, reward = rng.integers(0, 3, 200), rng.normal(10, 3, 200)
    log = ope.Logged(action, reward, np.full(200, 1 / 3), np.full((200, 3), 1 / 3))
    found = ope.estimate(log, ope.ips)
    assert found.value == pytest.approx(reward.mean())
    assert found.standard_error == pytest.approx(reward.std(ddof=1) / math.sqrt(200))
    assert found.ess == pytest.approx(200)
    assert found.largest_weight == pytest.approx(1)
    assert not found.exploded


def test_a_weight_explosion_is_flagged() -> None:
    log, _ = simulate(400, 6)
    propensity = log.propensity.copy()
    propensity[7] = 1e-4
    found = ope.estimate(ope.Logged(log.action, log.reward, propensity, log.target), ope.snips)
    assert found.exploded
    assert found.ess < 10
    assert found.largest_weight == pytest.approx(log.target[7, log.action[7]] / 1e-4)
    few = ope.Logged(log.action[:40], log.reward[:40], log.propensity[:40], log.target[:40])
    assert ope.estimate(few, ope.ips).exploded


def test_a_policy_the_log_never_followed_is_flagged_and_has_no_weight() -> None:
    target = np.zeros((100, 2))
    target[:, 1] = 1
    found = ope.estimate(ope.Logged(np.zeros(100, int), np.ones(100), np.full(100, 0.5), target), ope.snips)
    assert found.exploded
    assert found.ess == found.largest_weight == found.value == 0


def test_a_log_of_one_arm_is_worth_what_it_earned() -> None:
    found = ope.estimate(ope.Logged(np.zeros(60, int), np.arange(60.0), np.ones(60), np.ones((60, 1))), ope.snips)
    assert found.value == pytest.approx(29.5)
    assert found.warning is None


def test_every_kind_of_explosion_has_its_sentence() -> None:
    log, _ = simulate(400, 6)
    propensity = log.propensity.copy()
    propensity[7] = 1e-4
    heavy = ope.estimate(ope.Logged(log.action, log.reward, propensity, log.target), ope.ips).warning
    never = ope.estimate(ope.Logged([0, 0], [1.0, 2.0], [0.5, 0.5], [[0.0, 1.0]] * 2), ope.ips).warning
    doubled = ope.estimate(ope.Logged(log.action, log.reward, log.propensity / 2, log.target), ope.ips).warning
    assert heavy is not None
    assert heavy.en.startswith("Weights exploded: 400 decisions count like")
    assert never is not None
    assert never.en.startswith("The log never took")
    assert doubled is not None
    assert doubled.en.startswith("The weights average 1.9")
    assert all(words.zh for words in (heavy, never, doubled))


def test_the_interval_is_never_shorter_than_the_normal_one() -> None:
    for seed in range(5):
        log, _ = simulate(200, seed, visits=2)
        for name, estimator in ESTIMATORS.items():
            found = ope.estimate(log, estimator)
            assert found.low <= found.value - 1.95 * found.standard_error, name
            assert found.high >= found.value + 1.95 * found.standard_error, name


def test_one_cluster_says_nothing_about_the_spread() -> None:
    log = ope.Logged([0, 1], [1.0, 2.0], [0.5, 0.5], [[0.5, 0.5]] * 2, cluster=["u", "u"])
    assert ope.estimate(log, ope.ips).high == math.inf


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"action": [0, 2]}, "action"),
        ({"action": [0.0, 1.0]}, "action"),
        ({"reward": [1.0, math.nan]}, "reward"),
        ({"reward": [1.0]}, "reward"),
        ({"reward": ["one", "two"]}, "reward"),
        ({"propensity": [0.5, 0.0]}, "propensity"),
        ({"propensity": [0.5, 1.5]}, "propensity"),
        ({"target": [[0.5, 0.5], [0.5, 0.6]]}, "target"),
        ({"target": [[0.5, 0.5], [-0.5, 1.5]]}, "target"),
        ({"target": np.zeros((0, 2))}, "target"),
        ({"q_hat": [[1.0, 2.0]]}, "q_hat"),
        ({"cluster": ["u"]}, "cluster"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    good: dict[str, object] = {
        "action": [0, 1],
        "reward": [1.0, 2.0],
        "propensity": [0.5, 0.5],
        "target": [[0.5, 0.5], [0.5, 0.5]],
    }
    with pytest.raises(InputError, match=f"^{field}: got"):
        ope.Logged(**(good | change))  # type: ignore[arg-type]


def test_an_estimator_that_needs_a_model_says_so() -> None:
    log = ope.Logged([0, 1], [1.0, 2.0], [0.5, 0.5], [[0.5, 0.5]] * 2)
    with pytest.raises(InputError, match="q_hat: got None"):
        ope.estimate(log, ope.dr)
    with pytest.raises(InputError, match="level: got 95"):
        ope.estimate(log, ope.ips, level=95)
