"""Cross tables of coupons: template × category, user tag, member tier or time (F195). Their totals are the ledger's.

Claims count by when they were claimed, everything else by when the order was redeemed; undone orders do not count. An
order of several coupons counts its value under the first of them, so that no cent is counted twice. By category each
line's share goes to the category of its goods (from the shop's tables; "" where they do not know it), and a
redemption to the category that got most of its discount; freight is under "" as well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, literal, select, type_coerce

from serving.performance.period import Period
from serving.store.schema import coupons, order_coupons, orders
from serving.store.schema_people import users

BY = ("category", "tags", "tier", "day", "week", "hour")
TIMES = ("day", "week", "hour")
MEASURES = ("claimed", "used", "use_rate", "discount_cents", "value_cents")
_COUNTED = ("claimed", "used", "discount_cents", "value_cents")
_QUARTER = 900_000_000  # microseconds: every zone of the world is whole quarters of an hour away
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments are UTC without a zone everywhere


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts and cents of one group of coupons."""

    claimed: int = 0
    used: int = 0
    discount_cents: int = 0
    value_cents: int = 0

    def __add__(self, other: Cell) -> Cell:
        return Cell(*(getattr(self, name) + getattr(other, name) for name in _COUNTED))

    def measure(self, name: str) -> float | None:
        """A figure by its name; the rate of use is None where nothing was claimed."""
        if name == "use_rate":
            return self.used / self.claimed if self.claimed else None
        return float(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Pivot:
    """Rows (templates) by columns; a cell that is not there is empty."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def cell(self, row: str, column: str) -> Cell:
        return self.cells.get((row, column), Cell())

    def row(self, row: str) -> Cell:
        return sum((cell for (name, _), cell in self.cells.items() if name == row), Cell())

    def column(self, column: str) -> Cell:
        return sum((cell for (_, name), cell in self.cells.items() if name == column), Cell())

    @property
    def total(self) -> Cell:
        return sum(self.cells.values(), Cell())


def pivot(connection: Connection, by: str, period: Period, zone: tzinfo, categories: Mapping[str, str]) -> Pivot:
    """The cross table of a period; ``categories`` names the category of a SKU."""
    if by == "category":
        return _pivot(_by_category(connection, period, categories))
    return _pivot(
        (template, _column(by, key, zone), cell)
        for template, key, cell in (*_claims(connection, by, period), *_uses(connection, by, period))
    )


def _pivot(parts: Iterable[tuple[str, str, Cell]]) -> Pivot:
    cells: defaultdict[tuple[str, str], Cell] = defaultdict(Cell)
    for template, column, cell in parts:
        cells[template, column] += cell
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    return Pivot(tuple(sorted(rows)), tuple(sorted(columns)), dict(cells))


def _claims(connection: Connection, by: str, period: Period) -> Iterable[tuple[str, Any, Cell]]:
    key = _key(by, coupons.c.claimed_at)
    query = select(coupons.c.template_id, key, func.count()).group_by(coupons.c.template_id, key)
    query = query.where(coupons.c.claimed_at >= period.start, coupons.c.claimed_at < period.end, *_chosen(period))
    if by not in TIMES:
        query = query.outerjoin(users, users.c.user_id == coupons.c.user_id)
    return [(template, group, Cell(claimed=count)) for template, group, count in connection.execute(query)]


def _uses(connection: Connection, by: str, period: Period) -> Iterable[tuple[str, Any, Cell]]:
    key = _key(by, orders.c.redeemed_at)
    first = func.sum(case((order_coupons.c.position == 0, orders.c.goods_cents), else_=0))
    figures = (func.count(), func.sum(order_coupons.c.discount_cents), first)
    query = _redeemed(select(coupons.c.template_id, key, *figures), period).group_by(coupons.c.template_id, key)
    if by not in TIMES:
        query = query.outerjoin(users, users.c.user_id == coupons.c.user_id)
    return [
        (template, group, Cell(0, used, int(discount), int(value)))
        for template, group, used, discount, value in connection.execute(query)
    ]


def _by_category(
    connection: Connection, period: Period, categories: Mapping[str, str]
) -> Iterable[tuple[str, str, Cell]]:
    """By the frozen receipts; claims have no category."""
    query = _redeemed(select(coupons.c.template_id, order_coupons.c.position, orders.c.receipt), period)
    for template, position, text in connection.execute(query):
        receipt = json.loads(text)
        applied, of = receipt["coupons"][position], [categories.get(line["sku"], "") for line in receipt["lines"]]
        shares: defaultdict[str, int] = defaultdict(int)
        for category, share in zip(of, applied["shares"], strict=True):
            shares[category] += share
        most = max(shares, key=lambda name: (shares[name], name))
        yield template, most, Cell(used=1)
        if applied.get("freight_cents"):
            shares[""] += applied["freight_cents"]
        for category, share in shares.items():
            yield template, category, Cell(discount_cents=share)
        if position == 0:
            for category, line in zip(of, receipt["lines"], strict=True):
                yield template, category, Cell(value_cents=line["quantity"] * line["unit_price_cents"])


def _redeemed(query: Any, period: Period) -> Any:
    return (
        query.select_from(order_coupons)
        .join(orders, orders.c.hold_id == order_coupons.c.hold_id)
        .join(coupons, coupons.c.coupon_id == order_coupons.c.coupon_id)
        .where(orders.c.state == "redeemed", *_chosen(period))
        .where(orders.c.redeemed_at >= period.start, orders.c.redeemed_at < period.end)
    )


def _chosen(period: Period) -> list[ColumnElement[bool]]:
    return [coupons.c.campaign_id == period.campaign] if period.campaign else []


def _key(by: str, at: Any) -> Any:
    """What the ledger groups by: quarters of an hour, which become local days later, or what is known of the user."""
    if by in TIMES:
        return type_coerce(at, BigInteger).op("/")(literal(_QUARTER, BigInteger, literal_execute=True))
    return {"tags": users.c.tags, "tier": users.c.member_tier}[by]


def _column(by: str, key: Any, zone: tzinfo) -> str:
    if by == "tier":
        return key or ""
    if by == "tags":
        return ", ".join(sorted(json.loads(key))) if key else ""
    local = (_EPOCH + int(key) * timedelta(minutes=15)).replace(tzinfo=UTC).astimezone(zone)
    if by == "hour":
        return f"{local.hour:02d}:00"
    day = local.date()
    return (day - timedelta(days=day.weekday())).isoformat() if by == "week" else day.isoformat()
