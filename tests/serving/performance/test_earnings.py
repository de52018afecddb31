"""What campaigns earned, on both databases; when thin sales are a warning; a known lift is found."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from fakes.figures import redeemed
from fakes.shop import Shop

from serving.performance.campaigns import kpis
from serving.performance.earnings import Earned, Earnings, thinning, total
from serving.performance.period import Period
from serving.performance.pivots import BY, margins, pivot
from serving.performance.profit import decided, incremental
from serving.performance.shop_tables import Margins
from serving.performance.tiles import tiles

ZONE = ZoneInfo("Asia/Shanghai")
COSTS = {"sku1": 3_000}


@pytest.mark.requirement("F191")
@pytest.mark.requirement("F193")
async def test_orders_of_a_campaign_on_both_databases(shop: Shop) -> None:
    await shop.template()
    start = shop.clock.now - timedelta(hours=12)
    for n, user in enumerate(("ann", "bob", "ann")):
        await redeemed(shop, user, f"o{n}")
        shop.clock.forward(hours=20)
    await shop.coupon("idle")
    now = shop.clock.now + timedelta(seconds=1)
    period, earnings = Period(start, start + timedelta(days=9)), Earnings(ZONE)
    for _ in range(2):  # the second time from what was kept
        found = shop.store.read(lambda c: earnings.of(c, period, COSTS, now))
        assert found == {"spring": Earned(3, 12_600, 12_600, 2_400, 12_600, 9_000)}
    (spring,) = shop.store.read(lambda c: kpis(c, period, found, {}))
    assert (spring.issued, spring.used, spring.new_orders, spring.new_cents) == (4, 3, 2, 8_400)
    assert spring.use_rate == 0.75
    assert spring.conversion is None
    (bought,) = shop.store.read(lambda c: kpis(c, period, found, {"ann": (datetime(2020, 1, 1), "old")}))
    assert bought.new_orders == 1
    unknown = total(shop.store.read(lambda c: Earnings(ZONE).of(c, period, {}, now)))
    assert unknown.margin_cents is None
    assert unknown.sales_cents == 12_600
    for by in BY:
        cut = shop.store.read(lambda c, by=by: margins(c, by, period, ZONE, {}, COSTS)).total
        assert (cut.costed_cents, cut.margin_cents) == (12_600, 3_600)
        assert shop.store.read(lambda c, by=by: pivot(c, by, period, ZONE, {})).total.value_cents == 15_000
    shown = shop.store.read(lambda c: tiles(c, now, today=True))
    assert (shown.issued, shown.used, shown.spend_cents, shown.sales_cents) == (4, 3, 2_400, 15_000)
    assert shop.store.read(lambda c: decided(c, start, now)) == []


@pytest.mark.requirement("F192")
@pytest.mark.parametrize(
    ("sales", "cost", "warned"),
    [(1200, 960, True), (1200, 912, False), (1000, 800, False), (900, 800, False)],
)
def test_more_sales_at_a_lower_margin_warn(sales: int, cost: int, warned: bool) -> None:
    before = Earned(9, 1000, 1000, 0, 1000, 760)
    assert (thinning(Earned(9, sales, sales, 0, sales, cost), before) is not None) is warned
    assert thinning(Earned(9, sales, sales, 0, sales // 3, cost // 3), before) is None  # of too few the cost is known


@pytest.mark.requirement("F194")
def test_a_known_lift_lies_in_the_interval() -> None:
    """Coupons bring 100 cents each; of forty shops nearly all intervals cover what was really brought."""
    start, covered = datetime(2026, 4, 1), 0
    for seed in range(40):
        draw, rows, orders, brought = random.Random(seed), [], [], 0
        for n in range(600):
            chance = draw.choice([0.3, 0.6])  # of nothing; who is likelier to get one also buys more
            nothing = draw.random() < chance
            rows.append((f"u{n}", start, "none" if nothing else "flat_8", chance if nothing else 1 - chance))
            brought += 0 if nothing else 100
            cents = round(draw.gauss(600 if chance == 0.3 else 200, 200)) + (0 if nothing else 100)
            orders.append((f"u{n}", start + timedelta(days=1), cents))
        frame = pd.DataFrame(orders, columns=["user_id", "placed_at", "margin_cents"])
        found = incremental(rows, Margins(frame, start + timedelta(days=30)), start + timedelta(days=40))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= brought <= found.high
    assert covered >= 35
