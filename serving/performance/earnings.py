"""What orders with coupons sold and earned, by shop-local day and campaign (F191); and when that should worry (F192).

A finished day changes only by refunds and undone orders. Each of these raises an order's number of events or takes the
order away, and nothing can be redeemed in the past: so the day's count of orders and sum of these numbers tell whether
it is as it was. Days that are keep their figures; the others, and today, are read again from their receipts.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import BigInteger, Connection, func, literal, select, type_coerce

from serving.performance.period import Period, midnight
from serving.performance.receipts import freight_given, lines, receipts
from serving.store.schema import coupons, order_coupons, orders

# Below these, figures move by chance: no warning.
RISE = 0.05
FALL = 0.01
KNOWN = 0.5

_DAY = timedelta(days=1)
_MOST_DAYS = 800
_QUARTER = 900_000_000  # microseconds: every zone of the world is whole quarters of an hour away
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments are UTC without a zone everywhere


@dataclass(slots=True)
class Earned:
    """Cents, less what was refunded: ``sales_cents`` for goods after activities and coupons, ``paid_cents`` what came
    in (freight included), ``discount_cents`` what coupons took off, ``costed_cents`` the sales whose costs are known,
    ``cost_cents`` these costs, and freight that coupons gave away with them."""

    orders: int = 0
    sales_cents: int = 0
    paid_cents: int = 0
    discount_cents: int = 0
    costed_cents: int = 0
    cost_cents: int = 0

    @property
    def margin_cents(self) -> int | None:
        """What is left of the sales with known costs; None where no cost is known."""
        return self.costed_cents - self.cost_cents if self.costed_cents else None

    @property
    def margin_rate(self) -> float | None:
        return (self.costed_cents - self.cost_cents) / self.costed_cents if self.costed_cents else None

    @property
    def known(self) -> float | None:
        """The share of the sales whose costs are known."""
        return self.costed_cents / self.sales_cents if self.sales_cents else None

    def add(self, other: Earned) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def total(parts: Mapping[str, Earned]) -> Earned:
    """All campaigns together."""
    found = Earned()
    for part in parts.values():
        found.add(part)
    return found


def thinning(now: Earned, before: Earned) -> tuple[float, float] | None:
    """Growth of the sales and change of the margin rate, when sales rise and the rate falls; else None (F192).

    >>> now, before = Earned(9, 1200, 0, 0, 1200, 960), Earned(9, 1000, 0, 0, 1000, 760)
    >>> growth, change = thinning(now, before)
    >>> round(growth, 2), round(change, 2)
    (0.2, -0.04)
    """
    if now.margin_rate is None or before.margin_rate is None or before.sales_cents <= 0:
        return None
    if (now.known or 0) < KNOWN or (before.known or 0) < KNOWN:
        return None
    growth, change = now.sales_cents / before.sales_cents - 1, now.margin_rate - before.margin_rate
    return (growth, change) if growth >= RISE and change <= -FALL else None


class Earnings:
    """Earned by campaign for any stretch of days; what finished days earned is kept."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._days: dict[datetime, tuple[tuple[int, int], dict[str, Earned]]] = {}
        self._costs: Mapping[str, int] | None = None
        self._lock = threading.Lock()

    def of(self, connection: Connection, period: Period, costs: Mapping[str, int], now: datetime) -> dict[str, Earned]:
        """By campaign ("" for coupons of none); the first coupon's campaign has an order, each its own discount."""
        with self._lock:
            if self._costs is not costs or len(self._days) > _MOST_DAYS:
                self._days, self._costs = {}, costs
            marks = self._marks(connection, period)
            fresh = now - _DAY  # today, in whichever zone
            stale = [day for day in marks if day >= fresh or self._days.get(day, (None,))[0] != marks[day]]
            if stale:
                start, end = max(min(stale), period.start), min(self._next(max(stale)), period.end)
                self._read(connection, start, end, marks, costs)
            found: defaultdict[str, Earned] = defaultdict(Earned)
            for day in marks:
                for campaign, part in self._days[day][1].items():
                    if period.campaign in ("", campaign):
                        found[campaign].add(part)
            return dict(found)

    def _marks(self, connection: Connection, period: Period) -> dict[datetime, tuple[int, int]]:
        """Count of orders and sum of their events by day; days without orders are not there."""
        quarter = type_coerce(orders.c.redeemed_at, BigInteger).op("/")(
            literal(_QUARTER, BigInteger, literal_execute=True)
        )
        query = select(quarter, func.count(), func.sum(orders.c.n)).group_by(quarter)
        query = query.where(orders.c.state == "redeemed")
        query = query.where(orders.c.redeemed_at >= period.start, orders.c.redeemed_at < period.end)
        found: dict[datetime, tuple[int, int]] = {}
        for number, count, events in connection.execute(query):
            day = self._day(_EPOCH + int(number) * timedelta(minutes=15))
            before = found.get(day, (0, 0))
            found[day] = (before[0] + count, before[1] + int(events))
        return found

    def _read(
        self,
        connection: Connection,
        start: datetime,
        end: datetime,
        marks: Mapping[datetime, tuple[int, int]],
        costs: Mapping[str, int],
    ) -> None:
        """One pass over the receipts from ``start`` to ``end``, because orders are not sorted by their moment."""
        found: dict[datetime, defaultdict[str, Earned]] = {
            day: defaultdict(Earned) for day in marks if self._day(start) <= day < end
        }
        columns = (
            orders.c.redeemed_at, coupons.c.campaign_id, order_coupons.c.position,
            order_coupons.c.discount_cents - order_coupons.c.refunded_share_cents,
            orders.c.payable_cents - orders.c.refunded_cents,
        )  # fmt: skip
        quarters: dict[datetime, datetime] = {}
        rows = receipts(connection, Period(start, end), *columns)
        for receipt, refunded, at, campaign, position, discount, paid in rows:
            hour = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
            day = quarters.get(hour) or quarters.setdefault(hour, self._day(hour))
            entry = found[day][campaign or ""]
            entry.discount_cents += discount
            if position:
                continue
            entry.orders += 1
            entry.paid_cents += paid
            kept = 0
            for sales, cost in lines(receipt, refunded, costs):
                entry.sales_cents += sales
                if cost is not None:
                    kept += sales
                    entry.cost_cents += cost
            entry.costed_cents += kept
            entry.cost_cents += freight_given(receipt) if kept else 0
        for day, parts in found.items():
            self._days[day] = (marks[day], dict(parts))

    def _day(self, at: datetime) -> datetime:
        return midnight(at.replace(tzinfo=UTC).astimezone(self._zone).date(), self._zone)

    def _next(self, day: datetime) -> datetime:
        return self._day(day + timedelta(hours=36))
