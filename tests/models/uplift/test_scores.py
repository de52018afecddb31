"""Doubly robust scores have the arms' expected outcomes as means, whatever the model says."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import InputError
from models.uplift.scores import dr_scores, effect_scores


def trial(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, arm, propensities (n, 3) and true expected outcomes (n, 3)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    chances = np.column_stack([np.full(n, 0.5), 0.2 + 0.2 * (x > 0), 0.3 - 0.2 * (x > 0)])
    arm = (chances.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    mean = np.column_stack([x, x + 1 + x, x - 0.5])
    return mean[np.arange(n), arm] + rng.normal(size=n), arm, chances, mean


@pytest.mark.parametrize("model", ["true", "none", "wrong"])
def test_means_of_scores_are_the_arms_expected_outcomes(model: str) -> None:
    y, arm, chances, mean = trial(1)
    expected = {"true": mean, "none": np.zeros_like(mean), "wrong": -mean}[model]
    scores = dr_scores(y, arm, chances, expected)
    error = scores.std(axis=0) / np.sqrt(len(y))
    assert (np.abs(scores.mean(axis=0) - mean.mean(axis=0)) < 4 * error).all()


def test_scores_equal_the_formula_unit_by_unit() -> None:
    y, arm, chances, mean = trial(2, 50)
    scores = dr_scores(y, arm, chances, mean)
    for i in range(50):
        for k in range(3):
            rest = (y[i] - mean[i, k]) / chances[i, k] if arm[i] == k else 0.0
            assert scores[i, k] == pytest.approx(mean[i, k] + rest)
    assert effect_scores(scores)[:, 1] == pytest.approx(scores[:, 2] - scores[:, 0])


def test_only_the_chance_of_the_arm_taken_is_needed() -> None:
    y, arm, chances, mean = trial(3, 100)
    rows = np.arange(100)
    hidden = np.full_like(chances, np.nan)
    hidden[rows, arm] = chances[rows, arm]
    full = dr_scores(y, arm, chances, mean)
    assert np.array_equal(dr_scores(y, arm, hidden, mean), full)
    assert np.array_equal(dr_scores(y, arm, chances[rows, arm], mean), full)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outcome": [1.0, np.inf]}, "outcome"),
        ({"outcome": [1.0]}, "outcome"),
        ({"treatment": [0, 2]}, "treatment"),
        ({"treatment": [0]}, "treatment"),
        ({"propensity": [[0.0, 1.0], [0.5, 0.5]]}, "propensity"),
        ({"propensity": [0.5, 1.5]}, "propensity"),
        ({"propensity": [0.5]}, "propensity"),
        ({"expected": [[np.nan, 1.0], [0.5, 0.5]]}, "expected"),
        ({"expected": np.zeros((0, 2)), "outcome": [], "treatment": [], "propensity": []}, "outcome"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, object], field: str) -> None:
    good: dict[str, object] = {
        "outcome": [1.0, 2.0],
        "treatment": [0, 1],
        "propensity": [[0.5, 0.5], [0.5, 0.5]],
        "expected": [[1.0, 1.0], [1.0, 1.0]],
    }
    with pytest.raises(InputError, match=f"^{field}: got"):
        dr_scores(**(good | change))  # type: ignore[arg-type]


def test_a_chance_of_one_is_a_score_of_the_outcome_itself() -> None:
    scores = dr_scores([3.0, 4.0], [0, 1], [[1.0, 0.0], [0.0, 1.0]], np.zeros((2, 2)))
    assert scores.tolist() == [[3.0, 0.0], [0.0, 4.0]]


def test_effects_need_two_arms() -> None:
    with pytest.raises(InputError, match="at least two arms"):
        effect_scores([[1.0], [2.0]])
