"""Cross tables of coupons: template × category, user tag, member tier or time (F195). Their totals are the ledger's.

Claims count by when they were claimed, everything else by when the order was redeemed; undone orders do not count. An
order of several coupons counts its value under the first of them, so that no cent is counted twice. By category each
line's share goes to the category of its goods (from the shop's tables; "" where they do not know it), and a
redemption to the category that got most of its discount; freight is under "" as well.

Margins are of the lines whose costs the shop's tables know (``receipts``) and ask for every receipt of the period, so
that they are only counted when they are wanted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import BigInteger, Connection, case, func, literal, select, type_coerce

from serving.performance.period import Period
from serving.performance.receipts import chosen, freight_given, lines, receipts, redeemed
from serving.store.schema import coupons, order_coupons, orders
from serving.store.schema_people import users

BY = ("category", "tags", "tier", "day", "week", "hour")
TIMES = ("day", "week", "hour")
MEASURES = ("claimed", "used", "use_rate", "discount_cents", "value_cents", "margin_cents", "margin_rate")
MARGINS = ("margin_cents", "margin_rate")
_COUNTED = ("claimed", "used", "discount_cents", "value_cents", "costed_cents", "margin_cents")
_QUARTER = 900_000_000  # microseconds: every zone of the world is whole quarters of an hour away
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments are UTC without a zone everywhere


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts and cents of one group of coupons; ``costed_cents`` are the sales whose costs and so margins are known."""

    claimed: int = 0
    used: int = 0
    discount_cents: int = 0
    value_cents: int = 0
    costed_cents: int = 0
    margin_cents: int = 0

    def __add__(self, other: Cell) -> Cell:
        return Cell(*(getattr(self, name) + getattr(other, name) for name in _COUNTED))

    def measure(self, name: str) -> float | None:
        """A figure by its name; None for a rate without anything claimed, and for a margin without any known cost."""
        if name == "use_rate":
            return self.used / self.claimed if self.claimed else None
        if name in MARGINS and not self.costed_cents:
            return None
        if name == "margin_rate":
            return self.margin_cents / self.costed_cents
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

    def __add__(self, other: Pivot) -> Pivot:
        """Both tables in one, cell by cell."""
        return _pivot((*key, cell) for part in (self, other) for key, cell in part.cells.items())

    @property
    def total(self) -> Cell:
        return sum(self.cells.values(), Cell())


def pivot(connection: Connection, by: str, period: Period, zone: tzinfo, categories: Mapping[str, str]) -> Pivot:
    """The cross table of a period without margins; ``categories`` names the category of a SKU."""
    if by == "category":
        return _pivot(_by_category(connection, period, categories, {}))
    parts = [*_claims(connection, by, period), *_uses(connection, by, period)]
    return _pivot((template, _column(by, key, zone), cell) for template, key, cell in parts)


def margins(
    connection: Connection,
    by: str,
    period: Period,
    zone: tzinfo,
    categories: Mapping[str, str],
    costs: Mapping[str, int],
) -> Pivot:
    """The cross table of the margins; ``costs`` says what a SKU costs (cents). Categories come with every measure."""
    if by == "category":
        return _pivot(_by_category(connection, period, categories, costs))
    found = _margins(connection, by, period, costs)
    return _pivot((template, _column(by, key, zone), cell) for template, key, cell in found)


def _pivot(parts: Iterable[tuple[str, str, Cell]]) -> Pivot:
    cells: defaultdict[tuple[str, str], Cell] = defaultdict(Cell)
    for template, column, cell in parts:
        cells[template, column] += cell
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    return Pivot(tuple(sorted(rows)), tuple(sorted(columns)), dict(cells))


def _claims(connection: Connection, by: str, period: Period) -> Iterable[tuple[str, Any, Cell]]:
    key = _key(by, coupons.c.claimed_at)
    query = select(coupons.c.template_id, key, func.count()).group_by(coupons.c.template_id, key)
    query = query.where(coupons.c.claimed_at >= period.start, coupons.c.claimed_at < period.end, *chosen(period))
    if by not in TIMES:
        query = query.outerjoin(users, users.c.user_id == coupons.c.user_id)
    return [(template, group, Cell(claimed=count)) for template, group, count in connection.execute(query)]


def _uses(connection: Connection, by: str, period: Period) -> Iterable[tuple[str, Any, Cell]]:
    key = _key(by, orders.c.redeemed_at)
    first = func.sum(case((order_coupons.c.position == 0, orders.c.goods_cents), else_=0))
    figures = (func.count(), func.sum(order_coupons.c.discount_cents), first)
    query = redeemed(select(coupons.c.template_id, key, *figures), period).group_by(coupons.c.template_id, key)
    if by not in TIMES:
        query = query.outerjoin(users, users.c.user_id == coupons.c.user_id)
    return [
        (template, group, Cell(0, used, int(discount), int(value)))
        for template, group, used, discount, value in connection.execute(query)
    ]


def _margins(
    connection: Connection, by: str, period: Period, costs: Mapping[str, int]
) -> Iterable[tuple[str, Any, Cell]]:
    """Margins of orders under their first coupon."""
    sums: defaultdict[tuple[str, Any], list[int]] = defaultdict(lambda: [0, 0])
    timed = by in TIMES
    key_of = type_coerce(orders.c.redeemed_at, BigInteger) if timed else coupons.c.user_id
    groups: dict[str, Any] = {}
    if not timed:
        groups = dict(connection.execute(select(users.c.user_id, _key(by, None))).tuples().all())
    for receipt, refunded, template, key in receipts(connection, period, coupons.c.template_id, key_of, first=True):
        entry = sums[template, key // _QUARTER if timed else groups.get(key)]
        kept = 0
        for sales, cost in lines(receipt, refunded, costs):
            if cost is not None:
                kept += sales
                entry[1] += sales - cost
        entry[0] += kept
        entry[1] -= freight_given(receipt) if kept else 0
    for (template, group), (costed, margin) in sums.items():
        yield template, group, Cell(costed_cents=costed, margin_cents=margin)


def _by_category(
    connection: Connection, period: Period, categories: Mapping[str, str], costs: Mapping[str, int]
) -> Iterable[tuple[str, str, Cell]]:
    """By the frozen receipts; claims have no category."""
    # used, discount, value, costed, margin: plain numbers, because objects would be made for every line
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    rows = receipts(connection, period, coupons.c.template_id, order_coupons.c.position)
    for receipt, refunded, template, position in rows:
        applied, bought = receipt["coupons"][position], receipt["lines"]
        of = [categories.get(line["sku"], "") for line in bought]
        shares: dict[str, int] = {}
        for category, share in zip(of, applied["shares"], strict=True):
            shares[category] = shares.get(category, 0) + share
        most = max(shares, key=lambda name: (shares[name], name)) if len(shares) > 1 else of[0]
        sums[template, most][0] += 1
        if applied["freight_cents"]:
            sums[template, ""][1] += applied["freight_cents"]
            sums[template, ""][4] -= applied["freight_cents"] if costs else 0
        for category, share in shares.items():
            sums[template, category][1] += share
        if position == 0:
            for category, line in zip(of, bought, strict=True):
                sums[template, category][2] += line["quantity"] * line["unit_price_cents"]
            if costs:
                for category, (sales, cost) in zip(of, lines(receipt, refunded, costs), strict=True):
                    if cost is not None:
                        sums[template, category][3] += sales
                        sums[template, category][4] += sales - cost
    for (template, category), figures in sums.items():
        yield template, category, Cell(0, *figures)


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
