"""From the shop's arrays to rows of the table contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.tables import TABLES
from pipelines.shop.behaviour import KINDS, Events
from pipelines.shop.calendar import DAY, MINUTE, Calendar
from pipelines.shop.catalogue import Catalogue
from pipelines.shop.network import TERMINALS, Network
from pipelines.shop.offers import OFFERS, TEMPLATES
from pipelines.shop.population import CHANNELS, TIERS, Population
from pipelines.shop.purchases import (
    CANCELLED,
    FREE_FREIGHT,
    FREIGHT,
    KEPT,
    REFUNDED,
    UNPAID,
    Grants,
    Purchases,
    apportion,
)
from pipelines.shop.seeds import Ints, opaque
from pipelines.shop.trial import HORIZON, Decisions

POLICY_VERSION = "trial-1"
TRIAL, CENTRE, WELCOME_CAMPAIGN = "coupon-trial", "coupon-centre", "welcome"


@dataclass(frozen=True)
class Names:
    """Directories that turn indices into the texts of the tables."""

    seed: int
    users: pa.Array
    devices: pa.Array
    ips: pa.Array
    addresses: pa.Array
    catalogue: Catalogue

    @classmethod
    def of(cls, people: Population, network: Network, catalogue: Catalogue, seed: int) -> Names:
        users = pa.array([f"u{number:07d}" for number in people.number.tolist()])
        return cls(seed, users, network.device_names(), network.ip_names(), network.address_names(), catalogue)

    def ids(self, prefix: str, numbers: Ints) -> pa.Array:
        """Opaque distinct ids; null where the number is negative."""
        codes = pa.array(opaque(self.seed, prefix, numbers), mask=numbers < 0)
        return pc.binary_join_element_wise(prefix, codes.cast(pa.string()), "")


def number(block: int, count: int) -> Ints:
    """Numbers of the rows of a block, distinct over all blocks."""
    return (np.int64(block) << 32) + np.arange(count)


def user_rows(people: Population, names: Names) -> pa.Table:
    everyone = np.arange(len(people))
    return _table(
        "users",
        user_id=names.users,
        registered_at=_times(people.registered),
        birthday=_times(people.birthday),
        member_tier=_coded(TIERS, people.tier),
        acquisition_channel=_coded(CHANNELS, people.channel),
        phone_token=names.ids("p", np.where(people.phone >= 0, people.phone, -1)),
        identity_token=names.ids("n", np.where(people.identity >= 0, people.identity, -1)),
    ).take(pa.array(np.argsort(people.number[everyone])))


def template_rows() -> pa.Table:
    columns = {name: [getattr(t, name) for t in TEMPLATES] for name in TABLES["templates"].names}
    return pa.table(columns, schema=TABLES["templates"].arrow_schema)


def decision_rows(decisions: Decisions, names: Names, block: int) -> pa.Table:
    n = len(decisions.user)
    return _table(
        "decisions",
        decision_id=names.ids("t", number(block, n)),
        user_id=names.users.take(pa.array(decisions.user)),
        decided_at=_times(decisions.at),
        trigger=_constant("session", n),
        campaign_id=_constant(TRIAL, n),
        eligible=pa.ListArray.from_arrays(
            pa.array(np.arange(n + 1, dtype=np.int32) * len(OFFERS)), pa.array(list(OFFERS) * n, pa.string())
        ),
        offer=_coded(OFFERS, decisions.offer),
        propensity=pa.array(decisions.propensity),
        holdout=pa.array(np.zeros(n, dtype=bool)),
        policy_version=_constant(POLICY_VERSION, n),
        value_cents=pa.nulls(n, pa.int64()),
        cost_cents=pa.nulls(n, pa.int64()),
    )


def order_rows(orders: Purchases, names: Names, calendar: Calendar, block: int) -> tuple[pa.Table, pa.Table]:
    """The rows of ``orders`` and of ``order_lines``."""
    catalogue, n = names.catalogue, len(orders)
    line_goods = orders.quantity * catalogue.price[orders.sku]
    goods = line_goods.sum(axis=1)
    gross = (orders.quantity * (catalogue.price - catalogue.cost)[orders.sku]).sum(axis=1)
    freight = np.where(goods >= FREE_FREIGHT, 0, FREIGHT)
    order_id = names.ids("o", number(block, n))
    wait = MINUTE // 2 + opaque(names.seed, "pay", number(block, n)).view(np.int64) % (9 * MINUTE)
    paid_at = pa.array(orders.at + wait, mask=orders.fate == UNPAID).cast(pa.timestamp("us"))
    table = _table(
        "orders",
        order_id=order_id,
        user_id=names.users.take(pa.array(orders.user)),
        placed_at=_times(orders.at),
        paid_at=paid_at,
        state=_coded(("pending", "paid", "shipped", "completed", "cancelled", "refunded"), _states(orders, calendar)),
        goods_cents=pa.array(goods),
        freight_cents=pa.array(freight),
        discount_cents=pa.array(orders.off),
        paid_cents=pa.array(goods + freight - orders.off),
        margin_cents=pa.array(gross - orders.off),
        device_id=_named(names.devices, orders.device),
        ip=_named(names.ips, orders.ip),
        address=_named(names.addresses, orders.address),
        recipient_token=pa.nulls(n, pa.string()),
    )
    share = apportion(orders.off, line_goods)
    order, line = np.nonzero(orders.quantity)
    sku = orders.sku[order, line]
    lines = _table(
        "order_lines",
        order_id=order_id.take(pa.array(order)),
        line_no=pa.array(line),
        sku=catalogue.sku.take(pa.array(sku)),
        category=catalogue.categories.take(pa.array(catalogue.category[sku])),
        brand=catalogue.brands.take(pa.array(catalogue.brand[sku])),
        merchant_id=catalogue.merchants.take(pa.array(catalogue.merchant[sku])),
        quantity=pa.array(orders.quantity[order, line]),
        unit_price_cents=pa.array(catalogue.price[sku]),
        unit_cost_cents=pa.array(catalogue.cost[sku]),
        discount_cents=pa.array(share[order, line]),
    )
    return table, lines


def _states(orders: Purchases, calendar: Calendar) -> Ints:
    age = calendar.end - orders.at
    alive = np.select([age < DAY // 2, age < 3 * DAY], [1, 2], 3)
    unpaid = np.where(age < DAY, 0, 4)
    return np.select([orders.fate == CANCELLED, orders.fate == REFUNDED, orders.fate == UNPAID], [4, 5, unpaid], alive)


def coupon_rows(grants: Grants, orders: Purchases, names: Names, calendar: Calendar, block: int) -> pa.Table:
    n = len(grants.user)
    placed = grants.order >= 0
    order = np.where(placed, grants.order, 0)
    used = placed & (orders.fate[order] == KEPT) if len(orders) else placed
    days = np.array([t.valid_days for t in TEMPLATES])[grants.template]
    # A trial coupon lives as long as the outcome window, or a purchase on its last day could not use it.
    until = grants.at + np.where(grants.decision >= 0, HORIZON, days * DAY)
    state = np.select([used, until < calendar.end], [1, 2], 0)
    campaign = np.where(grants.decision >= 0, 0, np.where(grants.template == len(TEMPLATES) - 1, 2, 1))
    placed_at = orders.at[order] if len(orders) else grants.at
    address = np.where(used, orders.address[order], -1) if len(orders) else np.full(n, -1)
    return _table(
        "coupons",
        coupon_id=names.ids("c", number(block, n)),
        template_id=_coded([t.template_id for t in TEMPLATES], grants.template),
        campaign_id=_coded((TRIAL, CENTRE, WELCOME_CAMPAIGN), campaign),
        user_id=names.users.take(pa.array(grants.user)),
        decision_id=names.ids("t", np.where(grants.decision >= 0, (np.int64(block) << 32) + grants.decision, -1)),
        claimed_at=_times(grants.at),
        valid_from=_times(grants.at),
        valid_until=_times(until),
        state=_coded(("unused", "used", "expired", "revoked"), state),
        redeemed_at=pa.array(placed_at, mask=~used).cast(pa.timestamp("us")),
        order_id=names.ids("o", np.where(used, (np.int64(block) << 32) + order, -1)),
        discount_cents=pa.array(grants.off, mask=~used),
        device_id=_named(names.devices, grants.device),
        ip=_named(names.ips, grants.ip),
        address=_named(names.addresses, address),
    )


def event_rows(events: Events, names: Names, block: int) -> pa.Table:
    catalogue, n = names.catalogue, len(events.user)
    category = np.where(events.sku >= 0, catalogue.category[events.sku], -1)
    return _table(
        "events",
        event_id=names.ids("e", number(block, n)),
        user_id=names.users.take(pa.array(events.user)),
        occurred_at=_times(events.at),
        kind=_coded(KINDS, events.kind),
        sku=_named(catalogue.sku, events.sku),
        category=_named(catalogue.categories, category),
        dwell_seconds=pa.array(events.dwell, mask=np.isnan(events.dwell)),
        terminal=_coded(TERMINALS, events.terminal),
        device_id=_named(names.devices, events.device),
        ip=_named(names.ips, events.ip),
    )


def _table(name: str, **columns: Any) -> pa.Table:
    return pa.table(columns, schema=TABLES[name].arrow_schema)


def _times(moments: Ints) -> pa.Array:
    return pa.array(moments).cast(pa.timestamp("us"))


def _constant(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), count)


def _coded(texts: Any, codes: Ints) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(codes))


def _named(directory: pa.Array, index: Ints) -> pa.Array:
    return directory.take(pa.array(index, mask=index < 0))
