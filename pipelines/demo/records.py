"""What the shop writes down about a day: its own log of visits and orders, and what the coupon service exports.

The result is a folder that keeps the table contract: history and the new day as two parts of every table. Devices, IPs
and addresses of the day's coupons come from the shop's log, because the service keeps only hashes of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.tables import TABLES
from pipelines.demo.day import Outcome
from serving.store.export import export_tables

Rows = list[dict[str, Any]]


def add_day(history: Path, ledger_url: str, outcomes: Sequence[Outcome], out: Path) -> Path:
    """Write ``history`` and the day as one folder of tables; returns it."""
    exported = out / "exported"
    export_tables(ledger_url, exported)
    day = {
        "users": list(_users(outcomes)),
        "events": list(_events(outcomes)),
        "orders": list(_orders(outcomes)),
        "order_lines": list(_order_lines(outcomes)),
        "coupons": _coupons(pq.read_table(exported / "coupons.parquet").to_pylist(), outcomes),
        "decisions": pq.read_table(exported / "decisions.parquet").to_pylist(),
        "verdicts": pq.read_table(exported / "verdicts.parquet").to_pylist(),
        "templates": [],
    }
    for name, rows in day.items():
        parts = out / f"{name}.parquet"
        parts.mkdir(parents=True)
        shutil.copyfile(history / f"{name}.parquet", parts / "history.parquet")
        if rows:
            pq.write_table(pa.Table.from_pylist(rows, schema=TABLES[name].arrow_schema), parts / "day.parquet")
    shutil.rmtree(exported)
    return out


def _users(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        if outcome.visit.trigger == "registered":
            yield {"user_id": outcome.visit.user_id, "registered_at": outcome.visit.at - timedelta(seconds=30)}


def _events(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        visit = outcome.visit
        seen = [("sign_in", None, None), *(("add_to_cart", line.sku, line.category) for line in visit.cart)]
        for number, (kind, sku, category) in enumerate(seen):
            yield {
                "event_id": f"e:{visit.user_id}:{visit.at:%Y%m%dT%H%M%S}:{number}",
                "user_id": visit.user_id,
                "occurred_at": visit.at + timedelta(seconds=number),
                "kind": kind,
                "sku": sku,
                "category": category,
                "terminal": visit.terminal,
                "device_id": visit.device_id,
                "ip": visit.ip,
            }


def _orders(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        visit, order = outcome.visit, outcome.order
        if order is None:
            continue
        goods = sum(line.quantity * line.unit_price_cents for line in order.cart)
        yield {
            "order_id": order.order_id,
            "user_id": visit.user_id,
            "placed_at": order.placed_at,
            "paid_at": order.placed_at if order.kept else None,
            "state": "paid" if order.kept else "cancelled",
            "goods_cents": goods,
            "freight_cents": 0,
            "discount_cents": order.discount_cents,
            "paid_cents": goods - order.discount_cents,
            "margin_cents": order.margin_cents - order.discount_cents,
            "device_id": visit.device_id,
            "ip": visit.ip,
            "address": visit.address,
        }


def _order_lines(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        order = outcome.order
        if order is None:
            continue
        for number, (line, discount) in enumerate(zip(order.cart, order.discounts, strict=True), start=1):
            yield {
                "order_id": order.order_id,
                "line_no": number,
                "sku": line.sku,
                "category": line.category,
                "quantity": line.quantity,
                "unit_price_cents": line.unit_price_cents,
                "unit_cost_cents": line.unit_cost_cents,
                "discount_cents": discount,
            }


def _coupons(exported: Rows, outcomes: Sequence[Outcome]) -> Rows:
    seen = {outcome.coupon_id: outcome.visit for outcome in outcomes if outcome.coupon_id}
    for row in exported:
        visit = seen[row["coupon_id"]]
        row.update(device_id=visit.device_id, ip=visit.ip, address=visit.address)
    return exported
