"""The comparison finds the true order of policies, and each baseline is the policy its name says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.policy.assign import NONE, Policy, Prices
from models.policy.compare import BEST_ARM, NO_ONE, POLICY, RANDOM, RESPONSE, Decisions, compare
from models.policy.price import best_offer

RULE = Policy((NONE, "a", "b"), Prices.of_cost(0.5, 3), exploration=0.3, holdout=0.1, salt="salt")


def trial(rows: int, seed: int) -> tuple[Decisions, np.ndarray]:
    """A randomised log, two decisions a user, whose effects the model knows up to noise; and the true effects."""
    rng = np.random.default_rng(seed)
    effect, cost = np.zeros((rows, 3)), np.zeros((rows, 3))
    effect[:, 1:] = rng.normal([10.0, -10], 60, (rows, 2))
    cost[:, 1:] = rng.gamma(2, [10.0, 20], (rows, 2))
    baseline = rng.gamma(2, 50, rows)
    chances = np.array([0.5, 0.3, 0.2])
    action = rng.choice(3, rows, p=chances)
    at = np.arange(rows), action
    believed = effect + rng.normal(0, 20, (rows, 3)) * [0, 1, 1]
    users = [f"u{row // 2}" for row in range(rows)]
    decisions = Decisions(
        action=action,
        eligible=np.ones((rows, 3), dtype=bool),
        propensity=chances[action],
        profit_cents=baseline + effect[at] + rng.normal(0, 40, rows),
        cost_cents=cost[at] * rng.binomial(1, 0.5, rows) * 2,
        user_ids=users,
        effect=believed,
        effect_cost=cost,
        baseline=baseline + 5,
    )
    return decisions, effect


def test_every_true_value_lies_in_its_interval_as_often_as_it_should() -> None:
    names = (POLICY, NO_ONE, "everyone:a", "everyone:b", BEST_ARM, RANDOM)
    inside = dict.fromkeys(names, 0)
    logs = 100
    for seed in range(logs):
        decisions, effect = trial(600, seed)
        mine = best_offer(decisions.effect, decisions.effect_cost, 0.5)
        lifts = {
            POLICY: effect[np.arange(600), mine].mean(),
            NO_ONE: 0.0,
            "everyone:a": effect[:, 1].mean(),
            "everyone:b": effect[:, 2].mean(),
            BEST_ARM: effect[:, 1].mean(),
            RANDOM: effect.mean(),
        }
        found = compare(RULE, decisions)
        for name in names:
            inside[name] += found.named(name).lift.low - 1e-9 <= lifts[name] <= found.named(name).lift.high + 1e-9
    assert all(count >= 0.9 * logs for count in inside.values()), inside
    assert inside[NO_ONE] == logs


def test_a_good_policy_is_ahead_of_every_baseline() -> None:
    decisions, _ = trial(4_000, 1)
    found = compare(RULE, decisions)
    assert found.standings[0].name == POLICY
    assert found.best_arm == "a"
    for name in (NO_ONE, RANDOM, BEST_ARM, RESPONSE, "everyone:b"):
        assert found.named(name).behind_policy.low > 0, name
    assert found.named(POLICY).lift.low > 0


def test_response_ranking_spends_what_the_policy_is_expected_to_spend() -> None:
    decisions, _ = trial(3_000, 2)
    found = compare(RULE, decisions)
    assert found.named(RESPONSE).cost.value == pytest.approx(found.named(POLICY).cost.value, rel=0.2)
    assert 0 < found.named(RESPONSE).offer_share < 1


def test_exploration_and_holdout_of_the_policy_are_left_out() -> None:
    decisions, _ = trial(500, 3)
    bare = dataclasses.replace(RULE, exploration=0.0, holdout=0.0)
    assert compare(RULE, decisions) == compare(bare, decisions)


def test_where_an_arm_is_not_eligible_its_policy_gives_none() -> None:
    decisions, _ = trial(500, 4)
    eligible = decisions.eligible.copy()
    eligible[:100, 1] = decisions.action[:100] == 1
    eligible[:, 0] = False  # none is always possible, whatever the mask says
    found = compare(RULE, dataclasses.replace(decisions, eligible=eligible))
    assert found.named("everyone:a").offer_share == pytest.approx(eligible[:, 1].mean())


def test_figures_are_flat_and_carry_intervals_and_effective_samples() -> None:
    decisions, _ = trial(500, 5)
    figures = compare(RULE, decisions).figures()
    for part in ("profit", "profit_low", "profit_high", "profit_snips", "lift_low", "cost", "ess", "largest_weight"):
        assert f"policy_{part}" in figures
        assert f"everyone_a_{part}" in figures
    assert figures["decisions"] == 500
    assert figures["no_one_lift"] == 0
    assert all(isinstance(value, float | int | str | bool) for value in figures.values())
