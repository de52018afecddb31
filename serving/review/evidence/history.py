"""How a case was scored over time: its newest ``LINES`` openings and changes, from its events; one statement."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from serving.review.case import OPENED, UPDATED, Case
from serving.review.evidence.parts import Scored
from serving.review.evidence.people import NOW
from serving.store.schema import events

LINES = 20
# The event of a case of ten thousand holds some megabytes: of it only both ends are read. The strongest flag stands
# first, with the score of the case; quotes within texts are escaped, so a name in quotes is a name.
_WHOLE, _END = 60_000, 20_000
_SCORE = re.compile(r'(?<!\\)"score":([0-9.eE+-]+)')
_WORD = r'(?<!\\)"{}":"((?:[^"\\]|\\.)*)"'


def history(connection: Connection, found: Case, now: datetime) -> tuple[Scored, ...]:
    """Oldest first; what a source did not say of its version is empty."""
    rows = connection.execute(_EVENTS, {"stream": f"case:{found.case_id}", "now": now}).all()
    return tuple(_scored(row, found.source) for row in reversed(rows))


def _scored(row: Any, source: str) -> Scored:
    if row.size <= _WHOLE:
        data = json.loads(row.head)
        scores = [float(flag["score"]) for flag in data["flags"]]
        said = str(data.get("source") or source), str(data.get("version") or "")
        return Scored(row.at, max(scores, default=0.0), *said, len(scores))
    score = _SCORE.search(row.head)
    ends = row.head[:200] + row.tail
    found = _word("source", ends) or source, _word("version", ends)
    return Scored(row.at, float(score.group(1)) if score else 0.0, *found, int(row.members))


def _word(name: str, text: str) -> str:
    hits = re.findall(_WORD.format(name), text)
    return str(json.loads(f'"{hits[-1]}"')) if hits else ""


_SIZE = func.length(events.c.data)
_FLAG = '"user_id":'
_EVENTS: Any = (
    select(
        events.c.at,
        _SIZE.label("size"),
        case((_SIZE <= _WHOLE, events.c.data), else_=func.substr(events.c.data, 1, _END)).label("head"),
        case((_SIZE <= _WHOLE, ""), else_=func.substr(events.c.data, _SIZE - 500)).label("tail"),
        case(
            (_SIZE <= _WHOLE, 0), else_=(_SIZE - func.length(func.replace(events.c.data, _FLAG, ""))) / len(_FLAG)
        ).label("members"),
    )
    .where(events.c.stream == bindparam("stream"), events.c.kind.in_([OPENED, UPDATED]), events.c.at <= NOW)
    .order_by(events.c.n.desc())
    .limit(LINES)
)
