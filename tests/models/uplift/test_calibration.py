"""Calibrated predictions have slope one, groups keep their order, and clusters widen the intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.uplift.calibration import blp, calibrated, gates, memberships
from oracles import calibration as oracle


def scored(seed: int, n: int = 400, spread: float = 1.0, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """True effects and scores around them."""
    rng = np.random.default_rng(seed)
    effect = 0.5 + spread * rng.normal(size=n)
    return effect, effect + noise * rng.normal(size=n)


@pytest.mark.parametrize("seed", range(4))
def test_the_predictor_equals_least_squares_with_a_sandwich_over_clusters(seed: int) -> None:
    effect, scores = scored(seed, 120)
    cluster = np.random.default_rng(seed).integers(0, 40, 120)
    found, expected = blp(effect, scores, cluster), oracle.least_squares(effect, scores, cluster.tolist())
    assert found.mean.value == pytest.approx(expected["mean"])
    assert found.slope.value == pytest.approx(expected["slope"])
    assert found.slope.standard_error == pytest.approx(expected["slope_error"])
    alone = oracle.least_squares(effect, scores, range(120))
    assert blp(effect, scores).slope.standard_error == pytest.approx(alone["slope_error"])


def test_predictions_that_spread_too_far_have_a_slope_below_one() -> None:
    effect, scores = scored(2, 5000)
    centre = effect.mean()
    assert calibrated(blp(effect, scores))
    found = blp(centre + 3 * (effect - centre), scores)
    assert found.slope.value == pytest.approx(blp(effect, scores).slope.value / 3)
    assert not calibrated(found)
    assert found.slope.above_zero


def test_equal_predictions_have_no_slope_and_equal_groups() -> None:
    _, scores = scored(2)
    found = blp(np.full(400, 0.1 + 0.2), scores)
    assert math.isnan(found.slope.value)
    assert not calibrated(found)
    groups = gates(np.full(400, 0.3), scores)
    assert [group.value for group in groups.groups] == pytest.approx([scores.mean()] * 5)
    assert groups.top_minus_bottom.value == pytest.approx(0)
    assert groups.monotone


@pytest.mark.parametrize("groups", [2, 4, 5])
def test_groups_equal_the_mean_over_random_orders_of_ties(groups: int) -> None:
    rng = np.random.default_rng(groups)
    effect, scores = rng.integers(0, 7, 40).astype(float), rng.normal(size=40)
    expected = oracle.group_means(effect, scores, groups, shuffles=20_000, seed=0)
    assert [group.value for group in gates(effect, scores, groups).groups] == pytest.approx(expected, abs=0.02)


def test_groups_without_ties_are_plain_means_with_their_errors() -> None:
    effect, scores = scored(3, 100)
    found = gates(effect, scores, 4)
    part = scores[np.argsort(effect)[75:]]
    assert found.groups[3].value == pytest.approx(part.mean())
    assert found.groups[3].standard_error == pytest.approx(part.std() / math.sqrt(25) * math.sqrt(100 / 99))
    assert found.predicted[3] == pytest.approx(np.sort(effect)[75:].mean())
    assert found.top_minus_bottom.value == pytest.approx(found.groups[3].value - found.groups[0].value)
    assert sum(step.value for step in found.steps) == pytest.approx(found.top_minus_bottom.value)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(2, 6))
def test_the_order_of_rows_changes_nothing(seed: int, levels: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    effect, scores = rng.integers(0, levels, 50).astype(float), rng.normal(size=50)
    order = rng.permutation(50)
    here, there = gates(effect, scores, groups), gates(effect[order], scores[order], groups)
    for one, other in zip(here.groups, there.groups, strict=True):
        assert one.low == pytest.approx(other.low, abs=1e-9)
    assert blp(effect, scores).mean.high == pytest.approx(blp(effect[order], scores[order]).mean.high)
    share = memberships(effect, groups)
    assert share.sum(axis=1) == pytest.approx(np.ones(50))
    assert share.sum(axis=0) == pytest.approx(np.full(groups, 50 / groups))


def test_predictions_that_rank_backwards_are_not_monotone() -> None:
    effect, scores = scored(4, 4000)
    assert gates(effect, scores).monotone
    assert gates(effect, scores).top_minus_bottom.above_zero
    assert not gates(-effect, scores).monotone


def test_repeating_every_unit_in_a_cluster_narrows_nothing() -> None:
    effect, scores = scored(5, 200)
    twice, names = np.repeat(effect, 3), np.repeat(np.arange(200), 3)
    repeated = gates(twice, np.repeat(scores, 3), 5, cluster=names)
    assert repeated.groups[0].standard_error == pytest.approx(gates(effect, scores, 5).groups[0].standard_error)
    slope = blp(twice, np.repeat(scores, 3), cluster=names).slope
    assert slope.standard_error == pytest.approx(blp(effect, scores).slope.standard_error)


@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_cover(clustered: bool) -> None:
    held, times = np.zeros(3), 300
    rng = np.random.default_rng(11)
    middle_of_top = 0.5 + 1.3998  # mean of the highest fifth of a normal
    for _ in range(times):
        names = np.repeat(np.arange(150), 4) if clustered else None
        shared = np.repeat(rng.normal(size=150), 4) if clustered else 0.0
        effect, scores = scored(int(rng.integers(1 << 30)), 600)
        scores = scores + shared
        found, groups = blp(effect, scores, names), gates(effect, scores, 5, names)
        held += [
            found.slope.low <= 1 <= found.slope.high,
            found.mean.low <= 0.5 <= found.mean.high,
            groups.groups[4].low <= middle_of_top <= groups.groups[4].high,
        ]
    assert ((held / times >= 0.91) & (held / times <= 0.985)).all(), held / times


@pytest.mark.parametrize(
    ("effect", "scores", "groups", "field"),
    [
        ([], [], 5, "effect"),
        ([1.0, 2.0], [1.0], 2, "effect"),
        ([1.0, np.inf], [1.0, 2.0], 2, "effect"),
        ([1.0, 2.0], [1.0, np.nan], 2, "scores"),
        ([1.0, 2.0], [1.0, 2.0], 3, "groups"),
        ([1.0, 2.0], [1.0, 2.0], 1, "groups"),
    ],
)
def test_bad_input_names_the_field(effect: list[float], scores: list[float], groups: int, field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: got"):
        gates(effect, scores, groups)


def test_one_cluster_says_nothing_about_the_spread() -> None:
    assert blp([1.0, 2.0], [1.0, 2.0], ["a", "a"]).mean.high == math.inf


def test_groups_of_equal_predictions_do_not_differ_by_rounding() -> None:
    scores = np.random.default_rng(12).lognormal(8, 2, 4001)
    found = gates(np.full(4001, 0.3), scores, 5)
    gap = found.top_minus_bottom
    assert (gap.low, gap.value, gap.high) == (0, 0, 0)
    assert found.monotone
