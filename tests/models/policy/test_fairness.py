"""Segments of equal need are told from segments that need more, with intervals that hold what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.errors import InputError
from models.policy.fairness import Fairness, fairness
from oracles.fairness import standardised_gap


def shop(seed: int, users: int, deserved: float = 0.0, favoured: float = 0.0) -> tuple[np.ndarray, ...]:
    """Gold users need ``deserved`` more, and at the same need get offers ``favoured`` more often."""
    rng = np.random.default_rng(seed)
    gold = rng.random(users) < 0.3
    need = rng.integers(0, 10, users) + np.round(deserved * gold)
    offered = rng.random(users) < 0.2 + 0.04 * need + favoured * gold
    return np.where(gold, "gold", "basic"), offered, need


def compared(seed: int, users: int, **how: float) -> Fairness:
    segment, offered, need = shop(seed, users, **how)
    return fairness(segment, offered, 10.0 * offered, 3.0 * offered, need)


def test_shares_and_means_are_those_of_the_segment() -> None:
    segment, offered, _ = shop(0, 5_000)
    found = compared(0, 5_000)
    assert [one.name for one in found.segments] == ["basic", "gold"]
    for one in found.segments:
        mine = segment == one.name
        assert one.users == mine.sum()
        assert one.offered.value == pytest.approx(offered[mine].mean())
        assert one.value.value == pytest.approx(10 * offered[mine].mean())
        assert one.offered.standard_error == pytest.approx(offered[mine].std() / math.sqrt(mine.sum()), rel=0.01)
    assert sum(one.spend_share for one in found.segments) == pytest.approx(1)


def test_the_conditional_gap_is_the_oracles() -> None:
    segment, offered, need = shop(1, 2_000, deserved=2, favoured=0.1)
    found = next(one for one in compared(1, 2_000, deserved=2, favoured=0.1).segments if one.name == "gold")
    stratum = np.searchsorted(np.unique(np.quantile(need, np.arange(1, 10) / 10)), need, side="right")
    mine = (segment == "gold").tolist()
    assert found.gap_alike.value == pytest.approx(
        standardised_gap(offered.astype(float).tolist(), mine, stratum.tolist())
    )
    flat = [0] * len(mine)
    assert found.gap.value == pytest.approx(standardised_gap(offered.astype(float).tolist(), mine, flat))


def test_a_segment_that_needs_more_gets_more_and_is_not_called_favoured() -> None:
    gold = next(one for one in compared(2, 40_000, deserved=3).segments if one.name == "gold")
    assert gold.gap.low > 0.09
    assert gold.gap_alike.low < 0 < gold.gap_alike.high


def test_a_favoured_segment_is_named_whatever_it_needs() -> None:
    found = compared(3, 20_000, deserved=-3, favoured=0.1)
    assert found.widest is not None
    gold = next(one for one in found.segments if one.name == "gold")
    assert gold.gap_alike.low < 0.1 < gold.gap_alike.high
    assert abs(gold.gap.value) < 0.03  # in total it looks fair


def test_intervals_hold_the_true_difference_about_as_often_as_they_say() -> None:
    held = 0  # needs that differ within a stratum shift the difference by far less than its interval
    for seed in range(200):
        gold = next(one for one in compared(seed, 4_000, deserved=2, favoured=0.05).segments if one.name == "gold")
        held += gold.gap_alike.low <= 0.05 <= gold.gap_alike.high
    assert 180 <= held <= 199


def test_decisions_of_one_user_count_as_one() -> None:
    segment, offered, need = shop(4, 150)
    once = fairness(segment, offered, need, need, need)
    columns = [np.repeat(column, 4) for column in (segment, offered, need)]
    four = fairness(*columns, columns[2], columns[2], cluster=np.repeat(np.arange(150), 4))
    for one, other in zip(once.segments, four.segments, strict=True):
        assert other.gap.value == pytest.approx(one.gap.value)
        assert other.gap.standard_error == pytest.approx(one.gap.standard_error)


def test_few_users_show_no_disparity_and_one_segment_has_nobody_to_compare_with() -> None:
    few = fairness(np.array(["a"] * 50 + ["b"] * 5), np.ones(55), np.ones(55), np.ones(55), np.ones(55))
    assert all(math.isnan(one.gap.value) for one in few.segments)
    assert few.widest is None
    alone = fairness(np.array(["a"] * 50), np.ones(50), np.ones(50), np.zeros(50), np.ones(50))
    assert alone.segments[0].spend_share == 0
    assert fairness(np.zeros(0, dtype=str), *[np.zeros(0)] * 4).segments == ()
    assert "segment[a]_offered_low" in alone.figures()


def test_columns_of_another_length_are_named() -> None:
    with pytest.raises(InputError, match="cost: got"):
        fairness(np.array(["a"] * 3), np.ones(3), np.ones(3), np.ones(2), np.ones(3))
