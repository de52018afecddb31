"""The gate lets through what is better on held-out decisions, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError
from models.policy.ope import Logged, dr, estimate
from models.registry import Effects
from models.uplift.promotion.gate import CANDIDATE, CHALLENGER, CHAMPION, NO_ONE, RESPONSE, SHARE, judge_candidate
from models.uplift.promotion.gate_nuisance import yardstick
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


def test_of_two_contenders_the_better_one_wins(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    wrong, right = truth(later, sign=-1.0), truth(later)
    verdict = judge_candidate(train.trial, later.trial, wrong, wrong, challenger=right)
    assert (verdict.winner, verdict.passes) == (CHALLENGER, False)
    assert "the challenger beats champion" in verdict.reason
    verdict = judge_candidate(train.trial, later.trial, right, wrong, challenger=wrong)
    assert (verdict.winner, verdict.passes) == (CANDIDATE, True)


def test_two_contenders_share_the_chance_of_error(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    mine = truth(later, noise=2000)
    alone = judge_candidate(train.trial, later.trial, mine, None)
    beside = judge_candidate(train.trial, later.trial, mine, None, challenger=truth(later))
    assert (alone.level, beside.level) == (0.95, 0.975)
    assert beside.leads[CANDIDATE].low < alone.leads[CANDIDATE].low
    assert beside.leads[CANDIDATE].value == pytest.approx(alone.leads[CANDIDATE].value)


def test_a_policy_that_thinks_its_coupons_cheap_may_not_spend_more(
    trials: tuple[SimulatedTrial, SimulatedTrial],
) -> None:
    train, later = trials
    honest = truth(later)
    cheap = Effects(honest.arms, honest.value, honest.cost * 0.2, honest.redeem)
    verdict = judge_candidate(train.trial, later.trial, honest, cheap, budget_share=0.3)
    cost = yardstick(train.trial, later.trial)
    for name in (CANDIDATE, CHAMPION, RESPONSE, SHARE):
        assert (verdict.targets[name] * cost).sum() <= verdict.budget_per_decision * 12_000 * (1 + 1e-9)


def test_a_lead_is_shown_by_users_and_not_by_decisions(trials: tuple[SimulatedTrial, SimulatedTrial]) -> None:
    train, later = trials
    n = len(later.trial) // 4
    once = later.trial.rows(np.arange(n))
    four_times = replace(later.trial.rows(np.tile(np.arange(n), 4)), cluster=np.tile(np.arange(n), 4).astype(object))
    mine = truth(later)
    few = Effects(mine.arms, mine.value[:n], mine.cost[:n], mine.redeem[:n])
    many = Effects(mine.arms, *(np.tile(part[:n], (4, 1)) for part in (mine.value, mine.cost, mine.redeem)))
    lead, repeated = (
        judge_candidate(train.trial, trial, own, None).named(NO_ONE).behind
        for trial, own in ((once, few), (four_times, many))
    )
    assert repeated.standard_error == pytest.approx(lead.standard_error, rel=0.02)


def test_a_useless_model_passes_at_most_one_time_in_forty() -> None:
    train = simulated_trial(1500, seed=900, strength=0.0).trial
    passed = 0
    for seed in range(24):
        later = simulated_trial(800, seed=1000 + seed, strength=0.0)
        value = np.random.default_rng(seed).normal(0, 300, (800, 5))
        value[:, 0] = 0
        noise = Effects(later.trial.arms, value, np.hstack([np.zeros((800, 1)), later.cost]), np.zeros((800, 5)))
        passed += judge_candidate(train, later.trial, noise, None).leads[CANDIDATE].low > 0
    assert passed <= 3  # four or more happen in 0.3 % of such series
