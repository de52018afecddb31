"""Incremental profit against a naive count, and what it says when it cannot know."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pandas as pd
import pytest

from serving.performance.profit import WINDOW, incremental
from serving.performance.shop_tables import STATES, Margins

START = datetime(2026, 4, 1)


def made(n: int = 2_000) -> tuple[list[tuple[str, datetime, str, float]], pd.DataFrame]:
    draw = random.Random(4)
    rows, orders = [], []
    for i in range(n):
        chance = draw.choice([0.2, 0.5, 0.8])  # of nothing
        nothing = draw.random() < chance
        user, at = f"u{draw.randrange(n // 2)}", START + timedelta(minutes=draw.randrange(20_000))
        rows.append((user, at, "none" if nothing else "flat_8", chance if nothing else 1 - chance))
        for _ in range(draw.randrange(3)):
            placed = at + timedelta(hours=draw.randrange(-48, 300))
            orders.append(
                (user, placed, draw.choice(["paid", "cancelled", "completed"]), draw.randrange(-200, 900) + i)
            )
    orders.append(("last", START + timedelta(days=60), "paid", 1))
    return rows, pd.DataFrame(orders, columns=["user_id", "placed_at", "state", "margin_cents"])


END = START + timedelta(days=90)


def known(orders: pd.DataFrame) -> Margins:
    return Margins(orders[orders.state.isin(STATES)], pd.Timestamp(orders.placed_at.max()).to_pydatetime())


def test_it_is_the_naive_weighted_difference() -> None:
    rows, orders = made()
    kept = [tuple(order) for order in orders.itertuples(index=False) if order.state != "cancelled"]
    rewards = [
        sum(cents for user, placed, _, cents in kept if user == row[0] and row[1] <= placed < row[1] + WINDOW)
        for row in rows
    ]
    weights = [1 / row[3] if row[2] == "none" else 0.0 for row in rows]
    nothing = sum(w * r for w, r in zip(weights, rewards, strict=True)) / sum(weights)
    found = incremental(rows, known(orders), END)
    assert found.value == pytest.approx(sum(rewards) - len(rows) * nothing)
    assert found.low is not None
    assert found.high is not None
    assert found.low < (found.value or 0) < found.high


def test_too_few_without_a_coupon_give_no_number() -> None:
    rows, orders = made(150)
    found = incremental(rows, known(orders), END)
    assert found.nothing < 100
    assert found.value is None
    assert incremental(rows, None, END).known is None
    assert incremental([], known(orders), END).n == 0


def test_decisions_whose_window_is_still_open_stay_out() -> None:
    rows, orders = made()
    late = [("x", START + timedelta(days=58), "none", 0.5)] * 300
    assert incremental([*rows, *late], known(orders), END).n == len(rows)
