"""The drift page: what moved in the last week, worst first, as the flow ``monitor_drift`` found it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.charts import small_bars
from serving.console.desk import Desk
from serving.console.export import send
from serving.performance.reports import figures_of

COLUMNS = (
    *("state", "psi", "excess", "chance", "ks", "p_value"),
    *("missing_before", "missing_now", "rows_before", "rows_now"),
)
STATES = ("fail", "warn", "pass", "few")
DECISIONS = ("propensity", "value_cents", "cost_cents", "offer", "trigger", "fallback", "abuse_score")
"""Columns that say what was decided, not what was known; the flow's names."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A report: when it was written, both periods, counts by state, the columns in its order."""

    at: datetime
    spans: dict[str, datetime]
    figures: dict[str, Any]
    counts: dict[str, int]
    rows: list[dict[str, Any]]


def add(app: FastAPI, desk: Desk) -> None:
    """``/drift``, and its table as CSV."""

    async def read() -> Shown | None:
        found = await asyncio.to_thread(figures_of, desk.settings.reports / "drift")
        return None if found is None else shown_of(*found)

    @app.get("/drift", response_class=HTMLResponse, include_in_schema=False)
    async def drift(request: Request) -> Response:
        visitor = await desk.enter(request, "performance.read")
        shown = await read()
        t = desk.texts(request)
        for row in shown.rows if shown else ():
            row["drawing"] = small_bars(row["before"], row["now"], label=t("drift.drawing", name=row["name"]))
        parts = [(name, [row for row in shown.rows if row["part"] == name]) for name in PARTS] if shown else []
        return desk.page(request, visitor, "drift.html", "nav.drift", shown=shown, parts=parts, states=STATES)

    @app.get("/drift.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        shown = await read()
        rows = [[row["name"], *(row[name] for name in COLUMNS)] for row in shown.rows] if shown else []
        return await send(desk, visitor, "drift", ("column", *COLUMNS), rows)


PARTS = ("decisions", "features")


def shown_of(at: datetime, figures: dict[str, Any]) -> Shown | None:
    """What the page shows of a report's figures; None for those of an earlier flow, which lack the half."""
    try:
        spans = {name: datetime.fromisoformat(figures[name]) for name in ("start", "until", "since", "end")}
        rows = [_row(figures, n, name) for n, name in enumerate(figures["features"])]
        counts = {state: int(figures[f"n_{state}"]) for state in STATES}
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return Shown(at, spans, figures, counts, rows)


def _row(figures: dict[str, Any], n: int, name: str) -> dict[str, Any]:
    before, now = figures[f"before_{name}"], figures[f"now_{name}"]
    labels = figures.get(f"labels_{name}", [])
    return {
        "name": name,
        "part": "decisions" if name in DECISIONS else "features",
        **{column: figures[column][n] for column in COLUMNS},
        "before": before,
        "now": now,
        "words": list(zip(labels, before, now, strict=True)) if labels else [],
    }
