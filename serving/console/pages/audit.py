"""The audit log: every event of the ledger to search, the state of the sealed chain, and the log as CSV."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, Row

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.staff.log import Filters, Found, actors, kinds, search
from serving.staff.notes import noted
from serving.staff.sealer import Chain
from serving.staff.sheet import sheet

SHOWN = 50
MOST_EXPORTED = 20_000
_NAMES = ("actor", "kind", "subject", "since", "until", "text")
_HEAD = ("seq", "at_utc", "actor", "kind", "stream", "n", "event_id", "request_key", "data")


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    async def show(request: Request) -> Response:
        visitor = await desk.enter(request, "audit.read")
        form = query_of(request)
        filters, before = _filters(form, desk), form.whole("before", 1, 10**15, 0) or None

        def read(connection: Connection) -> tuple[Found, Chain, list[str], list[str]]:
            found = search(connection, filters, before, SHOWN)
            return found, desk.sealer.chain(connection), kinds(connection), actors(connection)

        found, chain, known, people = await desk.store.fetch(read)
        asked = {name: form.one(name) for name in _NAMES if form.one(name)}
        earlier = urlencode({**asked, "before": str(found.earlier)}) if found.earlier is not None else ""
        return desk.page(
            request, visitor, "audit.html", "nav.audit", found=found, chain=chain, kinds=known, people=people,
            groups_of_kinds=sorted({kind.partition(".")[0] + "." for kind in known}), asked=asked, earlier=earlier,
            newest=urlencode(asked) if before else None, readable=_readable, verifying=desk.sealer.verifying,
            most=MOST_EXPORTED,
        )  # fmt: skip

    async def verify(request: Request) -> Response:
        visitor, _ = await desk.posted(request, "audit.read")
        desk.sealer.verify(visitor.actor)
        return desk.go("/audit", said="verifying")

    async def export(request: Request) -> Response:
        visitor, form = await desk.posted(request, "audit.read")
        if not visitor.may("export"):
            raise ProblemError("forbidden")
        filters = _filters(form, desk)
        rows = await desk.store.fetch(lambda connection: _all(connection, filters))
        said = {name: str(value) for name, value in asdict(filters).items() if value}
        await desk.write(visitor, form, "/audit/export", noted("audit.exported", "audit", {**said, "rows": len(rows)}))
        content = sheet(_HEAD, (_cells(row) for row in rows))
        name = f"audit-{desk.store.clock():%Y%m%d-%H%M%S}.csv"
        return Response(
            content,
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    app.add_api_route("/audit", show, methods=["GET"], **page)
    app.add_api_route("/audit/verify", verify, methods=["POST"], **page)
    app.add_api_route("/audit/export", export, methods=["POST"], **page)


def _filters(form: Form, desk: Desk) -> Filters:
    return Filters(
        form.text("actor", 80), form.text("kind", 40), form.text("subject", 160), _moment(form, "since", desk),
        _moment(form, "until", desk), form.text("text", 200),
    )  # fmt: skip


def _moment(form: Form, name: str, desk: Desk) -> datetime | None:
    """A time of the shop's clock as UTC."""
    text = form.one(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        local = found if found.tzinfo else found.replace(tzinfo=desk.zone)
        return local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise InputError(name, text[:40], "a time like 2026-05-01T12:00") from error


def _all(connection: Connection, filters: Filters) -> list[Row[Any]]:
    """The newest events that fit, as many as a file holds; the search goes back to the first event."""
    rows: list[Row[Any]] = []
    before: int | None = None
    while len(rows) < MOST_EXPORTED:
        found = search(connection, filters, before, MOST_EXPORTED - len(rows))
        rows.extend(found.events)
        before = found.earlier
        if before is None:
            break
    return rows


def _cells(row: Row[Any]) -> tuple[object, ...]:
    at = row.at.isoformat(timespec="milliseconds")
    return row.seq, at, row.actor, row.kind, row.stream, row.n, row.event_id, row.request_key, row.data


def _readable(data: str) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False, sort_keys=True)
    except ValueError:
        return data  # tampered with, and shown as it is
