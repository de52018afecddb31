"""The ablation benchmark: its farmers truly earn nothing, and its differences are paired over shops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from benchmarks.ablations import CELLS, _outcome, _over_shops, _thinned
from benchmarks.farmed.shop import TRIED, Truth, farmed_shop, truth_of

from models.uplift.trial import Trial


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("farmed") / "shop"
    farmed_shop(users=400, days=45, seed=5, share=0.2, brisk=True, out=out)
    return out


def test_farmers_are_in_the_trial_and_a_coupon_earns_nothing_with_them(shop: Path) -> None:
    decisions = pq.read_table(shop / "decisions.parquet").to_pandas()
    truth = truth_of(shop, decisions["decision_id"].to_numpy(), TRIED)
    assert 0.1 < truth.abusive.mean() < 0.5
    np.testing.assert_allclose(truth.profit[truth.abusive], -truth.cost[truth.abusive])
    assert (truth.profit[~truth.abusive] + truth.cost[~truth.abusive] > 0).any()


def test_to_the_log_their_coupons_look_better_than_those_of_the_honest(shop: Path) -> None:
    effects = pq.read_table(shop / "truth" / "effects.parquet").to_pandas()
    people = pq.read_table(shop / "truth" / "population.parquet").to_pandas()
    given = effects[effects["offer"] == TRIED[-1]].merge(people, on="user_id")
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


def test_differences_are_paired_over_shops_and_the_filter_is_compared_with_its_placebo_too() -> None:
    gains = {"neither": 0.0, "filter": 7.0, "discount": 1.0, "both": 5.0, "thinned": -2.0}
    shops = [
        {"shop": base, **{f"open:{cell}:profit_cents": base + gains[cell] for cell in CELLS}}
        for base in (1.0, 900.0, 40.0)
    ]
    figures = _over_shops(shops)
    for pair, gain in {"both_minus_neither": 5.0, "thinned_minus_neither": -2.0, "filter_minus_thinned": 9.0}.items():
        for bound in ("", "_low", "_high"):
            assert figures[f"open_{pair}_profit_cents{bound}"] == pytest.approx(gain)


def test_only_the_tried_offers_were_possible(shop: Path) -> None:
    decisions = pq.read_table(shop / "decisions.parquet").to_pandas()
    assert set(decisions["offer"]) == set(TRIED)
    assert all(tuple(eligible) == TRIED for eligible in decisions["eligible"])
    assert decisions["propensity"].between(0.05, 0.95).all()


def test_the_placebo_leaves_out_whole_users_and_as_many_rows_as_asked() -> None:
    n = 300
    cluster = np.array([f"u{row // 3}" for row in range(n)], dtype=object)
    train = Trial(
        X=pd.DataFrame({"x": np.arange(n)}),
        treatment=np.arange(n) % 2,
        arms=("none", "offer"),
        propensity=np.full((n, 2), 0.5),
        value=np.zeros(n),
        cost=np.zeros(n),
        outcomes={},
        cluster=cluster,
    )
    left = _thinned(train, 280, seed=1)
    assert 278 <= len(left) <= 280
    assert left.cluster is not None
    assert (np.unique(left.cluster, return_counts=True)[1] == 3).all()
    assert len(_thinned(train, n, seed=1)) == n
