"""Figures as CSV files that are sent while they are written; every export is noted in the ledger."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from fastapi.responses import Response, StreamingResponse

from serving.console.desk import Desk
from serving.console.visitor import Visitor
from serving.staff.notes import noted
from serving.staff.sheet import harmless
from serving.store.unit import Request as Asked

_ROWS = 500


async def send(
    desk: Desk, visitor: Visitor, name: str, head: Sequence[str], rows: Sequence[Sequence[object]]
) -> Response:
    """``name``.csv with these rows, after who took it and how much was noted; the caller has asked for "export"."""
    key = desk.store.ids("exp")
    await desk.store.run(Asked(visitor.actor, key, "export", key), noted("audit.exported", name, {"rows": len(rows)}))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(pieces(head, rows), media_type="text/csv; charset=utf-8", headers=headers)


def pieces(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file in pieces: UTF-8 with its mark; text that a spreadsheet would run gets an apostrophe."""
    text = io.StringIO("\ufeff")
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    for n, row in enumerate(rows, 1):
        writer.writerow([harmless(value) for value in row])
        if n % _ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8")
    text.seek(0)
    text.truncate()
    return data
