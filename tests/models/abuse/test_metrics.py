"""Metrics for rare positives against scikit-learn and against trying every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from features.errors import InputError
from models.abuse.metrics import auroc, average_precision, bootstrap, precision_at, recall_at_fpr, recall_mix
from oracles import abuse as oracle

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=60).filter(
    lambda rows: len({y for y, _ in rows}) == 2
)


@settings(max_examples=60, deadline=None)
@given(rows=CASES, fpr=st.sampled_from([0.0, 0.1, 0.5]))
def test_metrics_agree_with_independent_definitions(rows: list[tuple[int, int]], fpr: float) -> None:
    y, score = [r[0] for r in rows], [r[1] / 7 for r in rows]
    assert average_precision(y, score) == pytest.approx(average_precision_score(y, score))
    assert auroc(y, score) == pytest.approx(roc_auc_score(y, score))
    assert recall_at_fpr(y, score, fpr) == pytest.approx(oracle.recall_at_fpr(y, score, fpr))


@settings(max_examples=30, deadline=None)
@given(rows=CASES, seed=st.integers(0, 99), k=st.integers(1, 70))
def test_shuffling_rows_changes_nothing(rows: list[tuple[int, int]], seed: int, k: int) -> None:
    y, score = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    order = np.random.default_rng(seed).permutation(len(y))
    assert precision_at(y, score, k) == pytest.approx(precision_at(y[order], score[order], k))
    assert recall_mix(y, score) == pytest.approx(recall_mix(y[order], score[order]))


def test_precision_at_k_shares_a_tie_at_the_edge() -> None:
    assert precision_at([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1], 2) == pytest.approx(0.75)


def test_a_perfect_score_has_an_interval_of_one() -> None:
    assert bootstrap([0] * 20 + [1] * 5, [0.0] * 20 + [1.0] * 5, average_precision) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("y", "score", "field"),
    [([0, 1], [0.1], "score"), ([0, 1], [0.1, np.nan], "score"), ([0, 0], [0.1, 0.2], "label")],
)
def test_bad_input_is_named(y: list[int], score: list[float], field: str) -> None:
    with pytest.raises(InputError, match=field):
        average_precision(y, score)
