"""``fairdeal bench detection``: its quick form gives every figure, and its pooled figures are what they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from benchmarks import detection
from benchmarks.detected import one_shop
from benchmarks.detected.pooled import Pool, figures, intervals, wilson
from benchmarks.detected.shops import NEVER, Accounts
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return detection.run(seeds=(3,), users=1000, days=40, quick=True)


@pytest.mark.slow
def test_the_quick_form_gives_every_kind_of_figure(told: dict[str, Any]) -> None:
    for name in (*detection.OURS, "device_7_days", "shared_ip_ever", "isolation_forest", "ecod", "lightgbm_with_links"):
        assert 0 <= told[f"{name}_ap"] <= 1
    flat = {key: value for key, value in told.items() if key != "by_shop" and not isinstance(value, str)}
    assert all(isinstance(value, float) for value in flat.values())
    assert {"ap_over_best_rival_low", "combined_prompt_rings_by_third", "reliability_calibrated_ece"} <= set(flat)
    assert told["combined_ap_low"] <= told["combined_ap_high"]


@pytest.mark.slow
def test_no_score_moves_when_later_rows_are_appended(told: dict[str, Any]) -> None:
    assert told["rows_compared"] > 500
    assert told["rows_changed_by_later_rows"] == 0


def test_pooled_average_precision_is_that_of_all_accounts_together() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(3000) < 0.05
    score = np.round(rng.random(3000) + y, 1)
    pool = Pool(np.arange(3000) % 3, np.arange(3000).astype(str), y, {"a": score, "b": rng.random(3000)})
    assert figures(pool)["a_ap"] == pytest.approx(average_precision_score(y, score))
    bounds = intervals(pool, "a", ("b",), repeats=100)
    assert bounds["a_ap_low"] < figures(pool)["a_ap"] < bounds["a_ap_high"]
    assert bounds["ap_a_less_b_low"] > 0


def test_a_ring_is_drawn_as_one() -> None:
    shop = np.zeros(40, np.int64)
    together = Pool(shop, np.array(["ring"] * 10 + [str(i) for i in range(30)]), np.arange(40) < 10, {})
    draws = together.draws(50)
    assert (draws[:, :10] == draws[:, :1]).all()
    assert (draws[:, 10:] != draws[:, 10:11]).any()


@pytest.mark.parametrize(("hits", "of"), [(0, 50), (3, 1000), (50, 50)])
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int) -> None:
    expected = binomtest(hits, of).proportion_ci(method="wilson")
    assert wilson(hits, of) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_day_shows_its_reviewers_the_highest_new_accounts() -> None:
    day = 86_400_000_000
    since = np.array([5, 6, 7, 8, 9, 10, day + 1, NEVER])
    who = Accounts(np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.99]), since)
    abusive = np.array([1, 0, 0, 0, 0, 1, 1, 1], bool)
    assert one_shop.daily(who, abusive) == [2.0, 6.0]
    assert one_shop.by_third([0, 1, 3, 4]) == 2
    assert math.isfinite(sum(map(sum, one_shop.reliability(who.score, abusive))))
