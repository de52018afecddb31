"""Rank-weighted effects equal loops over ranks, ignore the order of ties, and their intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.uplift.rate import Weighting, rate, rate_difference, toc
from oracles import calibration as oracle

WEIGHTINGS: tuple[Weighting, ...] = ("autoc", "qini")


def scored(
    seed: int, n: int, heavy: bool = False, clusters: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """A noisy prediction, scores around effects that are convex in it, and cluster names."""
    rng = np.random.default_rng([3, seed])
    names = np.repeat(np.arange(clusters), n // clusters) if clusters else None
    shared = np.zeros(n) if names is None else rng.normal(size=clusters)[names]
    x = 0.7 * rng.normal(size=n) + 0.7 * shared
    noise = rng.lognormal(0, 1.2, n) - math.exp(0.72) if heavy else 2 * rng.normal(size=n)
    return x + 0.5 * rng.normal(size=n), 0.5 * np.maximum(x, 0) ** 2 + noise + shared, names


@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("seed", range(3))
def test_values_equal_loops_over_ranks(seed: int, levels: int) -> None:
    effect, scores, _ = scored(seed, 60)
    if levels:
        effect = np.round(effect * levels / 4)
    curve = oracle.toc(effect, scores)
    ranks = np.arange(1, 61) / 60
    assert toc(effect, scores, share=ranks).value == pytest.approx(curve)
    for weighting in WEIGHTINGS:
        assert rate(effect, scores, weighting).value == pytest.approx(oracle.rate(effect, scores, weighting))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("levels", [0, 3])
def test_errors_agree_with_drawing_halves(weighting: Weighting, levels: int) -> None:
    effect, scores, _ = scored(5, 500)
    if levels:
        effect = np.round(effect)
    drawn = oracle.half_sample_error(effect.tolist(), scores.tolist(), weighting, times=600, seed=1)
    assert rate(effect, scores, weighting).standard_error == pytest.approx(drawn, rel=0.12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_shuffling_tied_rows_changes_nothing(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    effect, scores = rng.integers(0, levels, 60).astype(float), rng.normal(size=60)
    names, order = rng.integers(0, 20, 60), rng.permutation(60)
    for weighting in WEIGHTINGS:
        here = rate(effect, scores, weighting, names)
        there = rate(effect[order], scores[order], weighting, names[order])
        assert (here.value, here.low) == pytest.approx((there.value, there.low), abs=1e-12)
    here, there = toc(effect, scores, names), toc(effect[order], scores[order], names[order])
    assert here.low == pytest.approx(there.low, abs=1e-9)


def test_monotone_transforms_of_the_score_change_nothing() -> None:
    effect, scores, _ = scored(1, 300)
    assert rate(np.exp(effect), scores) == rate(effect, scores)


def test_a_score_that_ranks_nobody_has_rate_zero_and_no_doubt() -> None:
    _, scores, _ = scored(2, 200)
    for weighting in WEIGHTINGS:
        found = rate(np.ones(200), scores, weighting)
        assert (found.value, found.standard_error) == pytest.approx((0, 0), abs=1e-12)
    assert toc(np.ones(200), scores).value == pytest.approx(np.zeros(100), abs=1e-12)


def test_treating_everybody_is_worth_no_more_than_treating_everybody() -> None:
    effect, scores, _ = scored(3, 200)
    found = toc(effect, scores, share=[0.5, 1.0])
    assert found.value[1] == pytest.approx(0)
    assert found.high[1] - found.low[1] == pytest.approx(0, abs=1e-9)
    assert found.high[0] > found.low[0]


@pytest.mark.parametrize(("heavy", "clusters", "n"), [(False, 0, 800), (False, 200, 800), (True, 0, 1500)])
def test_intervals_cover(heavy: bool, clusters: int, n: int) -> None:
    size = 1_000_000
    effect, scores, _ = scored(10**6, size, heavy, size // 4 if clusters else 0)
    shares = [0.2, 0.5]
    truth = [*(rate(effect, scores, w).value for w in WEIGHTINGS), *toc(effect, scores, share=shares).value]
    held, times = np.zeros(4), 300
    for seed in range(times):
        effect, scores, names = scored(seed, n, heavy, clusters)
        found = [rate(effect, scores, w, names) for w in WEIGHTINGS]
        curve = toc(effect, scores, names, shares)
        low = np.array([*(one.low for one in found), *curve.low])
        high = np.array([*(one.high for one in found), *curve.high])
        held += (low <= truth) & (truth <= high)
    assert ((held / times >= 0.91) & (held / times <= 0.985)).all(), held / times


def test_a_difference_of_rankings_is_that_of_the_values_and_narrower() -> None:
    effect, scores, _ = scored(7, 1000)
    other = effect + 0.1 * np.random.default_rng(0).normal(size=1000)
    one, two = rate(effect, scores), rate(other, scores)
    gap = rate_difference(effect, other, scores)
    assert gap.value == pytest.approx(one.value - two.value)
    assert gap.standard_error < 0.6 * math.hypot(one.standard_error, two.standard_error)
    assert rate_difference(effect, effect, scores).standard_error == 0


@pytest.mark.parametrize(
    ("effect", "scores", "field"),
    [
        ([], [], "effect"),
        ([1.0], [1.0, 2.0], "effect"),
        ([np.nan, 1.0], [1.0, 2.0], "effect"),
        ([1.0, 2.0], [np.inf, 2.0], "scores"),
    ],
)
def test_bad_input_names_the_field(effect: list[float], scores: list[float], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: got"):
        rate(effect, scores)
    with pytest.raises(InputError, match=f"^{field}: got"):
        toc(effect, scores)


def test_shares_and_weightings_outside_their_range_are_refused() -> None:
    with pytest.raises(InputError, match="share: got"):
        toc([1.0, 2.0], [1.0, 2.0], share=[0.0])
    with pytest.raises(InputError, match="weighting: got 'other'"):
        rate([1.0, 2.0], [1.0, 2.0], "other")  # type: ignore[arg-type]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_ranking_of_one_tie_is_exactly_zero_not_a_rounding_with_an_interval(weighting: Weighting) -> None:
    scores = 0.1 + np.random.default_rng(11).lognormal(8, 2, 4001)
    found, curve = rate(np.full(4001, 0.3), scores, weighting), toc(np.full(4001, 0.3), scores)
    assert (found.low, found.value, found.high) == (0, 0, 0)
    assert not curve.value.any()
    assert not curve.high.any()
