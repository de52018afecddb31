"""The drift page: what moved in the last week, the most moved first, as the flow ``monitor_drift`` found it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.charts import small_bars
from serving.console.desk import Desk
from serving.console.export import send
from serving.performance.reports import figures_of

COLUMNS = ("psi", "ks", "p_value", "missing_before", "missing_now", "state")


def add(app: FastAPI, desk: Desk) -> None:
    """``/drift``, and its table as CSV."""

    async def table() -> tuple[Any, list[dict[str, Any]]]:
        found = await asyncio.to_thread(figures_of, desk.settings.reports / "drift")
        return (None, []) if found is None else (found[0], rows_of(found[1]))

    @app.get("/drift", response_class=HTMLResponse, include_in_schema=False)
    async def drift(request: Request) -> Response:
        visitor = await desk.enter(request, "performance.read")
        at, rows = await table()
        t = desk.texts(request)
        for row in rows:
            row["drawing"] = small_bars(row["before"], row["now"], label=t("drift.drawing", name=row["name"]))
        return desk.page(request, visitor, "drift.html", "nav.drift", at=at, rows=rows)

    @app.get("/drift.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        _, rows = await table()
        return await send(
            desk,
            visitor,
            "drift",
            ("feature", *COLUMNS),
            [[row["name"], *(row[name] for name in COLUMNS)] for row in rows],
        )


def rows_of(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per feature, as the report ordered them."""
    return [
        {
            "name": name,
            **{column: figures[column][n] for column in COLUMNS},
            "before": figures.get(f"before_{name}", []),
            "now": figures.get(f"now_{name}", []),
        }
        for n, name in enumerate(figures.get("features", []))
    ]
