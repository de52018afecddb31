"""The feedback page: what the detectors miss, how far reviewers agree, and the verdicts that models learn from."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.console.desk import Desk
from serving.review.desk_figures import audit_of, reviewers, second_looks
from serving.review.report import verdict_rows
from serving.staff.notes import noted
from serving.staff.sheet import sheet
from serving.store.unit import Request as Asked

SHOWN = 50
COLUMNS = ("user_id", "decided_at", "verdict", "source", "reviewer")


def add(app: FastAPI, desk: Desk) -> None:
    """``/feedback``, and all verdicts as CSV."""

    @app.get("/feedback", response_class=HTMLResponse, include_in_schema=False)
    async def feedback(request: Request) -> Response:
        visitor = await desk.enter(request, "feedback.read")
        audit, (agreement, differ), people, verdicts = await desk.store.fetch(
            lambda connection: (
                audit_of(connection),
                second_looks(connection),
                reviewers(connection),
                verdict_rows(connection),
            )
        )
        return desk.page(
            request,
            visitor,
            "feedback.html",
            "feedback.title",
            audit=audit,
            agreement=agreement,
            differ=differ[:SHOWN],
            people=people,
            verdicts=verdicts[::-1][:SHOWN],
            count=len(verdicts),
            share=desk.settings.console.audit_share,
        )

    @app.get("/feedback/verdicts.csv", include_in_schema=False)
    async def download(request: Request) -> Response:
        await desk.enter(request, "feedback.read")
        visitor = await desk.enter(request, "export")
        rows = await desk.store.fetch(verdict_rows)
        key = desk.store.ids("exp")
        command = noted("audit.exported", "verdicts", {"rows": len(rows)})
        await desk.store.run(Asked(visitor.actor, key, "export", key), command)
        headers = {"Content-Disposition": 'attachment; filename="verdicts.csv"'}
        return Response(sheet(COLUMNS, rows), media_type="text/csv; charset=utf-8", headers=headers)
