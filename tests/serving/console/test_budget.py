"""The budget lab: the file's points as they are, marked and shareable, and a draft that cannot spend."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from fakes.console import Browser, sign_in
from fakes.shop import Shop
from fakes.tools import rows_of
from sqlalchemy import select

from serving.budget_curve import Curve, path_of, write_curve
from serving.store.schema import campaigns, events

XSS = "<img src=x onerror=alert(1)>"


def curve(**values: Any) -> Curve:
    """103 budgets up to ¥1,020; profit flattens at ¥1,000."""
    points = [
        {
            "budget_cents": n * 1000,
            "spend_cents": min(n, 100) * 999.5,
            "profit_cents": 20.0 * min(n, 100) * (200 - min(n, 100)),
            "price": max(0.0, 4 - n / 25),
            "marginal": max(0.0, 4 - n / 25),
            "offers": {"small": n * 3, XSS: n},
        }
        for n in range(103)
    ]
    data = {
        "day": "2026-05-31",
        "policy_version": "round:2026-05-31",
        "uplift_version": "3",
        "users": 1000,
        "arms": ["none", "small", XSS],
        "current_cents": 30_000,
        "break_even_cents": 100_000,
        "points": points,
    }
    return Curve.model_validate({**data, **values})


def measured(shop: Shop, **values: Any) -> None:
    """An evaluation: at ¥0.5 and ¥1 per user ¥1.2 and ¥1.8, flat from ¥0.8 on."""
    report = shop.settings.reports / "evaluate_policy"
    report.mkdir(parents=True, exist_ok=True)
    figures = {
        "curve_budgets": [0.0, 50.0, 100.0],
        "curve_policy": [0.0, 120.0, 180.0],
        "curve_policy_low": [0.0, 100.0, 150.0],
        "curve_policy_high": [0.0, 140.0, 210.0],
        "curve_policy_flattens_at": 80.0,
        "decisions": 4321,
    }
    (report / "report.json").write_text(json.dumps({**figures, **values}))


@pytest.fixture
async def olga(small_shop: Shop) -> Browser:
    write_curve(curve(), path_of(small_shop.settings.home))
    return await sign_in(small_shop, "olga", "operator")


def steps_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="budget-steps">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def shown(html: str, name: str) -> str:
    found = re.search(rf'data-f="{name}"[^>]*>([^<]*)<', html)
    assert found is not None
    return unescape(found.group(1))


async def test_without_a_round_the_page_says_how_to_get_one(small_shop: Shop) -> None:
    page = await (await sign_in(small_shop, "olga", "operator")).get("/budget")
    assert page.status_code == 200 and "choose_coupons" in page.text
    path = path_of(small_shop.settings.home)
    path.parent.mkdir()
    path.write_text("{broken")
    page = await (await sign_in(small_shop, "olga", "operator")).get("/budget")
    assert page.status_code == 200 and "cannot be read" in page.text


async def test_it_begins_at_the_current_budget_and_a_link_shows_another(small_shop: Shop, olga: Browser) -> None:
    page = (await olga.get("/budget")).text
    assert shown(page, "budget") == "CN¥300.00" and shown(page, "mark") == "Current"
    assert shown(page, "profit") == "CN¥1,020.00"  # 20 × 30 × 170 cents
    assert shown(page, "spend") == "CN¥299.85" and shown(page, "marginal") == "CN¥2.80"
    assert shown(page, "given") == "120 users get a coupon, 12.0% of all."
    page = (await olga.get("/budget", budget="999.99")).text
    assert shown(page, "budget") == "CN¥1,000.00" and shown(page, "mark") == "Break-even"
    zh = (await (await sign_in(small_shop, "olga", "operator", "zh")).get("/budget", budget="1000")).text
    assert shown(zh, "budget") == "¥1,000.00" and shown(zh, "mark") == "盈亏平衡"


async def test_every_step_of_the_slider_is_the_points_own(olga: Browser) -> None:
    html = (await olga.get("/budget", budget="500")).text
    data = steps_of(html)
    assert data["at"] == 50 and len(data["steps"]) == 103
    for n, (step, point) in enumerate(zip(data["steps"], curve().points, strict=True)):
        assert (step["cents"], step["asked"]) == (n * 1000, f"{n * 10}.00")
        assert step["profit"] == f"CN¥{round(point.profit_cents) / 100:,.2f}"
        assert step["offers"] == [n * 3, n]
    assert XSS not in html and "onerror=alert" in html  # in the data and in the table, as text


async def test_the_measured_band_is_scaled_to_the_users_and_says_what_it_covers(
    small_shop: Shop, olga: Browser
) -> None:
    bare = (await olga.get("/budget", budget="500")).text
    assert shown(bare, "measured") == "–" and "99 % of the most" in bare
    assert "Recommended · CN¥900.00" in bare  # 20·90·110 is the first of at least 99 % of 20·100·100
    measured(small_shop)
    page = (await olga.get("/budget", budget="500.00")).text
    # ¥499.75 over 1,000 users is 49.975 cents each: 120·0.9995 cents each is ¥1,199.40.
    assert shown(page, "measured") == "CN¥1,199.40"
    assert shown(page, "interval") == "95 % interval CN¥999.50 to CN¥1,399.30"
    assert "4,321 held-out decisions" in page and "sampling of those decisions alone" in page
    assert "Recommended · CN¥810.00" in page  # the first that spends ¥800
    measured(small_shop, curve_policy_flattens_at=None)
    assert "Recommended · CN¥900.00" in (await olga.get("/budget")).text


@pytest.mark.parametrize("asked", ["-1", "1e3", "NaN", "1.234", "12345678901", XSS, "१२"])
async def test_other_budgets_are_refused(olga: Browser, asked: str) -> None:
    page = await olga.get("/budget", budget=asked)
    assert page.status_code == 422 and XSS not in page.text


async def test_a_draft_is_a_campaign_that_gives_nothing_by_whom_it_was_made(small_shop: Shop, olga: Browser) -> None:
    page = await olga.send("/budget?budget=500", "/budget/draft", name=f"Spring {XSS}"[:40])
    assert page.status_code == 200 and "so it cannot spend" in page.text and XSS not in page.text
    rows = small_shop.store.read(
        lambda c: c.execute(select(campaigns).where(campaigns.c.campaign_id != "spring")).all()
    )
    (made,) = rows
    assert (made.budget_cents, made.committed_cents, made.live_cents) == (50_000, 0, 0)
    assert made.name.startswith("Draft: Spring") and made.campaign_id in page.text
    listed = (await small_shop.get("operator", f"/v1/campaigns/{made.campaign_id}")).json()
    assert listed["budget_cents"] == 50_000
    actor = small_shop.store.read(
        lambda c: c.execute(select(events.c.actor).where(events.c.data.contains(made.campaign_id))).scalars().all()
    )
    assert set(actor) == {"staff:olga"}
    # Whatever comes to it is closed until somebody opens it.
    body = {
        "template_id": "first",
        "name": "First",
        "campaign_id": made.campaign_id,
        "quantity": -1,
        "per_user": -1,
        "deduction": {"kind": "no_threshold", "face_cents": 800},
        "validity": {"kind": "days", "days": 7},
    }
    assert (await small_shop.post("operator", "/v1/templates", body)).status_code == 201
    assert (await small_shop.claim("u_1", "first")).json()["code"] == "template_closed"
    trigger = {"user_id": "u_1", "trigger": "session", "campaign_id": made.campaign_id}
    assert (await small_shop.post("issuance", "/v1/triggers", trigger)).json()["offer"] == "none"


async def test_a_second_click_makes_no_second_draft(small_shop: Shop, olga: Browser) -> None:
    html = (await olga.get("/budget?budget=500")).text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', html))
    first, second = [await olga.client.post("/budget/draft", data={**form, "name": "Twice"}) for _ in range(2)]
    assert str(first.url) == str(second.url)
    other = await olga.client.post("/budget/draft", data={**form, "name": "Another"})
    assert other.status_code == 409
    names = small_shop.store.read(
        lambda c: c.execute(select(campaigns.c.name).order_by(campaigns.c.name)).scalars().all()
    )
    assert names == ["Draft: Twice", "Spring"]


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "x" * 41},
        {"name": "a\x00b"},
        {"name": "ok", "budget_cents": "0"},
        {"name": "ok", "budget_cents": "-5"},
        {"name": "ok", "budget_cents": "1e5"},
        {"name": "ok", "budget_cents": "9" * 14},
    ],
)
async def test_bad_drafts_are_refused(small_shop: Shop, olga: Browser, values: dict[str, str]) -> None:
    before = rows_of(small_shop)
    assert (await olga.send("/budget", "/budget/draft", **values)).status_code == 422
    assert rows_of(small_shop) == before


async def test_roles_and_forgeries(small_shop: Shop, olga: Browser) -> None:
    html = (await olga.get("/budget")).text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', html))
    for role, looks in (("reviewer", 403), ("lead", 200), ("analyst", 200), ("admin", 200)):
        other = await sign_in(small_shop, f"p_{role}", role)
        page = await other.get("/budget")
        assert page.status_code == looks and "/budget/draft" not in page.text
        mine = re.findall(r'name="csrf" value="([^"]*)"', page.text)
        data = {**form, "csrf": mine[0] if mine else form["csrf"], "name": "No"}
        assert (await other.client.post("/budget/draft", data=data)).status_code == 403
    assert (await olga.client.post("/budget/draft", data={**form, "csrf": "x", "name": "No"})).status_code == 403
    evil = await olga.client.post(
        "/budget/draft", data={**form, "name": "No"}, headers={"origin": "https://evil.example"}
    )
    assert evil.status_code == 403
