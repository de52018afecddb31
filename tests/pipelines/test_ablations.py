"""The ablation benchmark: its farmers truly earn nothing, and its differences are paired over shops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks.ablations import _outcome, _over_shops
from benchmarks.farmed.shop import Truth, farmed_shop, truth_of

OFFERS = ("none", "flat_8", "flat_20")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("farmed") / "shop"
    farmed_shop(users=400, days=45, seed=5, share=0.2, brisk=True, out=out)
    return out


def test_farmers_are_in_the_trial_and_a_coupon_earns_nothing_with_them(shop: Path) -> None:
    decisions = pq.read_table(shop / "decisions.parquet").to_pandas()
    truth = truth_of(shop, decisions["decision_id"].to_numpy(), OFFERS)
    assert 0.1 < truth.abusive.mean() < 0.5
    np.testing.assert_allclose(truth.profit[truth.abusive], -truth.cost[truth.abusive])
    assert (truth.profit[~truth.abusive] + truth.cost[~truth.abusive] > 0).any()


def test_to_the_log_their_coupons_look_better_than_those_of_the_honest(shop: Path) -> None:
    effects = pq.read_table(shop / "truth" / "effects.parquet").to_pandas()
    people = pq.read_table(shop / "truth" / "population.parquet").to_pandas()
    given = effects[effects["offer"] == "flat_20"].merge(people, on="user_id")
    apparent = given.groupby("abusive")["value_cents"].mean()
    assert apparent[True] > 2 * apparent[False]


def test_what_is_earned_and_who_is_served_is_read_from_the_truth() -> None:
    truth = Truth(
        profit=np.array([[0.0, 50.0], [0.0, -10.0], [0.0, -30.0]]),
        cost=np.array([[0.0, 10.0], [0.0, 10.0], [0.0, 20.0]]),
        abusive=np.array([False, True, True]),
    )
    believed, cost = np.array([[0.0, 9.0], [0.0, 8.0], [0.0, 7.0]]), np.array([[0.0, 10.0]] * 3)
    found = _outcome(believed, cost, np.array([False, False, True]), 100.0, truth)
    assert found == pytest.approx(
        {
            "profit_cents": (50 - 10) / 3,
            "spent_cents": 20 / 3,
            "coupons_to_abusers_share": 0.5,
            "abusers_served_share": 0.5,
            "cents_to_abusers": 10 / 3,
        }
    )


def test_differences_are_paired_over_shops() -> None:
    shops = [{"open:neither:profit_cents": base, "open:both:profit_cents": base + 5.0} for base in (1.0, 900.0, 40.0)]
    figures = _over_shops(shops)
    assert figures["open_both_minus_neither_profit_cents"] == pytest.approx(5.0)
    assert figures["open_both_minus_neither_profit_cents_low"] == pytest.approx(5.0)
