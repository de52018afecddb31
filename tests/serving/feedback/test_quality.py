"""Recall, precision and agreement: against other implementations, and against worlds where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import cohen_kappa_score

from serving.review.quality import agreement_of, recall_of, share_of

WORDS = st.sampled_from(["abusive", "legitimate"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=40))
def test_kappa_equals_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    found = agreement_of(pairs)
    first, second = zip(*pairs, strict=True)
    if len(set(first) | set(second)) == 1:
        assert found.kappa is None, "chance alone agrees as well"
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
        assert found.low <= found.high
    assert found.equal.hits == sum(one == other for one, other in pairs)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_jeffreys(pair: tuple[int, int]) -> None:
    hits, n = pair
    found = share_of(hits, n)
    assert found.value == hits / n
    assert found.low <= hits / n <= found.high
    if 0 < hits < n:
        assert found.low == pytest.approx(beta(hits + 0.5, n - hits + 0.5).ppf(0.025))
        assert found.high == pytest.approx(beta(hits + 0.5, n - hits + 0.5).ppf(0.975))
    assert (found.low == 0) == (hits == 0)
    assert (found.high == 1) == (hits == n)


def test_nothing_judged_is_nothing_known() -> None:
    assert share_of(0, 0).value is None
    assert recall_of(10, share_of(0, 0), 100, share_of(1, 5)) is None
    assert recall_of(10, share_of(5, 5), 100, share_of(0, 0)) is None
    assert recall_of(0, share_of(0, 3), 100, share_of(0, 5)) is None, "no abuse at all"
    assert agreement_of([]).kappa is None


def test_the_interval_of_the_recall_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    flagged, unflagged, precision = 400, 20_000, 0.85
    covered, runs = 0, 100
    worlds = [(0.005, 300), (0.01, 300), (0.02, 300), (0.02, 500), (0.03, 300), (0.01, 1000)]
    for missed, n in worlds:
        truth = flagged * precision / (flagged * precision + unflagged * missed)
        for _ in range(runs):
            right = share_of(int(rng.binomial(200, precision)), 200)
            found = recall_of(flagged, right, unflagged, share_of(int(rng.binomial(n, missed)), n))
            assert found is not None
            covered += found.low <= truth <= found.high
    assert 0.925 <= covered / (runs * len(worlds)) <= 0.99


def test_a_perfect_detector_and_a_blind_one() -> None:
    perfect = recall_of(100, share_of(50, 50), 1000, share_of(0, 400))
    assert perfect is not None
    assert perfect.value == 1
    assert perfect.low > 0.9
    blind = recall_of(100, share_of(0, 50), 1000, share_of(20, 400))
    assert blind is not None
    assert blind.value == 0
