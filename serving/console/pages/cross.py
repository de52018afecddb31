"""Cross tables: coupon × category, user tag, member tier, time; one measure at a time, everything in the file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.desk import Desk
from serving.console.export import send
from serving.console.forms import Form, query_of
from serving.performance.fresh import Fresh
from serving.performance.period import period_of
from serving.performance.pivots import BY, MARGINS, MEASURES, Pivot, margins, pivot
from serving.performance.shop_tables import ShopTables
from serving.performance.tiles import campaign_ids

SHOWN = 40
HEATS = 5


def add(app: FastAPI, desk: Desk) -> None:
    """``/cross``, and the whole table as CSV."""
    fresh, shop = Fresh(desk.store.clock), ShopTables(desk.settings.tables)

    async def table(form: Form, measures: Collection[str]) -> tuple[str, Pivot, bool]:
        """By what, the table, and whether the cost of any SKU is known. Margins read every receipt: only if asked."""
        by = form.choice("by", BY, "category")
        chosen = period_of(
            form.one("from"), form.one("to"), desk.zone, desk.store.clock(), campaign=form.text("campaign", 80)
        )
        earning = any(name in MARGINS for name in measures)
        counting = by != "category" and any(name not in MARGINS for name in measures)

        async def compute() -> tuple[Pivot, bool]:
            known = await asyncio.to_thread(shop.categories) if by == "category" else {}
            costs = await asyncio.to_thread(shop.costs) if earning else {}
            parts = []
            if counting or not earning:
                parts.append(await desk.store.fetch(lambda connection: pivot(connection, by, chosen, desk.zone, known)))
            if earning:
                parts.append(
                    await desk.store.fetch(lambda connection: margins(connection, by, chosen, desk.zone, known, costs))
                )
            return parts[0] if len(parts) == 1 else parts[0] + parts[1], bool(costs)

        _, (found, costed) = await fresh.get((by, chosen, earning, counting), compute)
        return by, found, costed

    @app.get("/cross", response_class=HTMLResponse, include_in_schema=False)
    async def cross(request: Request) -> Response:
        visitor = await desk.enter(request, "performance.read")
        form = query_of(request)
        by = form.choice("by", BY, "category")
        measures = [name for name in MEASURES if by != "category" or name not in ("claimed", "use_rate")]
        measure = form.choice("measure", measures, "used")
        by, found, costed = await table(form, (measure,))
        return desk.page(
            request, visitor, "cross.html", "nav.cross", form=form, by=by, bys=BY, measure=measure, measures=measures,
            found=found, costed=costed, margins=MARGINS,
            rows=found.rows[:SHOWN], columns=_columns(by, found), heat=_heat(found, measure),
            campaigns=await desk.store.fetch(campaign_ids), query=request.url.query,
        )  # fmt: skip

    @app.get("/cross.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        by, found, _ = await table(query_of(request), MEASURES)
        rows = [(*key, *_figures(cell)) for key, cell in sorted(found.cells.items())]
        rows.append(("total", "", *_figures(found.total)))
        return await send(desk, visitor, f"coupons-by-{by}", ("template", by, *MEASURES), rows)


def _figures(cell: Any) -> list[object]:
    return [cell.measure(name) for name in MEASURES]


def _columns(by: str, found: Pivot) -> tuple[str, ...]:
    """The columns that a page has room for: the latest days, else the first by name."""
    return found.columns[-SHOWN:] if by in ("day", "week") else found.columns[:SHOWN]


def _heat(found: Pivot, measure: str) -> dict[tuple[str, str], int]:
    """Shade 1–5 of each cell against the largest."""
    values = {key: cell.measure(measure) or 0.0 for key, cell in found.cells.items()}
    top = max(values.values(), default=0.0)
    return {key: min(HEATS, int(value / top * HEATS) + 1) for key, value in values.items() if top > 0 and value > 0}
