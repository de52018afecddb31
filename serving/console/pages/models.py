"""The models page: champion beside challenger, what their gates said, and the plots that the flows' reports hold."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from models.registry import Registry
from serving.console.desk import Desk
from serving.console.export import send
from serving.console.formats import Formats
from serving.console.pages import model_drawings as drawings
from serving.console.texts import Texts
from serving.performance.fresh import Fresh
from serving.performance.model_sides import NAMES, Model, Sides, moment_of
from serving.performance.reports import figures_of

log = structlog.get_logger(__name__)
REPORTS = {"uplift": "train_uplift", "policy": "evaluate_policy"}
FLOWS = {"uplift": "train_uplift", "policy": "choose_coupons", "abuse": "train_abuse"}
ABUSE = ("average_precision", "recall_at_1_fpr", "recall_at_hold", "same_decision", "mean_absolute_difference")
Reports = dict[str, tuple[datetime, dict[str, Any]]]


@dataclass(frozen=True)
class Found:
    """What there is to show; ``broken``: reports whose file cannot be read; ``away``: the registry does not answer."""

    models: tuple[Model, ...]
    reports: Reports
    broken: tuple[str, ...]
    away: bool


def add(app: FastAPI, desk: Desk) -> None:
    """``/models``, every figure of the reports as CSV, and the points of their curves."""
    fresh, reader = Fresh(desk.store.clock), _Reader(desk)

    async def known() -> Found:
        async def compute() -> Found:
            return await asyncio.to_thread(reader.read)

        _, found = await fresh.get("models", compute)
        return found

    @app.get("/models", response_class=HTMLResponse, include_in_schema=False)
    async def models(request: Request) -> Response:
        visitor = await desk.enter(request, "performance.read")
        found = await known()
        t, fmt = desk.texts(request), desk.formats(request)
        drawn = {name: _drawn(figures, t, fmt) for name, (_, figures) in found.reports.items()}
        return desk.page(
            request, visitor, "models.html", "nav.models", found=found, drawn=drawn, report_of=REPORTS, flow_of=FLOWS,
            abuse_figures=ABUSE, moment_of=moment_of,
        )  # fmt: skip

    @app.get("/models.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        reports = (await known()).reports
        rows = [(name, key, value) for name, (_, figures) in reports.items() for key, value in figures.items()]
        return await send(desk, visitor, "models", ("report", "figure", "value"), [_flat(row) for row in rows])

    @app.get("/models/curves.csv", include_in_schema=False)
    async def points(request: Request) -> Response:
        visitor = await desk.enter(request, "export")
        rows = [row for name, (_, figures) in (await known()).reports.items() for row in _points(name, figures)]
        head = ("report", "plot", "curve", "x", "cents", "low", "high")
        return await send(desk, visitor, "model-curves", head, rows)


class _Reader:
    """Reads reports and registry in a thread of its own; what it learns about a version is kept."""

    def __init__(self, desk: Desk) -> None:
        self._settings = desk.settings
        self._sides: Sides | None = None

    def read(self) -> Found:
        reports, broken = {}, []
        for name in REPORTS.values():
            folder = self._settings.reports / name
            found = figures_of(folder)
            if found is not None:
                reports[name] = found
            elif (folder / "report.json").exists():
                broken.append(name)
        models, away = self._models()
        return Found(models, reports, tuple(broken), away)

    def _models(self) -> tuple[tuple[Model, ...], bool]:
        settings = self._settings
        nothing = tuple(Model(name, (), ()) for name in NAMES)
        if not settings.stores.mlflow_uri and not (settings.home / "mlflow" / "mlflow.db").exists():
            return nothing, False  # asking MLflow would make an empty one
        try:
            if self._sides is None:
                self._sides = Sides(Registry(settings.mlflow_uri, settings.mlflow_artifacts))
            return self._sides.models(), False
        except Exception as error:  # MLflow raises whatever its database or server does; the reports are shown still
            log.warning("no registry", error=type(error).__name__)
            return nothing, True


def _drawn(figures: dict[str, Any], t: Texts, fmt: Formats) -> dict[str, Any]:
    return {
        "qini": drawings.qini(figures, t, fmt),
        "coefficients": drawings.coefficients(figures, t, fmt),
        "values": drawings.values(figures, t, fmt),
        "standings": drawings.standings(figures, t, fmt),
        "ahead": drawings.ahead_of_us(figures, t),
    }


def _points(report: str, figures: dict[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for prefix, plot in (("qini_", "qini"), ("curve_", "value")):
        for one in drawings.curves_of(figures, prefix):
            for at, x in enumerate(one.xs):
                ends = (one.ys[at], *(side[at] if side is not None else math.nan for side in (one.low, one.high)))
                rows.append((report, plot, one.name, x, *("" if math.isnan(end) else end for end in ends)))
    return rows


def _flat(row: tuple[str, str, Any]) -> tuple[object, ...]:
    value = row[2]
    return (row[0], row[1], " ".join(map(str, value)) if isinstance(value, list) else value)
