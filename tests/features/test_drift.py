"""Drift against a naive count and scipy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from features.drift import drift, edges_of, ks
from features.errors import InputError

_VALUES = st.lists(st.one_of(st.integers(-5, 5).map(float), st.floats(-100, 100), st.just(math.nan)), min_size=1)


def naive_psi(before: list[float], now: list[float]) -> float:
    """Bin by bin with plain loops."""
    edges = [-math.inf, *edges_of(np.array(before)), math.inf]
    pairs = []
    for low, high in pairwise(edges):
        pairs.append(tuple(sum(low < value <= high for value in side) for side in (before, now)))
    pairs.append(tuple(sum(math.isnan(value) for value in side) for side in (before, now)))
    sides = [[max(pair[n], 0.5) for pair in pairs] for n in (0, 1)]
    total = 0.0
    for n, pair in enumerate(pairs):
        if any(pair):
            old, new = sides[0][n] / sum(sides[0]), sides[1][n] / sum(sides[1])
            total += (new - old) * math.log(new / old)
    return total


@settings(deadline=None, max_examples=80)
@given(_VALUES, _VALUES)
def test_psi_is_the_naive_sum_and_ks_is_scipys(before: list[float], now: list[float]) -> None:
    found = drift("x", before, now)
    assert found.psi == pytest.approx(naive_psi(before, now))
    known = [[value for value in side if not math.isnan(value)] for side in (before, now)]
    if min(map(len, known)) >= 3:  # scipy divides by zero below
        assert found.ks == pytest.approx(ks_2samp(*known, method="asymp").statistic)


def test_the_p_value_is_smirnovs_limit() -> None:
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.05, 0.2):
        before, now = rng.normal(size=4000), rng.normal(shift, 1, size=4000)
        assert ks(before, now)[1] == pytest.approx(ks_2samp(before, now, method="asymp").pvalue, abs=0.03)


def test_the_same_rows_pass_and_moved_rows_fail() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=2000)
    assert drift("x", before, before).state == "pass"
    assert drift("x", before, before).psi == 0
    assert drift("x", before, before + 1).state == "fail"
    assert drift("x", before, np.where(rng.random(2000) < 0.4, np.nan, before)).state == "fail"


def test_too_few_rows_say_so_and_constants_are_calm() -> None:
    assert drift("x", [1.0] * 10, [2.0] * 500).state == "few"
    assert drift("x", [1.0] * 500, [1.0] * 500).psi == 0
    assert drift("x", [math.nan] * 60, [math.nan] * 60).state == "pass"
    assert drift("x", [], []).state == "few"


def test_infinite_values_are_refused() -> None:
    with pytest.raises(InputError):
        drift("x", [math.inf], [1.0])
