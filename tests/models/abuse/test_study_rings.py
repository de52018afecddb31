"""Rings, families and look-alikes of a study, on a log small enough to read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.abuse.study.log import Study, StudySpec
from models.abuse.study.review import calibration, daily_precision
from models.abuse.study.rings import by_kind, ring_outcome, threshold, wilson

DAY = 86_400_000_000
SPEC = StudySpec(user="u", time="t", label="y")


def study(**columns: list[object]) -> Study:
    n = len(columns["user_id"])
    log = {"us": np.arange(n) * DAY, "amount": [100.0] * n, "device": [None] * n, "label": [1.0] * n}
    return Study(SPEC, pd.DataFrame({**log, **columns}))


def test_the_first_alarm_is_counted_in_accounts_and_money_until_then_is_lost() -> None:
    log = study(
        user_id=["a", "a", "b", "c", "x", "y", "z", "h"],
        ring=["r", "r", "r", "r", "s", "s", "t", None],
        amount=[10.0, 20.0, 40.0, 80.0, 1.0, 2.0, 500.0, 900.0],
        label=[1.0] * 7 + [0.0],
    )
    flagged = np.array([0, 0, 1, 0, 0, 0, 1, 1], bool)
    found = ring_outcome(log, np.arange(8), flagged)
    assert found is not None
    assert found.rings == 2  # one account alone is no ring
    assert [found.by_account[n].value for n in (1, 2, 3)] == [0.0, 0.5, 0.5]
    assert found.never.value == 0.5
    assert found.first_account == 2
    assert found.money == 153
    assert found.lost.value == pytest.approx((30 + 3) / 153)


def test_without_a_ring_column_bad_accounts_on_a_device_are_one_and_without_rings_there_is_nothing_to_say() -> None:
    log = study(user_id=["a", "b", "c"], device=["d", "d", "e"], label=[1.0, 1.0, 1.0])
    found = ring_outcome(log, np.arange(3), np.array([True, False, False]))
    assert found is not None
    assert (found.rings, found.by_account[1].value, found.lost.value) == (1, 1.0, 0.0)
    assert ring_outcome(log, np.arange(1), np.array([True])) is None


def test_rings_of_unknown_money_have_an_unknown_loss() -> None:
    log = study(user_id=["a", "b"], device=["d", "d"], amount=[np.nan, np.nan])
    found = ring_outcome(log, np.arange(2), np.array([False, True]))
    assert found is not None
    assert np.isnan(found.lost.value)
    assert found.by_account[2].value == 1


def test_families_count_bad_accounts_and_look_alikes_honest_ones_once_each() -> None:
    log = study(
        user_id=["a", "a", "b", "h", "h", "i", "j"],
        ring=["r", "r", "r", None, None, None, None],
        family=["A1", "A1", "A1", None, None, None, None],
        look_alike=[None, None, None, "L1", "L1", "L1", None],
        label=[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    )
    flagged = np.array([0, 1, 0, 1, 1, 0, 0], bool)
    families = by_kind(log, "family", np.arange(7), flagged)
    assert {name: (s.value, s.cases) for name, s in families.items()} == {"A1": (0.5, 2)}
    assert (families["A1"].low, families["A1"].high) == (wilson(0.5, 1, 2).low, wilson(0.5, 1, 2).high)
    found = by_kind(log, "look_alike", np.arange(7), flagged)
    assert {name: (s.value, s.cases) for name, s in found.items()} == {"L1": (0.5, 2), "none": (0.0, 1)}


def test_a_threshold_keeps_the_false_positive_rate_and_is_the_lowest_that_does() -> None:
    y, score = np.array([0.0, 0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9, 0.5, 0.95])
    assert threshold(y, score, 0.0) == 0.95
    assert threshold(y, score, 0.25) == 0.5
    assert threshold(y, np.zeros(6), 0.5) == np.inf


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    found = wilson(0.1, 50, 50)  # 5 of 50
    assert (found.low, found.high) == pytest.approx((0.0434, 0.2136), abs=1e-4)
    assert wilson(0.0, 10, 10).low == 0


def test_true_chances_are_calibrated_and_doubled_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.01, 0.4, 20_000)
    y = (rng.random(20_000) < chance).astype(float)
    honest, doubled = calibration(y, chance), calibration(y, chance * 2)
    assert honest.error[0] < 0.015 < 0.1 < doubled.error[1]
    assert honest.brier[0] == pytest.approx(np.mean((chance - y) ** 2))
    assert honest.brier[1] <= honest.brier[0] <= honest.brier[2]
    assert honest.skill > 0 > doubled.skill
    assert all(b.came.low <= b.said <= b.came.high for b in honest.bins[::3])


def test_a_daily_queue_opens_the_highest_of_each_day_and_of_ties_the_earliest() -> None:
    us = np.array([0, 1, 2, DAY, DAY + 1, 2 * DAY])
    y = np.array([1.0, 0, 0, 0, 1, 0])
    score = np.array([0.5, 0.5, 0.1, 0.9, 0.8, 0.0])
    assert daily_precision(y, score, us, 1).value == pytest.approx(1 / 3)
    assert daily_precision(y, score, us, 2).value == pytest.approx(2 / 5)
    assert daily_precision(y, score, us, 9).cases == 6
