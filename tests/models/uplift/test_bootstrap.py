"""Bootstrap intervals of ranking metrics cover, pair, and draw whole clusters."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from features.errors import InputError
from models.uplift import metrics
from models.uplift.bootstrap import bootstrap, bootstrap_difference


def trial(seed: int, n: int, continuous: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A score that half knows the effect, treatment, and outcomes."""
    rng = np.random.default_rng([9, seed])
    x = rng.normal(size=n)
    t = rng.integers(0, 2, n)
    if continuous:
        y = 1 + 0.5 * t * x + rng.normal(size=n)
    else:
        y = (rng.random(n) < 0.3 + 0.15 * t * np.tanh(x)).astype(float)
    return x + rng.normal(size=n), t, y


@pytest.mark.parametrize("continuous", [True, False])
def test_intervals_cover(continuous: bool) -> None:
    metric = partial(metrics.causalml_qini, normalize=False)
    size = 1_000_000
    truth = metric(*trial(10**6, size, continuous)) / size
    held, times = 0, 150
    for seed in range(times):
        found = bootstrap(metric, *trial(seed, 600, continuous), times=60, seed=seed)
        held += found.low <= truth * 600 <= found.high
    assert 0.89 <= held / times <= 0.99, held / times


def test_the_error_agrees_with_drawing_new_data() -> None:
    fresh = [metrics.uplift_at_k_overall(*trial(seed, 800)) for seed in range(300)]
    found = bootstrap(metrics.uplift_at_k_overall, *trial(1, 800), times=300)
    assert found.standard_error == pytest.approx(np.std(fresh), rel=0.2)
    assert found.value == metrics.uplift_at_k_overall(*trial(1, 800))


def test_a_paired_difference_is_narrower_than_two_intervals_and_zero_with_itself() -> None:
    score, t, y = trial(2, 800)
    near = score + 0.1 * np.random.default_rng(0).normal(size=800)
    gap = bootstrap_difference(metrics.sklift_qini, score, near, t, y, times=60)
    alone = bootstrap(metrics.sklift_qini, score, t, y, times=60)
    assert gap.standard_error < 0.5 * alone.standard_error
    itself = bootstrap_difference(metrics.sklift_qini, score, score, t, y, times=10)
    assert (itself.low, itself.value, itself.high) == (0, 0, 0)


def test_clusters_are_drawn_whole() -> None:
    score, t, y = trial(3, 300)
    apart = bootstrap(metrics.sklift_qini, score, t, y, times=150)
    copies = [np.repeat(part, 4) for part in (score, t, y)]
    names = np.repeat(np.arange(300), 4)
    together = bootstrap(metrics.sklift_qini, *copies, cluster=names, times=150)
    pretended = bootstrap(metrics.sklift_qini, *copies, times=150)
    assert together.standard_error == pytest.approx(apart.standard_error, rel=0.25)
    assert pretended.standard_error < 0.65 * together.standard_error


def test_the_same_seed_draws_the_same() -> None:
    data = trial(4, 200)
    assert bootstrap(metrics.sklift_qini, *data, times=20, seed=5) == bootstrap(
        metrics.sklift_qini, *data, times=20, seed=5
    )


def test_a_score_that_ranks_nobody_is_certainly_worth_nothing() -> None:
    _, t, y = trial(5, 200)
    found = bootstrap(metrics.sklift_qini, np.ones(200), t, y, times=20)
    assert (found.value, found.standard_error) == pytest.approx((0, 0), abs=1e-12)


def test_one_cluster_in_a_group_says_nothing_about_the_spread() -> None:
    score, t, y = trial(6, 60)
    names = np.where(t == 1, "treated", np.arange(60).astype(str))
    assert bootstrap(metrics.sklift_qini, score, t, y, cluster=names, times=20).high == np.inf


def test_draws_of_few_clusters_always_hold_both_groups() -> None:
    score, t, y = trial(6, 60)
    names = t * 2 + np.arange(60) % 2
    found = bootstrap(metrics.sklift_qini, score, t, y, cluster=names, times=20)
    assert 0 < found.standard_error < np.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treatment": [1, 1, 1]}, "treated and control rows"),
        ({"outcome": [0, 1, np.inf]}, "outcome: got inf"),
        ({"score": []}, "three columns"),
        ({"times": 1}, "times: got 1"),
        ({"cluster": ["a"]}, "cluster: got"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"score": [1.0, 2.0, 3.0], "treatment": [0, 1, 1], "outcome": [0, 1, 1], "times": 5}
    with pytest.raises(InputError, match=message):
        bootstrap(metrics.sklift_qini, **(good | change))  # type: ignore[arg-type]
