"""Cross tables: their totals are the ledger's to the cent, whichever way they are cut."""

from __future__ import annotations

import csv
import io

import pytest
from fakes.console import sign_in
from fakes.figures import redeemed
from fakes.shop import Shop
from sqlalchemy import func, select

from serving.performance.pivots import BY
from serving.store.schema import order_coupons, orders


@pytest.mark.requirement("F195")
@pytest.mark.parametrize("by", BY)
async def test_totals_are_the_ledgers(small_shop: Shop, by: str) -> None:
    await small_shop.template()
    await small_shop.template("flat_3", deduction={"kind": "no_threshold", "face_cents": 333})
    for n in range(3):
        await redeemed(small_shop, f"user{n}", f"o{n}")
        small_shop.clock.forward(hours=7)
    await small_shop.coupon("idle", "flat_3")
    browser = await sign_in(small_shop, "olga", "operator")
    text = (await browser.get("/cross.csv", by=by)).content.decode("utf-8-sig")
    *rows, total = csv.DictReader(io.StringIO(text))
    with_coupons = select(order_coupons.c.hold_id)
    goods = select(func.sum(orders.c.goods_cents)).where(orders.c.hold_id.in_(with_coupons))
    value = small_shop.store.read(lambda connection: connection.scalar(goods))
    discount = small_shop.store.read(lambda c: c.scalar(select(func.sum(order_coupons.c.discount_cents))))
    assert float(total["value_cents"]) == value == 15_000
    assert float(total["discount_cents"]) == discount == 2_400
    assert float(total["used"]) == 3
    for name in ("claimed", "used", "discount_cents", "value_cents"):
        assert sum(float(row[name]) for row in rows) == float(total[name])
    assert float(total["claimed"]) == (0 if by == "category" else 4)
    assert (await browser.get("/cross", by=by)).status_code == 200


async def test_reviewers_do_not_read_it_and_bad_filters_are_refused(small_shop: Shop) -> None:
    assert (await (await sign_in(small_shop, "rita", "reviewer")).get("/cross")).status_code == 403
    browser = await sign_in(small_shop, "olga", "operator", "zh")
    assert (await browser.get("/cross", by="moon")).status_code == 422
    assert (await browser.get("/cross", **{"from": "2026-05-02", "to": "2026-05-01"})).status_code == 422
    assert "该时段没有发券或用券" in (await browser.get("/cross")).text
