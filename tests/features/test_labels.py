"""Outcomes of decisions against plain loops, and the two ways in which money must not be counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from features.engine import connect, tables_in
from features.labels import HORIZON, decision_outcomes
from oracles.features import rows_of
from oracles.outcomes import outcome
from oracles.small_shop import small_shop


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


@pytest.mark.parametrize("horizon", [HORIZON, timedelta(days=30), timedelta(hours=36)], ids=str)
@pytest.mark.parametrize("as_of", [datetime(2026, 4, 20), datetime(2026, 6, 1, 12), datetime(2027, 1, 1)], ids=str)
def test_outcomes_equal_plain_loops(con: Any, as_of: datetime, horizon: timedelta) -> None:
    frames = small_shop(21, users=3)
    shop = rows_of(frames)
    found = decision_outcomes(tables_in(con, frames), as_of, horizon).execute().set_index("decision_id")
    expected = {d["decision_id"]: outcome(shop, d, as_of, horizon) for d in shop["decisions"]}
    assert set(found.index) == {key for key, value in expected.items() if value is not None}
    for key, row in found.iterrows():
        assert (row.value_cents, row.cost_cents, row.redeemed) == expected[key], key


def shop_with(con: Any, **order: object) -> Any:
    """One decision, one order with its coupon, an hour later."""
    frames = small_shop(3)
    decided = pd.Timestamp("2026-04-01")
    later = decided + pd.Timedelta(hours=1)
    decision = {"decision_id": "x", "user_id": "u1", "decided_at": decided}
    paid = {
        "user_id": "u1",
        "placed_at": later,
        "paid_at": later,
        "state": "completed",
        "margin_cents": 700,
        "order_id": "o",
    }
    coupon = {
        "user_id": "u1",
        "claimed_at": decided,
        "redeemed_at": later,
        "order_id": "o",
        "decision_id": "x",
        "discount_cents": 300,
    }
    for name, row in (("decisions", decision), ("orders", paid | order), ("coupons", coupon)):
        frames[name] = frames[name].iloc[:1].assign(**row)
    return decision_outcomes(tables_in(con, frames), datetime(2026, 5, 1)).execute().iloc[0]


def test_value_is_the_margin_before_the_coupon_and_cost_the_coupon(con: Any) -> None:
    row = shop_with(con)
    assert (row.value_cents, row.cost_cents, row.redeemed) == (1000, 300, True)


@pytest.mark.parametrize("state", ["cancelled", "refunded"])
def test_an_undone_order_earns_nothing_and_its_coupon_costs_nothing(con: Any, state: str) -> None:
    row = shop_with(con, state=state)
    assert (row.value_cents, row.cost_cents, row.redeemed) == (0, 0, False)


def test_an_unpaid_order_earns_nothing(con: Any) -> None:
    assert shop_with(con, paid_at=pd.NaT, state="pending").value_cents == 0
