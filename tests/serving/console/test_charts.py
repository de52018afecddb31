"""Drawings hold for anything finite or not, say everything in a table too, and let nothing in unescaped."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.console.axes import scale_of, thinned
from serving.console.charts import Bar, Curve, bars, funnel, lines, small_bars

_ANY = st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, -math.inf])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_ANY, _ANY)), st.sampled_from(["", "x", "y", "xy"]))
def test_curves_of_any_values_are_sound_xml(points: list[tuple[float, float]], log: str) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    drawn = lines([Curve("a", xs, ys, ys, ys)], x="x", y="y", label="l", log=log, marks=[(1.0, "here")])
    ElementTree.fromstring(drawn)
    assert "nan" not in re.sub("<[^d]*>", "", drawn).lower()


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0], [math.nan], [0.0, 0.0], [-3.0, 4.0]])
def test_bars_and_funnels_of_odd_values(values: list[float]) -> None:
    ElementTree.fromstring(bars([Bar(f"b{n}", v, v, v) for n, v in enumerate(values)], unit="u", label="l"))
    ElementTree.fromstring(funnel([(f"s{n}", abs(v)) for n, v in enumerate(values)], label="l"))
    ElementTree.fromstring(small_bars([abs(v) for v in values if v == v], [1.0], label="l"))


def test_names_are_escaped_and_the_table_says_what_is_drawn() -> None:
    drawn = bars([Bar("<script>", 3, 1, 5)], unit="元", label="<b>")
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert "3 (1 – 5)" in drawn


def test_a_gap_breaks_the_line() -> None:
    drawn = lines([Curve("a", [1, 2, 3, 4], [1, 2, math.nan, 4])], x="x", y="y", label="l")
    path = re.search(r'class="line s1" d="([^"]*)"', drawn)
    assert path is not None
    assert path.group(1).count("M") == 2


def test_thousands_of_points_keep_their_ends_and_peaks() -> None:
    ys = [0.0] * 10_000
    ys[4321] = 9.0
    kept = thinned(ys)
    assert len(kept) <= 402
    assert {0, 4321, 9_999} <= set(kept)


def test_series_differ_without_colour() -> None:
    drawn = lines([Curve(f"c{n}", [1, 2], [n, n + 1]) for n in range(4)], x="x", y="y", label="l")
    assert len(set(re.findall('stroke-dasharray="([^"]*)"', drawn))) == 3


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e9))
def test_ticks_are_few_and_inside(low: float, length: float) -> None:
    scale = scale_of([low, low + length], 0, 100)
    assert scale is not None
    ticks = scale.ticks()
    slack = (scale.high - scale.low) * 1e-6
    assert 1 <= len(ticks) <= 9
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)
