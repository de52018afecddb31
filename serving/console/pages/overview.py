"""The overview: live tiles, campaigns' money, what coupons brought, and how far decisions went."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from serving.console.charts import funnel as drawn
from serving.console.desk import Desk
from serving.console.export import send
from serving.console.forms import Form, query_of
from serving.performance.campaigns import Kpis, kpis
from serving.performance.earnings import Earnings, thinning, total
from serving.performance.fresh import Fresh
from serving.performance.period import Period, day_of, midnight, period_of
from serving.performance.profit import WINDOW, Profit, decided, incremental
from serving.performance.shop_tables import ShopTables
from serving.performance.tiles import campaign_ids, funnel, meters, tiles

DAYS = timedelta(days=28)


def add(app: FastAPI, desk: Desk) -> None:
    """``/overview``, its live part, and its figures as CSV."""
    fresh, shop = Fresh(desk.store.clock), ShopTables(desk.settings.tables)
    # Days that are cut short by the hour may not be mixed with whole ones.
    earnings, earnings_before = Earnings(desk.zone), Earnings(desk.zone)

    def asked(form: Form) -> tuple[str, datetime]:
        """The day that is asked for ("" is now), and the moment up to which figures count."""
        on = form.one("on")
        if not on:
            return "", desk.store.clock() + timedelta(microseconds=1)  # what happened just now counts
        return on, min(midnight(day_of("on", on) + timedelta(days=1), desk.zone), desk.store.clock())

    async def live(on: str, until: datetime) -> dict[str, Any]:
        async def compute() -> Any:
            figures = await desk.store.fetch(
                lambda connection: (tiles(connection, until, today=not on), [] if on else meters(connection))
            )
            return (*figures, await _profit(desk, shop, until))

        at, (found, money, profit) = await fresh.get(("tiles", on), compute)
        return {"at": at, "tiles": found, "meters": money, "profit": profit, "window": WINDOW.days, "on": on}

    def period(form: Form) -> Period:
        return period_of(
            form.one("from"), form.one("to"), desk.zone, desk.store.clock(),
            campaign=form.text("campaign", 80), template=form.text("template", 80),
        )  # fmt: skip

    async def campaigns(chosen: Period) -> dict[str, Any]:
        """Each campaign of the period, all together, and the days before of the same length."""

        async def compute() -> dict[str, Any]:
            costs = await asyncio.to_thread(shop.costs)
            first = await asyncio.to_thread(shop.first_orders)
            length, now = chosen.end - chosen.start, desk.store.clock()
            past = Period(chosen.start - length, chosen.start, chosen.campaign)
            # The period ends tonight: the days before are cut at the same hour, or growth would look too small.
            if chosen.end > now:
                past = Period(past.start, max(now - length, past.start), chosen.campaign)

            def read(connection: Connection) -> dict[str, Any]:
                earned = earnings.of(connection, chosen, costs, now)
                before = total(earnings_before.of(connection, past, costs, now))
                found = kpis(connection, chosen, earned, first)
                return {"kpis": found, "earned": total(earned), "warning": thinning(total(earned), before),
                        "before": before, "costed": bool(costs), "tabled": bool(first)}  # fmt: skip

            shown: dict[str, Any] = await desk.store.fetch(read)
            return shown

        _, found = await fresh.get(("campaigns", chosen), compute)
        return dict(found)

    async def steps(chosen: Period) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = await desk.store.fetch(
            lambda connection: funnel(connection, chosen.start, chosen.end, chosen.campaign, chosen.template)
        )
        return found

    @app.get("/overview", response_class=HTMLResponse, include_in_schema=False)
    async def overview(request: Request) -> Response:
        visitor = await desk.enter(request, "overview.read")
        form = query_of(request)
        chosen, shown = period(form), await live(*asked(form))
        way, choices = await steps(chosen), await desk.store.fetch(campaign_ids)
        t, fmt = desk.texts(request), desk.formats(request)
        drawing = drawn(
            [(t(f"perf.step.{name}"), value) for name, value in way], label=t("perf.funnel"), text=fmt.number,
            share=fmt.share,
        )  # fmt: skip
        return desk.page(
            request, visitor, "overview.html", "nav.overview", drawing=drawing, way=way, form=form, campaigns=choices,
            today=desk.store.clock(), query=request.url.query, **shown,
            **await campaigns(chosen),
        )  # fmt: skip

    @app.get("/overview/tiles", response_class=HTMLResponse, include_in_schema=False)
    async def part(request: Request) -> Response:
        visitor = await desk.enter(request, "overview.read")
        return desk.part(request, visitor, "overview_tiles.html", **await live(*asked(query_of(request))))

    @app.get("/overview.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        form = query_of(request)
        shown, way = await live(*asked(form)), await steps(period(form))
        rows: list[tuple[object, ...]] = [("tiles", *pair) for pair in asdict(shown["tiles"]).items()]
        rows += [("incremental_profit", *pair) for pair in asdict(shown["profit"]).items()]
        for meter in shown["meters"]:
            rows += [(f"campaign {meter.campaign_id}", *pair) for pair in asdict(meter).items()]
        rows += [("funnel", *pair) for pair in way]
        for found in (await campaigns(period(form)))["kpis"]:
            rows += [(f"period, campaign {found.campaign or 'none'}", *pair) for pair in _figures(found)]
        return await send(desk, visitor, "overview", ("part", "figure", "value"), rows)


def _figures(found: Kpis) -> list[tuple[str, object]]:
    """Finance and team figures of a campaign; "unknown" where the data is not there."""
    earned = found.earned
    values: dict[str, object] = {
        "issued": found.issued, "used": found.used, "use_rate": found.use_rate, "decided": found.decided,
        "converted": found.converted, "conversion": found.conversion, "new_buyer_orders": found.new_orders,
        "new_buyer_sales_cents": found.new_cents, **asdict(earned), "margin_cents": earned.margin_cents,
        "margin_rate": earned.margin_rate,
    }  # fmt: skip
    return [(name, "unknown" if value is None else value) for name, value in values.items()]


async def _profit(desk: Desk, shop: ShopTables, until: datetime) -> Profit:
    """Off the event loop: the ledger's decisions beside the orders of the shop's tables."""
    rows = await desk.store.fetch(lambda connection: decided(connection, until - DAYS, until))
    if not rows:
        return Profit(0, 0, None)
    return await asyncio.to_thread(lambda: incremental(rows, shop.margins(until - DAYS, until), until))
