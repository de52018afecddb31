"""Splitting a discount: every cent is somewhere, floors hold, ties are settled by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.combinations import fair_split
from oracles.coupons import all_splits, distance, hamilton
from serving.coupons.apportion import apportion
from serving.coupons.money import InvalidError

weights_and_capacities = st.lists(
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=30
).filter(lambda lines: sum(capacity for _, capacity in lines) > 0)


@given(weights_and_capacities, st.data())
def test_shares_sum_to_the_total_and_stay_within_capacity(lines: list[tuple[int, int]], data: st.DataObject) -> None:
    weights, capacities = [w for w, _ in lines], [c for _, c in lines]
    total = data.draw(st.integers(0, sum(capacities)))
    shares = apportion(total, weights, capacities)
    assert sum(shares) == total
    assert all(0 <= share <= capacity for share, capacity in zip(shares, capacities, strict=True))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), st.data())
def test_without_tight_capacities_it_is_the_largest_remainder_rule(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    assert apportion(total, weights, weights) == hamilton(total, weights)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12), st.data())
def test_with_capacities_it_is_what_exact_fractions_say(lines: list[tuple[int, int]], data: st.DataObject) -> None:
    weights = [max(pair) for pair in lines]
    room = [min(pair) for pair in lines]
    total = data.draw(st.integers(0, sum(room)))
    assert list(apportion(total, weights, room)) == fair_split(total, weights, room)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_no_other_split_is_nearer_to_proportional(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    shares = apportion(total, weights, weights)
    best = min(distance(split, total, weights) for split in all_splits(total, weights))
    assert distance(shares, total, weights) == best


@given(weights_and_capacities, st.data())
def test_equal_lines_differ_by_at_most_a_cent_and_the_earlier_has_it(
    lines: list[tuple[int, int]], data: st.DataObject
) -> None:
    twice = [*lines, *lines]
    total = data.draw(st.integers(0, sum(c for _, c in twice)))
    shares = apportion(total, [w for w, _ in twice], [c for _, c in twice])
    for first, second in zip(shares[: len(lines)], shares[len(lines) :], strict=True):
        assert first - second in (0, 1)


def test_what_a_full_line_cannot_take_goes_to_the_others() -> None:
    assert apportion(30, [100, 100, 100], [5, 100, 100]) == (5, 13, 12)


def test_a_total_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidError, match="total"):
        apportion(11, [1, 1], [5, 5])
