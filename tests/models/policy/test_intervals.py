"""Student's intervals with clusters, and their longer arm on the side of a long tail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from features.errors import InputError
from models.policy.intervals import Interval, codes, effective_size, skewed_interval, student_quantile


@pytest.mark.parametrize("seed", range(3))
def test_a_mean_has_students_interval(seed: int) -> None:
    x = np.random.default_rng(seed).normal(2, 3, 15)
    found = Interval.around(float(x.mean()), x - x.mean())
    low, high = stats.t.interval(0.95, 14, loc=x.mean(), scale=stats.sem(x))
    assert (found.low, found.high, found.standard_error) == pytest.approx((low, high, stats.sem(x)))
    assert found.above_zero == (low > 0)


def test_clusters_count_as_one_draw() -> None:
    x = np.random.default_rng(4).normal(size=20)
    once = Interval.around(float(x.mean()), x - x.mean())
    copies = np.repeat(x - x.mean(), 5)
    again = Interval.around(float(x.mean()), copies, codes(np.repeat(np.arange(20), 5), 100))
    assert again.low == pytest.approx(once.low)


def test_a_long_tail_lengthens_its_own_side_only() -> None:
    x = np.random.default_rng(5).exponential(1, 50)
    plain = Interval.around(float(x.mean()), x - x.mean())
    low, high = skewed_interval(float(x.mean()), x - x.mean(), None)
    assert low == pytest.approx(plain.low)
    assert high > plain.high
    mirrored = skewed_interval(-float(x.mean()), x.mean() - x, None)
    assert mirrored == pytest.approx((-high, -low))


def test_the_skewness_term_is_johnsons() -> None:
    x = np.random.default_rng(6).exponential(1, 40)
    t = stats.t.ppf(0.975, 39)
    shift = stats.skew(x) * (1 + 2 * t**2) / (6 * math.sqrt(40))
    _, high = skewed_interval(0.0, x - x.mean(), None)
    assert high == pytest.approx((t + shift) * stats.sem(x))


def test_a_decision_that_may_have_been_missed_adds_its_square() -> None:
    x = np.tile([-1.0, 1.0], 50)
    plain, wide = skewed_interval(0.0, x, None), skewed_interval(0.0, x, None, missed=20.0)
    assert wide[1] ** 2 - plain[1] ** 2 == pytest.approx((student_quantile(0.95, 99) * 20 / 100) ** 2)


def test_what_cannot_be_known_is_infinite() -> None:
    assert skewed_interval(1.0, np.zeros(3), codes(["a", "a", "a"], 3)) == (-math.inf, math.inf)
    assert Interval.around(1.0, np.zeros(1)).high == math.inf
    assert skewed_interval(1.0, np.zeros(3), None) == (1.0, 1.0)


def test_bad_input_names_the_field() -> None:
    with pytest.raises(InputError, match="level: got 1"):
        student_quantile(1, 10)
    with pytest.raises(InputError, match="cluster: got"):
        codes(["a"], 2)
    assert effective_size(np.zeros(3)) == 0
