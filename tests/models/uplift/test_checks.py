"""Trials that went wrong fail the check that says how; sound ones pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.uplift.checks import Check, check_trial
from models.uplift.checks.check import chi_squared, mean_is_zero
from models.uplift.simulated import simulated_trial
from models.uplift.trial import Trial

NAMES = (
    "sample_ratio", "sample_ratio_over_time", "balance", "overlap",
    "attrition", "repeated_units", "interference", "arm_size",
)  # fmt: skip


def failed(trial: Trial) -> set[str]:
    return {check.name for check in check_trial(trial) if not check.passed}


def found(trial: Trial, name: str) -> Check:
    return next(check for check in check_trial(trial) if check.name == name)


def sound(n: int, seed: int) -> Trial:
    """A simulated trial with times, ids and nobody missing."""
    rng = np.random.default_rng(seed)
    time = np.datetime64("2026-03-01T00:00", "us") + rng.integers(0, 14 * 86_400, n) * np.timedelta64(1, "s")
    trial = simulated_trial(n, seed).trial
    unit = np.array([f"c{i}" for i in range(n)], dtype=object)
    return replace(trial, time=time.astype("datetime64[us]"), unit=unit, missing=np.zeros(5, dtype=np.int64))


@pytest.mark.parametrize("seed", range(6))
def test_a_sound_trial_passes_even_when_propensities_differ_by_tier(seed: int) -> None:
    trial = sound(4000, seed)
    assert failed(trial) == set()
    assert tuple(check.name for check in check_trial(trial)) == NAMES
    assert failed(simulated_trial(4000, seed).trial) == set()


def test_a_sound_trial_drawn_by_households_passes() -> None:
    for seed in range(5):
        trial = simulated_trial(1000, seed).trial
        rows = np.repeat(np.arange(1000), 4)  # members of a household share everything, the arm too
        names = np.array([f"h{i}" for i in rows], dtype=object)
        assert failed(replace(trial.rows(rows), cluster=names)) == set()


def test_units_lost_from_one_arm_fail_the_sample_ratio() -> None:
    trial = simulated_trial(8000, seed=1).trial
    rng = np.random.default_rng(0)
    kept = (trial.treatment != 2) | (rng.random(len(trial)) < 0.8)
    assert "sample_ratio" in failed(trial.rows(kept))
    assert found(trial.rows(kept), "sample_ratio").words.en.startswith("Sample ratio mismatch: the arms have")
    names = np.arange(8000)[kept].astype(object)
    assert "sample_ratio" in failed(replace(trial.rows(kept), cluster=names))


@pytest.mark.parametrize("empirical", [True, False])
def test_a_split_that_changed_on_the_way_fails_over_time_only(empirical: bool) -> None:
    trial = sound(6000, 3)
    assert trial.time is not None
    chances = np.full((6000, 5), 0.2)
    late = trial.time >= np.datetime64("2026-03-10")
    rng = np.random.default_rng(1)
    early_arm, late_arm = rng.integers(0, 5, 6000), rng.choice(5, 6000, p=[0.1, 0.3, 0.2, 0.2, 0.2])
    wrong = replace(trial, treatment=np.where(late, late_arm, early_arm), propensity=chances, empirical=empirical)
    check = found(wrong, "sample_ratio_over_time")
    assert not check.passed
    assert "none got" in check.words.en or "flat_5 got" in check.words.en
    assert "2026-03-1" in check.words.en
    assert found(replace(wrong, treatment=early_arm), "sample_ratio_over_time").passed


def test_an_arm_given_to_active_customers_fails_the_balance() -> None:
    trial = simulated_trial(8000, seed=1).trial
    active = (trial.X.orders_90d > 1).to_numpy()
    treatment = np.where(active & (np.arange(8000) % 5 == 0), 3, trial.treatment)
    check = found(replace(trial, treatment=treatment), "balance")
    assert not check.passed
    assert "orders_90d (pct_10)" in check.words.en
    assert check.words.en.startswith("The arms are not alike before the treatment")


def test_small_differences_in_many_features_fail_together() -> None:
    trial = simulated_trial(6000, seed=4, features=40).trial
    rng = np.random.default_rng(2)
    noise = trial.X.filter(like="noise_").to_numpy()
    # Each feature moves the arm a little: no single one is beyond what the worst of many is by chance.
    push = 0.28 * noise.sum(axis=1) / np.sqrt(noise.shape[1])
    treatment = (rng.random(6000) < 1 / (1 + np.exp(-push))).astype(np.int64)
    pair = replace(
        trial, treatment=treatment, arms=("none", "coupon"), propensity=np.full((6000, 2), 0.5), empirical=True
    )
    check = found(pair, "balance")
    assert not check.passed
    assert "all features together" in check.words.en


def test_units_missing_a_feature_in_one_arm_fail_the_balance() -> None:
    trial = simulated_trial(4000, seed=2).trial
    X = trial.X.copy()
    X.loc[trial.treatment == 1, "coupon_share"] = np.nan
    assert "balance" in failed(replace(trial, X=X))


def test_balance_is_judged_by_cluster_where_clusters_were_drawn() -> None:
    rng = np.random.default_rng(7)
    trial = simulated_trial(4000, seed=7).trial
    shop = np.repeat(np.arange(40), 100)
    X = trial.X.assign(rain=rng.normal(size=40)[shop])
    treatment = rng.permutation(np.arange(40) % 2)[shop]
    drawn = replace(
        trial, X=X, treatment=treatment, arms=("none", "coupon"), propensity=np.full((4000, 2), 0.5), empirical=True
    )
    assert "balance" in failed(drawn)  # rows are no draws: 40 shops always differ
    assert failed(replace(drawn, cluster=shop.astype(object))) == set()


def test_a_propensity_near_zero_fails_the_overlap() -> None:
    trial = simulated_trial(4000, seed=2).trial
    propensity = trial.propensity.copy()
    propensity[0] = 0.2495
    propensity[0, trial.treatment[0]] = 0.002
    assert "overlap" in failed(replace(trial, propensity=propensity))


def test_an_arm_that_some_could_not_get_contradicts_equal_chances() -> None:
    trial = simulated_trial(4000, seed=5).trial
    rng = np.random.default_rng(5)
    treatment = np.where(trial.X.tier == "gold", 0, rng.integers(0, 2, 4000))
    assigned = replace(
        trial, treatment=treatment, arms=("none", "coupon"), propensity=np.tile([0.55, 0.45], (4000, 1)), empirical=True
    )
    check = found(assigned, "overlap")
    assert not check.passed
    assert "could hardly have got coupon" in check.words.en


def test_missing_outcomes_fail_only_when_they_differ_by_arm() -> None:
    trial = sound(4000, 1)
    sizes = np.bincount(trial.treatment)
    alike = found(replace(trial, missing=sizes // 10), "attrition")
    assert alike.passed
    assert "are left out" in alike.words.en
    apart = found(replace(trial, missing=sizes * [0, 0, 0, 1, 0] // 5), "attrition")
    assert not apart.passed
    assert apart.words.en.startswith("Attrition differs by arm")
    assert "pct_10 16." in apart.words.en
    assert np.isnan(found(replace(trial, missing=None), "attrition").figure)


def test_repeated_units_need_a_cluster() -> None:
    trial = sound(2000, 2)
    unit = np.array([f"c{i // 2}" for i in range(2000)], dtype=object)
    repeated = replace(trial, unit=unit)
    check = found(repeated, "repeated_units")
    assert not check.passed
    assert check.words.en.startswith("Repeated units: 1,000 of 1,000 units occur in several rows")
    together = found(replace(repeated, cluster=unit), "repeated_units")
    assert together.passed
    assert "may still act in a later row" in together.words.en
    torn = replace(repeated, cluster=np.arange(2000).astype(object))
    assert not found(torn, "repeated_units").passed
    assert found(replace(trial, unit=None), "repeated_units").passed


def test_clusters_with_several_arms_are_noted_and_never_failed() -> None:
    trial = sound(2000, 3)
    homes = np.array([f"h{i // 2}" for i in range(2000)], dtype=object)
    mixed = found(replace(trial, cluster=homes), "interference")
    assert mixed.passed
    assert mixed.figure > 0.5
    assert "effects are understated" in mixed.words.en
    alike = found(replace(trial, cluster=homes, treatment=trial.treatment[np.arange(2000) // 2 * 2]), "interference")
    assert alike.figure == 0
    assert "cannot show" in found(trial, "interference").words.en
    assert "single row" in found(replace(trial, cluster=np.arange(2000).astype(object)), "interference").words.en


def test_a_tiny_arm_fails_the_size() -> None:
    trial = simulated_trial(4000, seed=2).trial
    few = np.flatnonzero(trial.treatment == 4)[60:]
    assert "arm_size" in failed(trial.rows(np.setdiff1d(np.arange(4000), few)))


def test_empirical_propensities_cannot_show_a_sample_ratio() -> None:
    trial = replace(simulated_trial(1000, seed=1).trial, empirical=True)
    check = check_trial(trial)[0]
    assert check.passed
    assert np.isnan(check.figure)


def test_chances_of_the_arms_taken_alone_leave_the_ratio_open() -> None:
    trial = sound(3000, 4)
    hidden = np.full((3000, 5), np.nan)
    hidden[np.arange(3000), trial.treatment] = trial.taken
    assert failed(replace(trial, propensity=hidden)) == set()


def test_a_column_of_one_value_is_no_difference_whatever_it_rounds_to() -> None:
    trial = sound(3000, 6)
    assert failed(replace(trial, X=trial.X.assign(rate=0.1, tiny=1e-300, huge=1e17 / 3))) == set()


def test_tiny_trials_and_odd_columns_have_defined_checks() -> None:
    trial = sound(120, 5)
    odd = trial.X.assign(empty=np.nan, constant=1.0, copy=trial.X["average_basket"])
    checks = check_trial(replace(trial, X=odd))
    assert len(checks) == len(NAMES)
    assert {check.name for check in checks if not check.passed} <= {"arm_size"}
    assert all(check.words.en and check.words.zh for check in checks)
    assert found(replace(trial, X=odd[["empty", "constant"]]), "balance").passed


@pytest.mark.parametrize("clustered", [False, True])
def test_the_joint_test_keeps_its_level(clustered: bool) -> None:
    rng = np.random.default_rng(0)
    low, times = 0, 400
    for _ in range(times):
        names = np.repeat(np.arange(100), 3) if clustered else None
        shared = rng.normal(size=(100, 6))[names] if clustered else rng.normal(size=(300, 6))
        low += mean_is_zero(shared + rng.exponential(1, (300, 6)) - 1, names) < 0.05
    assert 0.02 <= low / times <= 0.09


def test_the_joint_test_leaves_out_columns_that_repeat_others() -> None:
    table = np.random.default_rng(1).normal(size=(500, 3))
    doubled = np.column_stack([table, table[:, 0], np.zeros(500), table[:, 1] - table[:, 2]])
    assert mean_is_zero(doubled, None) == pytest.approx(mean_is_zero(table, None), rel=1e-6)
    assert np.isnan(mean_is_zero(table[:6], None))
    assert mean_is_zero(np.zeros((10, 2)), None) == 1.0


def test_finding_what_cannot_be_is_certain() -> None:
    assert chi_squared(np.array([1.0, 5.0]), np.array([0.0, 6.0]), 1) == 0.0
    assert chi_squared(np.array([0.0, 6.0]), np.array([0.0, 6.0]), 1) == 1.0


def test_units_without_an_outcome_are_a_matter_of_attrition_not_of_the_sample_ratio() -> None:
    trial = simulated_trial(4_000, 5).trial
    even = replace(
        trial,
        treatment=np.arange(4_000) % 5,
        propensity=np.full((4_000, 5), 0.2),
        missing=np.array([0, 0, 0, 0, 0]),
    )
    kept = even.rows((even.treatment < 4) | (np.arange(4_000) % 10 != 9))
    lost = replace(kept, missing=np.array([0, 0, 0, 0, 4_000 - len(kept)]))
    assert not found(replace(kept, missing=None), "sample_ratio").passed
    assert found(lost, "sample_ratio").passed
    assert not found(lost, "attrition").passed
