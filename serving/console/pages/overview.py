"""The overview: live tiles, campaigns' money, what coupons brought, and how far decisions went."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.charts import funnel as drawn
from serving.console.desk import Desk
from serving.console.export import send
from serving.console.forms import Form, query_of
from serving.performance.fresh import Fresh
from serving.performance.period import Period, day_of, midnight, period_of
from serving.performance.profit import WINDOW, Profit, decided, incremental, margins
from serving.performance.tiles import campaign_ids, funnel, meters, tiles

DAYS = timedelta(days=28)


def add(app: FastAPI, desk: Desk) -> None:
    """``/overview``, its live part, and its figures as CSV."""
    fresh = Fresh(desk.store.clock)

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
            return (*figures, await _profit(desk, until))

        at, (found, money, profit) = await fresh.get(("tiles", on), compute)
        return {"at": at, "tiles": found, "meters": money, "profit": profit, "window": WINDOW.days, "on": on}

    def period(form: Form) -> Period:
        return period_of(
            form.one("from"), form.one("to"), desk.zone, desk.store.clock(),
            campaign=form.text("campaign", 80), template=form.text("template", 80),
        )  # fmt: skip

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
        return await send(desk, visitor, "overview", ("part", "figure", "value"), rows)


async def _profit(desk: Desk, until: datetime) -> Profit:
    """Off the event loop: the ledger's decisions beside the orders of the shop's tables."""
    rows = await desk.store.fetch(lambda connection: decided(connection, until - DAYS, until))
    if not rows:
        return Profit(0, 0, None)

    def compute() -> Profit:
        orders = margins(desk.settings.tables)
        if orders is not None:
            orders = orders[orders.placed_at < until]
        return incremental(rows, orders if orders is not None and len(orders) else None)

    return await asyncio.to_thread(compute)
