"""Ranking metrics meet the libraries' own values and loops over the definitions, and ignore the order of ties."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.uplift import metrics
from oracles import uplift_metrics as oracle

NAMED: dict[str, Callable[..., float]] = {
    "sklift_qini_auc_score": metrics.sklift_qini,
    "sklift_qini_auc_score_negative_effect_False": lambda s, t, y: metrics.sklift_qini(s, t, y, negative_effect=False),
    "sklift_uplift_auc_score": metrics.sklift_uplift_auc,
    "sklift_uplift_at_30_overall": metrics.uplift_at_k_overall,
    "sklift_uplift_at_30_by_group": metrics.uplift_at_k_by_group,
    "sklift_weighted_average_uplift_overall_10": metrics.weighted_average_uplift_overall,
    "causalml_auuc_score": metrics.causalml_auuc,
    "causalml_auuc_score_raw": lambda s, t, y: metrics.causalml_auuc(s, t, y, normalize=False),
    "causalml_qini_score": metrics.causalml_qini,
    "causalml_qini_score_raw": lambda s, t, y: metrics.causalml_qini(s, t, y, normalize=False),
}


@pytest.mark.real_data
def test_every_value_of_the_libraries_is_met_to_1e_9(real_data: Path) -> None:
    cases = json.loads((real_data / "uplift_metric_oracle.json").read_text())["cases"]
    assert cases
    for case in cases:
        for name, expected in case["expected"].items():
            found = NAMED[name](case["score"], case["treatment"], case["y"])
            assert found == pytest.approx(expected, abs=1e-9, rel=1e-9), (case["name"], name)


def rows(seed: int, n: int = 200, continuous: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = (rng.random(n) < rng.uniform(0.2, 0.8)).astype(int)
    t[:2] = (0, 1)
    y = rng.lognormal(0, 2, n) - 1 if continuous else (rng.random(n) < 0.3).astype(float)
    return rng.permutation(n) + rng.random(n) / 2, t, y


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_metrics_agree_with_loops_over_their_definitions(seed: int, continuous: bool) -> None:
    s, t, y = rows(seed, continuous=continuous)
    near = {"rel": 1e-9, "abs": 1e-9}
    assert metrics.qini_curve(s, t, y).y == pytest.approx(oracle.qini_points(s, t, y), **near)
    assert metrics.uplift_curve(s, t, y).y == pytest.approx(oracle.uplift_points(s, t, y), **near)
    assert metrics.qini_curve(s, t, y).area_over_chord() == pytest.approx(oracle.qini_over_chord(s, t, y), **near)
    assert metrics.uplift_curve(s, t, y).area_over_chord() == pytest.approx(oracle.uplift_over_chord(s, t, y), **near)
    for ours, theirs in (
        (metrics.causalml_auuc, oracle.causalml_auuc_raw),
        (metrics.causalml_qini, oracle.causalml_qini_raw),
    ):
        raw, end = theirs(s, t, y)
        assert ours(s, t, y, normalize=False) == pytest.approx(raw, **near)
        assert ours(s, t, y) == pytest.approx(raw / abs(end), **near)
    for k in (0.1, 0.3, 1.0):
        assert metrics.uplift_at_k_overall(s, t, y, k) == pytest.approx(oracle.uplift_at_k_overall(s, t, y, k), **near)
        assert metrics.uplift_at_k_by_group(s, t, y, k) == pytest.approx(
            oracle.uplift_at_k_by_group(s, t, y, k), **near
        )
    found = metrics.weighted_average_uplift_overall(s, t, y, bins=7)
    assert found == pytest.approx(oracle.weighted_average_uplift(s, t, y, 7), **near)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.booleans())
def test_shuffling_tied_rows_changes_nothing(seed: int, levels: int, continuous: bool) -> None:
    rng = np.random.default_rng(seed)
    _, t, y = rows(seed, 120, continuous)
    s = rng.integers(0, levels, 120).astype(float)
    order = rng.permutation(120)
    for name, metric in NAMED.items():
        if continuous and name == "sklift_uplift_auc_score":
            continue
        assert metric(s[order], t[order], y[order]) == metric(s, t, y), name


@pytest.mark.parametrize("name", NAMED)
def test_equal_scores_are_worth_as_much_as_chance(name: str) -> None:
    _, t, y = rows(3)
    found = NAMED[name](np.ones(200), t, y)
    effect = y[t == 1].mean() - y[t == 0].mean()
    expected = {
        "sklift_uplift_at_30_overall": effect,
        "sklift_uplift_at_30_by_group": effect,
        "sklift_weighted_average_uplift_overall_10": effect,
        "causalml_auuc_score": 0.5 * np.sign(effect),
        "causalml_auuc_score_raw": 0.5 * effect * 200,
    }.get(name, 0.0)
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_perfect_order_scores_one() -> None:
    _, t, y = rows(5)
    assert metrics.sklift_qini(y * t - y * (1 - t), t, y) == pytest.approx(1.0)


def test_ranking_metrics_do_not_change_under_monotone_transforms_of_the_score() -> None:
    s, t, y = rows(6)
    for name, metric in NAMED.items():
        assert metric(np.exp(s / 50), t, y) == metric(s, t, y), name


def test_a_constant_outcome_ranks_nobody() -> None:
    s, t, _ = rows(7)
    assert metrics.sklift_qini(s, t, np.zeros(200)) == 0.0
    assert metrics.causalml_auuc(s, t, np.zeros(200)) == 0.0


@pytest.mark.parametrize(
    ("s", "t", "y", "message"),
    [
        ([1, 2], [0, 1], [0], "three columns of equal length"),
        ([1, np.nan], [0, 1], [0, 1], "score: got nan"),
        ([1, 2], [0, 1], [0, np.inf], "outcome: got inf"),
        ([1, 2], [0, 2], [0, 1], "0 for control or 1 for treated"),
        ([1, 2], [1, 1], [0, 1], "treated and control rows"),
        ([], [], [], "treated and control rows"),
    ],
)
def test_inputs_that_make_no_sense_are_named(s: list[float], t: list[int], y: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics.sklift_qini(s, t, y)


def test_uplift_auc_needs_outcomes_of_zero_and_one() -> None:
    s, t, y = rows(1, continuous=True)
    with pytest.raises(InputError, match="0 or 1"):
        metrics.sklift_uplift_auc(s, t, y)


@pytest.mark.parametrize("k", [0.0, -0.1, 1.5])
def test_a_share_outside_its_range_is_refused(k: float) -> None:
    with pytest.raises(InputError, match="k: got"):
        metrics.uplift_at_k_overall(*rows(1), k=k)
