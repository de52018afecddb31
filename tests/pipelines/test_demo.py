"""The demo's own parts: its records keep the table contract, its report compares with the truth."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.ingest import ingest_folder
from pipelines.demo.day import Order, Outcome, hash_half
from pipelines.demo.records import add_day
from pipelines.demo.truth import Profit, percentile
from pipelines.shop import simulate
from pipelines.shop.live import CartLine, Visit
from serving.store.migrate import upgrade

NOON = datetime(2026, 7, 1, 4)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "shop"
    simulate(users=250, days=28, seed=3, out=out)
    return out


def visit(user_id: str, trigger: str) -> Visit:
    cart = (CartLine("sku-1", "fresh", 2, 900, 500), CartLine("sku-2", "beauty", 1, 4000, 2100))
    return Visit(user_id, NOON, 12, trigger, "dev-1", "203.0.113.9", "1 High Street", "web", cart, 0, None, None)


def test_the_records_of_a_day_join_the_history_without_a_rejected_row(shop: Path, tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(ledger)
    old = pq.read_table(shop / "users.parquet")["user_id"][0].as_py()
    come, new = visit(old, "session"), visit("guest-1", "registered")
    bought = Order("order-1", NOON, come.cart, (200, 800), kept=True)
    undone = replace(bought, order_id="order-2", discounts=(0, 0), kept=False)
    outcomes = [
        Outcome(come, {"offer": "none"}, "none", None, withheld=False, order=bought),
        Outcome(new, None, "new_15", None, withheld=True, order=undone),
    ]
    folder = add_day(shop, ledger, outcomes, tmp_path / "day")
    report = ingest_folder(folder, tmp_path / "tables", tmp_path / "rejected")
    assert report.rejected == 0
    orders = pq.read_table(tmp_path / "tables" / "orders.parquet").to_pandas().set_index("order_id")
    assert orders.loc["order-1", "paid_cents"] == 2 * 900 + 4000 - 1000
    assert orders.loc["order-1", "margin_cents"] == bought.margin_cents - bought.discount_cents == 2 * 400 + 1900 - 1000
    assert orders.loc["order-2", "state"] == "cancelled"
    users = pq.read_table(tmp_path / "tables" / "users.parquet").to_pandas().set_index("user_id")
    assert users.loc["guest-1", "registered_at"] == NOON - timedelta(seconds=30)


def test_an_undone_order_earns_and_costs_nothing() -> None:
    order = Order("order-1", NOON, visit("u", "session").cart, (200, 800), kept=False)
    outcome = Outcome(visit("u", "session"), None, "flat_8", "cpn_1", withheld=False, order=order)
    assert (outcome.value_cents, outcome.cost_cents) == (0, 0)


def test_the_truth_is_covered_when_it_lies_in_the_interval() -> None:
    assert Profit(10, 5, 15, 5, 1).covered
    assert not Profit(10, 5, 15, 4.99, 1).covered


def test_latencies_are_in_milliseconds() -> None:
    assert percentile([0.001, 0.002, 0.003], 0.5) == pytest.approx(2.0)


def test_about_half_of_those_who_cancel_do_so_before_they_pay() -> None:
    share = sum(hash_half(f"u{number:07d}:20260701T120000") for number in range(1000)) / 1000
    assert 0.4 < share < 0.6


@pytest.mark.slow
def test_a_shop_too_small_to_learn_from_is_refused_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "FAIRDEAL_HOME": str(tmp_path)}
    for name in [name for name in environment if name.startswith("PREFECT_")]:
        del environment[name]
    code = "from pipelines.cli import main; main()"
    words = ["demo", "--users", "1000", "--days", "45"]
    result = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.returncode == 2, result.stderr[-2000:]
    assert "users: got 1000, expected a larger shop" in result.stderr
    assert "Traceback" not in result.stderr
