"""Figures as CSV files that are sent while they are written; every export is noted in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.responses import Response, StreamingResponse

from serving.console.desk import Desk
from serving.console.visitor import Visitor
from serving.staff.notes import noted
from serving.staff.sheet import pieces
from serving.store.unit import Request as Asked


async def send(
    desk: Desk, visitor: Visitor, name: str, head: Sequence[str], rows: Sequence[Sequence[object]]
) -> Response:
    """``name``.csv with these rows, after who took it and how much was noted; the caller has asked for "export"."""
    key = desk.store.ids("exp")
    await desk.store.run(Asked(visitor.actor, key, "export", key), noted("audit.exported", name, {"rows": len(rows)}))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(pieces(head, rows), media_type="text/csv; charset=utf-8", headers=headers)
