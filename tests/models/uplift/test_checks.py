"""Trials that went wrong fail the check that says how; sound ones pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.uplift.checks import check_trial
from models.uplift.simulated import simulated_trial
from models.uplift.trial import Trial


def failed(trial: Trial) -> set[str]:
    return {check.name for check in check_trial(trial) if not check.passed}


@pytest.mark.parametrize("seed", range(4))
def test_a_sound_trial_passes_even_when_propensities_differ_by_tier(seed: int) -> None:
    assert failed(simulated_trial(4000, seed).trial) == set()


def test_units_lost_from_one_arm_fail_the_sample_ratio() -> None:
    trial = simulated_trial(8000, seed=1).trial
    rng = np.random.default_rng(0)
    kept = (trial.treatment != 2) | (rng.random(len(trial)) < 0.8)
    assert "sample_ratio" in failed(trial.rows(kept))


def test_an_arm_given_to_active_customers_fails_the_balance() -> None:
    trial = simulated_trial(8000, seed=1).trial
    active = (trial.X.orders_90d > 1).to_numpy()
    treatment = np.where(active & (np.arange(8000) % 5 == 0), 3, trial.treatment)
    found = next(check for check in check_trial(replace(trial, treatment=treatment)) if check.name == "balance")
    assert not found.passed
    assert "orders_90d (pct_10)" in found.words.en


def test_units_missing_a_feature_in_one_arm_fail_the_balance() -> None:
    trial = simulated_trial(4000, seed=2).trial
    X = trial.X.copy()
    X.loc[trial.treatment == 1, "coupon_share"] = np.nan
    assert "balance" in failed(replace(trial, X=X))


def test_a_propensity_near_zero_fails_the_overlap() -> None:
    trial = simulated_trial(4000, seed=2).trial
    propensity = trial.propensity.copy()
    propensity[0] = 0.2495
    propensity[0, trial.treatment[0]] = 0.002
    assert "overlap" in failed(replace(trial, propensity=propensity))


def test_a_tiny_arm_fails_the_size() -> None:
    trial = simulated_trial(4000, seed=2).trial
    few = np.flatnonzero(trial.treatment == 4)[60:]
    assert "arm_size" in failed(trial.rows(np.setdiff1d(np.arange(4000), few)))


def test_empirical_propensities_cannot_show_a_sample_ratio() -> None:
    trial = replace(simulated_trial(1000, seed=1).trial, empirical=True)
    found = check_trial(trial)[0]
    assert found.passed
    assert np.isnan(found.figure)
