"""95 % intervals hold the truth in 92 to 98 of 100 simulated logs, also where few decisions carry the weight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from models.policy import ope

Floats = NDArray[np.float64]

LOGS = 500
ARMS = 5
SHIFT = np.array([0.0, 0.1, -0.1, 0.2, 0.0])
MIX = np.array([[0.6, -0.3, 0.2, 0.1, 0.0], [0.0, 0.5, -0.5, 0.3, 0.2], [0.1, 0.2, 0.3, -0.6, 0.4]])
ESTIMATORS = {"ips": ope.ips, "snips": ope.snips, "dr": ope.dr, "sndr": ope.sndr}


@dataclass(frozen=True)
class Design:
    """How a log is drawn: ``explore`` is the least chance of an arm times their number."""

    rows: int
    logging: str = "soft"
    target: str = "soft"
    explore: float = 0.1
    reward: str = "normal"
    clusters: bool = False


DESIGNS = {
    "stochastic_target": Design(1000),
    "deterministic_target": Design(1000, target="best"),
    "few_rows": Design(200),
    "users_with_several_decisions": Design(500, clusters=True),
    "heavy_tailed_rewards": Design(2000, reward="lognormal"),
    "heavy_tails_and_small_chances": Design(5000, "greedy", "best", 0.1, "lognormal"),
    "small_chances": Design(2000, "greedy", "best", 0.1, "binary"),
    "target_against_the_log": Design(2000, "greedy", "second", 0.2, "binary"),
    "uneven_constant_chances": Design(3000, "uneven", "uniform", reward="binary"),
}


def softmax(logits: Floats) -> Floats:
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return chances / chances.sum(axis=1, keepdims=True)


def mostly(arm: NDArray[np.intp], explore: float) -> Floats:
    chances = np.full((len(arm), ARMS), explore / ARMS)
    chances[np.arange(len(arm)), arm] += 1 - explore
    return chances


def context(design: Design, rng: np.random.Generator, rows: int) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Chances of the log, of the target and mean rewards, all (n, K); users (n,)."""
    users = np.repeat(np.arange(rows), rng.geometric(0.3, rows))[:rows] if design.clusters else np.arange(rows)
    score = rng.normal(size=(rows, 3))[users] @ MIX
    greedy, best = score.argmax(axis=1), (score + SHIFT).argmax(axis=1)
    logged = {
        "soft": (1 - design.explore) * softmax(score) + design.explore / ARMS,
        "greedy": mostly(greedy, design.explore),
        "uneven": np.tile([0.5, 0.3, 0.15, 0.04, 0.01], (rows, 1)),
    }[design.logging]
    target = {
        "soft": softmax(3 * score),
        "best": np.eye(ARMS)[best],
        "second": mostly((greedy + 1) % ARMS, 0.1),
        "uniform": np.full((rows, ARMS), 1 / ARMS),
    }[design.target]
    mean = {
        "normal": 2 + score,
        "binary": 1 / (1 + np.exp(2.5 - score)),
        "lognormal": 10 * np.exp(1.2**2 / 2) / (1 + np.exp(2 - score)),
    }[design.reward]
    return logged, target, mean, users


def draw(design: Design, seed: int) -> ope.Logged:
    rng = np.random.default_rng([7, seed])
    logged, target, mean, users = context(design, rng, design.rows)
    each = np.arange(design.rows)
    action = (logged.cumsum(axis=1) > rng.random((design.rows, 1))).argmax(axis=1)
    expected = mean[each, action]
    if design.reward == "normal":
        reward = expected + rng.normal(size=design.rows) + (rng.normal(size=design.rows)[users] * design.clusters)
    elif design.reward == "binary":
        reward = (rng.random(design.rows) < expected).astype(float)
    else:
        size = 10 * np.exp(1.2**2 / 2)
        reward = (rng.random(design.rows) < expected / size) * 10 * rng.lognormal(0, 1.2, design.rows)
    model = 0.8 * mean + 0.1 * mean.mean()  # wrong in level and spread
    return ope.Logged(action, reward, logged[each, action], target, model, users if design.clusters else None)


@cache
def truth(name: str) -> float:
    rng = np.random.default_rng([8, 0])
    parts = [context(DESIGNS[name], rng, 200_000) for _ in range(5)]
    return float(np.mean([(target * mean).sum(axis=1).mean() for _, target, mean, _ in parts]))


QUICK = ("stochastic_target", "deterministic_target", "few_rows", "users_with_several_decisions", "small_chances")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in DESIGNS]
)
def test_intervals_cover_on_five_hundred_logs(name: str) -> None:
    held = dict.fromkeys(ESTIMATORS, 0)
    exploded = 0
    for seed in range(LOGS):
        log = draw(DESIGNS[name], seed)
        for kind, estimator in ESTIMATORS.items():
            found = ope.estimate(log, estimator)
            held[kind] += found.low <= truth(name) <= found.high
        exploded += found.exploded
    shares = {kind: count / LOGS for kind, count in held.items()}
    assert all(0.92 <= share <= 0.98 for share in shares.values()), shares
    assert exploded <= 0.02 * LOGS


def test_differences_of_two_policies_cover_too() -> None:
    design = DESIGNS["small_chances"]
    rng = np.random.default_rng([8, 1])
    gaps = []
    for _ in range(5):
        _, best, mean, _ = context(design, rng, 200_000)
        gaps.append(((best - 1 / ARMS) * mean).sum(axis=1).mean())
    gap, held = float(np.mean(gaps)), 0
    for seed in range(LOGS):
        log = draw(design, seed)
        uniform = np.full(log.target.shape, 1 / ARMS)
        other = ope.Logged(log.action, log.reward, log.propensity, uniform, log.q_hat)
        found = ope.difference(log, other, ope.dr)
        held += found.low <= gap <= found.high
    assert 0.92 <= held / LOGS <= 0.985, held / LOGS


@pytest.mark.parametrize("rows", [300, 500])
def test_logs_too_small_for_their_weights_are_flagged(rows: int) -> None:
    design = Design(rows, "greedy", "second", 0.1, "binary")
    found = [ope.estimate(draw(design, seed), ope.dr) for seed in range(100)]
    assert all(one.exploded and one.warning is not None for one in found)


def test_a_log_with_wrong_propensities_is_flagged_by_its_mean_weight() -> None:
    log = draw(DESIGNS["stochastic_target"], 1)
    halved = ope.Logged(log.action, log.reward, log.propensity / 2, log.target, log.q_hat)
    found = ope.estimate(halved, ope.dr)
    assert found.exploded
    assert found.mean_weight == pytest.approx(2, rel=0.1)
    assert found.warning is not None
    assert "average" in found.warning.en
    assert ope.estimate(log, ope.dr).warning is None
