"""All figures at once equal the plain functions, also on resamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.metrics import auroc, average_precision, precision_at, recall_at_fpr, recall_mix
from models.abuse.study.metrics import FIGURES, _figures, _sorted, _taken, judge, paired, resamples


def drawn(seed: int, n: int = 300, levels: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(float)
    y[:2] = [0, 1]
    return y, (rng.integers(levels, size=n) + 10 * y) / 7


def plainly(y: np.ndarray, score: np.ndarray, k: int) -> list[float]:
    return [
        average_precision(y, score), *(recall_at_fpr(y, score, f) for f in (0.001, 0.005, 0.01)), recall_mix(y, score),
        precision_at(y, score, k), auroc(y, score),
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400), st.sampled_from([2, 40, 10_000]))
def test_every_figure_equals_the_plain_function_on_the_rows_and_on_a_resample(seed: int, k: int, levels: int) -> None:
    y, score = drawn(seed, levels=levels)
    assert list(judge(y, score, k).value.values()) == pytest.approx(plainly(y, score, k))
    weight = next(iter(resamples(y, seed, 1)))
    order, ends = _sorted(score)
    rows = np.repeat(np.arange(len(y)), weight.astype(int))
    assert _figures(*_taken(weight[order], y[order], ends), k) == pytest.approx(plainly(y[rows], score[rows], k))


def test_a_resample_keeps_how_many_rows_there_are_of_each_class() -> None:
    y, _ = drawn(3)
    for weight in resamples(y, 1, 5):
        assert weight @ y == y.sum()
        assert weight.sum() == len(y)


def test_a_difference_to_itself_is_nothing_and_to_noise_something() -> None:
    y, score = drawn(4)
    same = paired(y, score, score, 20)
    assert set(same.value) == set(FIGURES)
    assert not any([*same.value.values(), *same.low.values(), *same.high.values()])
    other = paired(y, score, np.random.default_rng(0).random(len(y)), 20)
    assert other.low["ap"] > 0
    assert other.low["ap"] <= other.value["ap"] <= other.high["ap"]
