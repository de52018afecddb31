"""The tabular anomaly detector: what it finds, what may not change it, and how it explains itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.abuse.anomaly import AnomalyDetector
from models.abuse.metrics import auroc


def rows(seed: int, n: int = 400, d: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)))


@pytest.mark.parametrize("seed", range(5))
def test_far_rows_and_rows_that_are_odd_only_together_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middles = np.array([[-6.0, -6.0], [6.0, 6.0]])
    past = middles[rng.integers(2, size=1000)] + rng.normal(size=(1000, 2))
    fitted = AnomalyDetector(seed).fit(past)
    usual = middles[rng.integers(2, size=200)] + rng.normal(size=(200, 2))
    far, crossed = rng.uniform(12, 20, (20, 2)), np.array([-6.0, 6.0]) + rng.normal(size=(20, 2))
    # Half of the score, the margins, sees nothing odd in a crossed row.
    for strange, least in ((far, 0.99), (crossed, 0.65)):
        y = np.repeat([0.0, 1.0], [200, 20])
        assert auroc(y, fitted.score(np.vstack([usual, strange]))) > least


def test_contributions_sum_to_the_score_up_to_one_constant_and_name_the_column() -> None:
    past = rows(1)
    fitted = AnomalyDetector().fit(past)
    asked = np.repeat(np.median(past, axis=0)[None, :], 4, axis=0)
    asked[np.arange(4), np.arange(4)] = past.max(axis=0) * 2
    shares = fitted.contributions(asked)
    gap = shares.sum(axis=1) - fitted.score(asked)
    assert gap == pytest.approx(gap[0])
    assert shares.argmax(axis=1).tolist() == [0, 1, 2, 3]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_units_and_monotone_bends_of_a_column_change_nothing(seed: int) -> None:
    past, asked = rows(seed, 200), rows(seed + 1, 50)
    plain = AnomalyDetector(seed).fit(past).score(asked)
    bent = AnomalyDetector(seed).fit(np.log(past) * 7 + 3).score(np.log(asked) * 7 + 3)
    assert bent == pytest.approx(plain)


def test_a_row_is_scored_the_same_alone_and_in_company_and_by_the_same_seed() -> None:
    past, asked = rows(2), rows(3, 60)
    fitted = AnomalyDetector(4).fit(past)
    together = fitted.score(asked)
    assert np.concatenate([fitted.score(row[None, :]) for row in asked]) == pytest.approx(together)
    assert (AnomalyDetector(4).fit(past).score(asked) == together).all()
    assert not (AnomalyDetector(5).fit(past).score(asked) == together).all()


def test_margins_equal_a_count_over_the_past_and_the_row_itself() -> None:
    past = np.array([[1.0], [2.0], [2.0], [5.0]])
    fitted = AnomalyDetector(drawn=1).fit(past)
    tails, normal = fitted._margins(np.array([[2.0], [0.0], [9.0]]))
    assert tails[:, 0] == pytest.approx([-np.log(4 / 5), -np.log(1 / 5), -np.log(1 / 5)])
    assert normal[1, 0] == pytest.approx(-normal[2, 0])


def test_missing_infinite_and_constant_values_are_ordinary_or_extreme_and_never_a_crash() -> None:
    past = rows(6)
    past[:, 3] = 1.0
    past[::5, 1] = np.nan
    past[:, 2] = np.nan
    fitted = AnomalyDetector().fit(past)
    asked = np.array([[np.median(past[:, 0]), np.nan, np.nan, 1.0], [np.inf, np.nan, np.nan, 1.0]])
    scores = fitted.score(asked)
    assert np.isfinite(scores).all()
    assert scores[1] > scores[0]
    assert (AnomalyDetector().fit(np.ones((5, 2))).score(np.ones((3, 2))) == 0).all()


@pytest.mark.parametrize(
    ("past", "asked", "message"),
    [
        (np.ones((1, 2)), None, "at least 2 past rows"),
        (np.ones(3), None, "a table of rows and columns"),
        ([["a"], ["b"]], None, "a table of numbers"),
        (np.ones((5, 2)), np.ones((5, 3)), "the 2 columns of the past rows"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(past: object, asked: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AnomalyDetector().fit(past).score(asked)  # type: ignore[arg-type]
