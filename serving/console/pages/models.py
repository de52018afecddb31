"""The models page: which versions serve, what their gates said, and the curves that the flows' reports hold."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from models.registry import Registry
from serving.console.charts import Curve, lines
from serving.console.desk import Desk
from serving.console.export import send
from serving.console.formats import Formats
from serving.console.texts import Texts
from serving.performance.fresh import Fresh
from serving.performance.reports import figures_of

log = structlog.get_logger(__name__)
REPORTS = ("train_uplift", "evaluate_policy", "train_abuse", "train_detectors")
SHOWN = 10
_CURVE = "curve_"


def add(app: FastAPI, desk: Desk) -> None:
    """``/models``, and every figure of the reports as CSV."""
    fresh = Fresh(desk.store.clock)

    async def known() -> tuple[list[Any], dict[str, Any]]:
        async def compute() -> tuple[list[Any], dict[str, Any]]:
            return await asyncio.to_thread(_read, desk)

        _, found = await fresh.get("models", compute)
        return found

    @app.get("/models", response_class=HTMLResponse, include_in_schema=False)
    async def models(request: Request) -> Response:
        visitor = await desk.enter(request, "performance.read")
        versions, reports = await known()
        t, fmt = desk.texts(request), desk.formats(request)
        drawings = {name: drawn for name, (_, figures) in reports.items() if (drawn := curves(figures, t, fmt))}
        return desk.page(
            request, visitor, "models.html", "nav.models", versions=versions, reports=reports, drawings=drawings,
            missing=[name for name in REPORTS if name not in reports],
        )  # fmt: skip

    @app.get("/models.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        _, reports = await known()
        rows = [(name, key, value) for name, (_, figures) in reports.items() for key, value in figures.items()]
        return await send(desk, visitor, "models", ("report", "figure", "value"), [_flat(row) for row in rows])


def curves(figures: dict[str, Any], t: Texts, fmt: Formats) -> Markup | None:
    """The policy-value curves of a report over its grid of budgets, with the bands that it gives."""
    grid = figures.get("curve_budgets") or figures.get("curve_budget") or figures.get("curve_grid")
    if not isinstance(grid, list):
        return None
    found = []
    for key, values in figures.items():
        if key.startswith(_CURVE) and isinstance(values, list) and len(values) == len(grid) and values is not grid:
            if key.endswith(("_low", "_high")):
                continue
            low, high = (figures.get(f"{key}{end}") for end in ("_low", "_high"))
            found.append(
                Curve(key.removeprefix(_CURVE), grid, [float("nan") if v is None else v for v in values], low, high)
            )
    if not found:
        return None
    return lines(
        found, x=t("models.budget"), y=t("models.value"), label=t("models.curves"), x_text=fmt.money, y_text=fmt.money
    )


def _read(desk: Desk) -> tuple[list[Any], dict[str, Any]]:
    reports = {name: found for name in REPORTS if (found := figures_of(desk.settings.reports / name))}
    versions: list[Any] = []
    database = desk.settings.home / "mlflow" / "mlflow.db"
    if desk.settings.stores.mlflow_uri or database.exists():  # asking MLflow would make an empty one
        try:
            registry = Registry(desk.settings.mlflow_uri, desk.settings.mlflow_artifacts)
            for name in registry.names():
                versions += sorted(registry.history(name), key=lambda version: version.logged_at, reverse=True)[:SHOWN]
        except Exception as error:  # the page says what it knows when the registry is away
            log.warning("no registry", error=type(error).__name__)
    return versions, reports


def _flat(row: tuple[str, str, Any]) -> tuple[object, ...]:
    value = row[2]
    return (row[0], row[1], " ".join(map(str, value)) if isinstance(value, list) else value)
