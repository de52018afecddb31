"""The gate lets through what is better on held-out decisions, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import InputError
from models.policy.ope import Logged, dr, estimate
from models.registry import Effects
from models.uplift.gate import CANDIDATE, CHAMPION, NO_ONE, RESPONSE, SHARE, judge_candidate
from models.uplift.simulated import SimulatedTrial, simulated_trial


@pytest.fixture(scope="module")
def trials() -> tuple[SimulatedTrial, SimulatedTrial]:
    return simulated_trial(6000, seed=31, strength=2.5), simulated_trial(12_000, seed=33, strength=2.5)


def truth(drawn: SimulatedTrial, noise: float = 0.0, sign: float = 1.0) -> Effects:
    """The true effects, blurred or turned around."""
    n, none = len(drawn.trial), np.zeros((len(drawn.trial), 1))
    blur = np.random.default_rng(0).normal(size=drawn.effect.shape) * noise
    value = np.hstack([none, sign * drawn.effect + blur])
    return Effects(drawn.trial.arms, value, np.hstack([none, drawn.cost]), np.zeros((n, 5)))


def test_a_model_that_knows_the_truth_passes_as_the_first(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    verdict = judge_candidate(train.trial, later.trial, truth(later), None)
    assert verdict.passes
    assert "beats no_one" in verdict.reason
    assert verdict.named(NO_ONE).behind.low > 0


def test_a_model_that_is_wrong_about_everybody_does_not_pass(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    verdict = judge_candidate(train.trial, later.trial, truth(later, sign=-1.0), None)
    assert not verdict.passes
    assert "not shown to beat no_one" in verdict.reason


def test_a_challenger_must_beat_the_champion_not_only_no_one(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    same = judge_candidate(train.trial, later.trial, truth(later), truth(later))
    assert not same.passes
    assert same.named(CHAMPION).behind.value == 0.0
    better = judge_candidate(train.trial, later.trial, truth(later), truth(later, sign=-1.0))
    assert better.passes
    assert "beats champion" in better.reason


def test_everybody_keeps_to_the_same_budget(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    mine = truth(later, noise=300)
    verdict = judge_candidate(train.trial, later.trial, mine, truth(later), budget_share=0.4)
    for name in (CANDIDATE, CHAMPION, RESPONSE, SHARE):
        spent = verdict.named(name).cost
        assert spent.low <= verdict.budget_per_decision * 1.02


def test_profits_are_the_doubly_robust_values_of_the_policies(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    verdict = judge_candidate(train.trial, later.trial, truth(later), None)
    none = Logged(later.trial.treatment, later.trial.net, later.trial.taken, np.eye(5)[np.zeros(12_000, dtype=int)],
                  np.zeros((12_000, 5)))  # fmt: skip
    plain = estimate(none, dr)  # without predictions DR is IPS: the same target, more noise
    assert abs(verdict.named(NO_ONE).profit.value - plain.value) < 3 * plain.standard_error
    assert verdict.named(NO_ONE).cost.value == pytest.approx(0.0, abs=1e-6)


def test_a_model_that_would_give_nothing_is_not_promoted(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    nothing = Effects(later.trial.arms, *(np.zeros((12_000, 5)) for _ in range(3)))
    verdict = judge_candidate(train.trial, later.trial, nothing, None)
    assert not verdict.passes
    assert verdict.budget_per_decision == 0.0


def test_figures_are_flat_and_named_by_policy(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    figures = judge_candidate(train.trial, later.trial, truth(later), None).figures()
    assert {"candidate_profit_cents_low", "lead_over_response_ranking_cents", "no_one_effective_rows"} <= set(figures)
    assert all(isinstance(value, float) for value in figures.values())


def test_a_budget_share_outside_its_range_is_refused(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    with pytest.raises(InputError, match="budget_share: got 0"):
        judge_candidate(trials[0].trial, trials[1].trial, truth(trials[1]), None, budget_share=0)
