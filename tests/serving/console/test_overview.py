"""The overview: what it shows is what the ledger holds, to whom it shows it, and its file."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.console import sign_in
from fakes.figures import redeemed
from fakes.shop import Shop


@pytest.mark.requirement("F194")
async def test_tiles_say_what_the_ledger_holds(small_shop: Shop) -> None:
    await small_shop.template()
    await redeemed(small_shop, "ann", "o1")
    await small_shop.coupon("bob")
    page = (await (await sign_in(small_shop, "olga", "operator")).get("/overview")).text
    assert "<span>Coupons issued</span><b>2</b>" in page
    assert "<span>Coupons used</span><b>1</b>" in page
    assert "CN¥50.00" in page  # goods of the order
    assert "CN¥8.00" in page  # its discount


@pytest.mark.requirement("F196")
@pytest.mark.parametrize("role", ["reviewer", "lead", "operator", "analyst", "admin"])
async def test_every_role_reads_the_same(small_shop: Shop, role: str) -> None:
    answer = await (await sign_in(small_shop, "ann", role)).get("/overview/tiles")
    assert answer.status_code == 200


async def test_tiles_are_at_most_half_a_minute_old(small_shop: Shop) -> None:
    await small_shop.template()
    browser = await sign_in(small_shop, "olga", "operator")
    assert "<span>Coupons issued</span><b>0</b>" in (await browser.get("/overview")).text
    await small_shop.coupon("bob")
    small_shop.clock.forward(seconds=31)
    assert "<span>Coupons issued</span><b>1</b>" in (await browser.get("/overview/tiles")).text


async def test_a_past_day_counts_what_had_happened_by_its_end(small_shop: Shop) -> None:
    await small_shop.template()
    await small_shop.coupon("ann")
    day = small_shop.clock.now.date()
    small_shop.clock.forward(days=2)
    await small_shop.coupon("bob")
    small_shop.clock.forward(hours=1)
    browser = await sign_in(small_shop, "olga", "operator")
    assert "<span>Coupons issued</span><b>1</b>" in (await browser.get("/overview", on=day.isoformat())).text
    before = (day - timedelta(days=1)).isoformat()
    assert "<span>Coupons issued</span><b>0</b>" in (await browser.get("/overview", on=before)).text
    assert (await browser.get("/overview", on="never")).status_code == 422


async def test_the_file_is_for_roles_that_may_export_and_is_noted(small_shop: Shop) -> None:
    assert (await (await sign_in(small_shop, "rita", "reviewer")).get("/overview.csv")).status_code == 403
    answer = await (await sign_in(small_shop, "olga", "operator")).get("/overview.csv")
    assert answer.content.startswith(b"\xef\xbb\xbfpart,figure,value\r\n")
    assert b"\r\ntiles,issued,0\r\n" in answer.content


async def test_a_hostile_campaign_name_stays_text(small_shop: Shop) -> None:
    await small_shop.campaign(campaign_id="x", name="<script>alert(1)</script>")
    page = (await (await sign_in(small_shop, "olga", "operator", "zh")).get("/overview")).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page
    assert "发券数" in page
