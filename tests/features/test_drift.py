"""Drift against a naive count and scipy, its false alarms by simulation, and the same numbers on Spark."""

from __future__ import annotations

import math
import shutil
from itertools import pairwise
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from features.drift import BINS, Drift, drift_of_words, drifts
from features.engine import connect, keep
from features.errors import InputError

_VALUES = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.floats(-100, 100), st.just(math.nan)), min_size=1, max_size=30
)


def table(**columns: Any) -> Any:
    return ibis.memtable(pd.DataFrame(columns), schema=dict.fromkeys(columns, "float64"))


def words(*values: str | None) -> Any:
    return ibis.memtable({"word": list(values)}, schema={"word": "string"})


def drift(before: Any, now: Any) -> Drift:
    return drifts(table(x=before), table(x=now), ["x"])[0]


def naive_bins(before: list[float], now: list[float]) -> list[tuple[int, int]]:
    """Bin by bin with plain loops."""
    known = sorted(value for value in before if not math.isnan(value))
    edges = sorted({known[math.ceil(tenth * len(known) / BINS) - 1] for tenth in range(1, BINS)} if known else ())
    pairs = []
    for low, high in pairwise([-math.inf, *edges, math.inf]):
        pairs.append((sum(low < value <= high for value in before), sum(low < value <= high for value in now)))
    pairs.append((sum(map(math.isnan, before)), sum(map(math.isnan, now))))
    return pairs


def naive_psi(pairs: list[tuple[int, int]]) -> float:
    sides = [[max(pair[n], 0.5) for pair in pairs] for n in (0, 1)]
    total = 0.0
    for n, pair in enumerate(pairs):
        if any(pair):
            old, new = sides[0][n] / sum(sides[0]), sides[1][n] / sum(sides[1])
            total += (new - old) * math.log(new / old)
    return total


@settings(deadline=None, max_examples=25)
@given(_VALUES, _VALUES)
def test_the_query_counts_what_plain_loops_count(before: list[float], now: list[float]) -> None:
    found, pairs = drift(before, now), naive_bins(before, now)
    assert found.before == pytest.approx([pair[0] / len(before) for pair in pairs])
    assert found.now == pytest.approx([pair[1] / len(now) for pair in pairs])
    assert found.psi == pytest.approx(naive_psi(pairs))
    known = [[value for value in side if not math.isnan(value)] for side in (before, now)]
    if min(map(len, known)) >= 3:  # scipy divides by zero below
        assert found.ks == pytest.approx(ks_2samp(*known, method="asymp").statistic)


def test_the_p_value_is_smirnovs_limit() -> None:
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.05, 0.2):
        before, now = rng.normal(size=4000), rng.normal(shift, 1, size=4000)
        assert drift(before, now).p_value == pytest.approx(ks_2samp(before, now, method="asymp").pvalue, abs=0.03)


def test_the_same_rows_pass_and_moved_rows_fail() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=2000)
    assert drift(before, before).state == "pass"
    assert drift(before, before).psi == 0
    assert drift(before, before + 1).state == "fail"
    assert drift(before, before + 0.35).state == "warn"
    assert drift(before, np.where(rng.random(2000) < 0.4, np.nan, before)).state == "fail"


@pytest.mark.parametrize("rows", [60, 200])
def test_samples_of_one_distribution_hardly_ever_fail(rows: int) -> None:
    """400 columns, of which the plain thresholds would call nearly all of 60 rows and a third of 200 moved."""
    rng = np.random.default_rng(rows)
    names = [f"c{n}" for n in range(400)]
    before, now = (table(**dict(zip(names, rng.gamma(2, size=(400, rows)), strict=True))) for _ in range(2))
    found = drifts(before, now, names)
    assert sum(one.state in ("warn", "fail") for one in found) <= 0.05 * len(found)
    assert np.mean([one.psi for one in found]) == pytest.approx((BINS - 1) * 2 / rows, rel=0.15)
    assert np.mean([one.psi >= 0.1 for one in found]) > 0.3
    assert np.mean([one.chance < 0.05 for one in found]) == pytest.approx(0.05, abs=0.06)


def test_a_clear_move_is_seen_in_a_small_sample_too() -> None:
    rng = np.random.default_rng(5)
    assert drift(rng.normal(size=200), rng.normal(1, 1, size=200)).state == "fail"


def test_too_few_rows_say_so_and_constants_are_calm() -> None:
    assert drift([1.0] * 10, [2.0] * 500).state == "few"
    assert drift([1.0] * 500, [1.0] * 500).psi == 0
    calm = drift([math.nan] * 60, [math.nan] * 60)
    assert (calm.state, calm.ks, calm.p_value) == ("pass", 0, 1)
    assert drift([math.nan] * 60, [1.0] * 60).state == "fail"
    assert drift([], []).state == "few"


def test_infinite_values_are_refused() -> None:
    with pytest.raises(InputError):
        drift([math.inf], [1.0])


def test_columns_stay_in_their_order_and_none_are_none() -> None:
    side = table(b=[1.0, 2.0], a=[3.0, 4.0])
    assert [one.name for one in drifts(side, side, ["b", "a"])] == ["b", "a"]
    assert drifts(side, side, []) == []


def test_words_have_a_bin_each_and_new_ones_count() -> None:
    before, now = words(*["none"] * 60, *["flat"] * 40), words(*["none"] * 60, *["flat"] * 20, *["new"] * 20)
    found = drift_of_words(before, now, "word")
    assert found.labels == ("none", "flat", "new")
    assert found.before == (0.6, 0.4, 0.0)
    assert found.now == (0.6, 0.2, 0.2)
    assert found.psi == pytest.approx(naive_psi([(60, 60), (40, 20), (0, 20)]))
    assert (found.ks, found.state) == (None, "fail")
    assert drift_of_words(before, before, "word").state == "pass"
    assert drift_of_words(words(None, "a"), words("a", "a"), "word").missing_before == 0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Spark and its bridge to pandas
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java on the PATH")
def test_spark_counts_the_same() -> None:
    pytest.importorskip("pyspark")
    con, rng = connect("pyspark"), np.random.default_rng(7)
    frames = [
        pd.DataFrame(
            {"x": rng.normal(n, 1, 80), "y": rng.integers(0, 3, 80).astype(float), "w": rng.choice(["a", "b"], 80)}
        )
        for n in (0, 1)
    ]
    frames[0].loc[::7, "x"] = np.nan
    spark = [keep(con, f"drift_{n}", frame) for n, frame in enumerate(frames)]
    here = [ibis.memtable(frame) for frame in frames]
    assert drifts(spark[0], spark[1], ["x", "y"]) == drifts(here[0], here[1], ["x", "y"])
    assert drift_of_words(spark[0], spark[1], "w") == drift_of_words(here[0], here[1], "w")
