"""What the goods of a frozen receipt sold for and what they cost, line by line, less the units that went back.

Sales are after activities and coupons; points are a way to pay and lower nothing. Receipts say no cost: a line's is
what the shop's newest order line says of its SKU, and a line whose SKU no order line knows has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, select

from serving.coupons.receipt import receipt_from_data
from serving.performance.period import Period
from serving.store.schema import coupons, order_coupons, orders

_AT_ONCE = 5_000


def redeemed(query: Select[Any], period: Period) -> Select[Any]:
    """``query`` over the coupons of orders that were redeemed in a period and not undone."""
    return (
        query.select_from(order_coupons)
        .join(orders, orders.c.hold_id == order_coupons.c.hold_id)
        .join(coupons, coupons.c.coupon_id == order_coupons.c.coupon_id)
        .where(orders.c.state == "redeemed", *chosen(period))
        .where(orders.c.redeemed_at >= period.start, orders.c.redeemed_at < period.end)
    )


def chosen(period: Period) -> list[ColumnElement[bool]]:
    """The campaign of a period, if it has one."""
    return [coupons.c.campaign_id == period.campaign] if period.campaign else []


def receipts(connection: Connection, period: Period, *columns: Any, first: bool = False) -> Iterator[tuple[Any, ...]]:
    """``columns`` of each redeemed coupon behind its order's receipt (a dict) and what of it was refunded (text).

    ``first`` leaves only the first coupon of each order. An order's receipt is parsed for each of its coupons.
    """
    query = redeemed(select(orders.c.receipt, orders.c.refunded, *columns), period)
    if first:
        query = query.where(order_coupons.c.position == 0)
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield (orjson.loads(row[0]), *row[1:])


def lines(receipt: Mapping[str, Any], refunded: str, costs: Mapping[str, int]) -> list[tuple[int, int | None]]:
    """Sales and cost in cents of each line; cost None where it is not known."""
    if refunded != "[]":
        return _kept(receipt, refunded, costs)
    shares = [coupon["shares"] for coupon in receipt["coupons"]]
    found: list[tuple[int, int | None]] = []
    for index, line in enumerate(receipt["lines"]):
        quantity, cost = line["quantity"], costs.get(line["sku"])
        sales = quantity * line["unit_price_cents"] - line["activity_cents"]
        for share in shares:
            sales -= share[index]
        found.append((sales, None if cost is None else quantity * cost))
    return found


def freight_given(receipt: Mapping[str, Any]) -> int:
    """Cents that coupons took off the freight: nobody pays them, so they lower the margin."""
    return sum(coupon["freight_cents"] for coupon in receipt["coupons"])


def _kept(receipt: Mapping[str, Any], refunded: str, costs: Mapping[str, int]) -> list[tuple[int, int | None]]:
    """The same by unit, as refunds are."""
    whole = receipt_from_data(receipt)
    gone = {(line, unit) for line, unit in orjson.loads(refunded)}
    found: list[tuple[int, int | None]] = []
    for index, line in enumerate(whole.lines):
        units = [unit for unit in range(1, line.quantity + 1) if (line.line_no, unit) not in gone]
        sales = 0
        for unit in units:
            *taken, _points = whole.unit_components(index, unit)
            sales += line.unit_price_cents - sum(taken)
        cost = costs.get(line.sku)
        found.append((sales, None if cost is None else len(units) * cost))
    return found
