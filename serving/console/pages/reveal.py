"""A masked value in the clear, once: for who may see it, with a reason, and with an event in the audit log."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.review.evidence.mask import mask
from serving.review.reveal import COLUMNS, MOST_PER_HOUR, Wish, find_raw, log_reveal

REVEAL = "identifiers.reveal"
LEAST = 5
# A form that is sent again shows the value again only for so long; later, a new form and a new event are needed.
ONCE = timedelta(minutes=1)
_HASH = re.compile(r"[0-9a-f]{32}")
_USER = re.compile(r"[\x21-\x7e]{1,120}")


def add(app: FastAPI, desk: Desk) -> None:
    """The form and the answer."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    @app.get("/reveal", **page)
    async def ask(request: Request) -> Response:
        visitor = await desk.enter(request, REVEAL)
        return desk.page(
            request, visitor, "reveal.html", "reveal.title", wish=_wish(query_of(request)), mask=mask,
            least=LEAST, most=MOST_PER_HOUR, wrong=False, refused=None, shown=False, raw=None,
        )  # fmt: skip

    @app.post("/reveal", **page)
    async def show(request: Request) -> Response:
        visitor, form = await desk.posted(request, REVEAL)
        wish = _wish(form)
        given: dict[str, Any] = {
            "wish": wish,
            "mask": mask,
            "least": LEAST,
            "most": MOST_PER_HOUR,
            "shown": False,
            "raw": None,
        }
        if len(wish.reason) < LEAST:
            return desk.page(request, visitor, "reveal.html", "reveal.title", 422, **given, wrong=True, refused=None)
        # The whole wish is part of what the form's key stands for: another wish needs another form, and its own event.
        route = "\0".join(("/reveal", wish.kind, wish.value, wish.user_id, wish.reason))
        answer = await desk.write(visitor, form, route, log_reveal(wish, visitor.actor))
        if answer.status >= 400:
            return desk.page(
                request, visitor, "reveal.html", "reveal.title", answer.status, **given, wrong=False, refused=answer
            )
        if desk.store.clock() - datetime.fromisoformat(answer.body["at"]) > ONCE:
            raise ProblemError("forbidden")
        raw = await asyncio.to_thread(find_raw, desk.settings.tables, wish, desk.hasher)
        found = {**given, "shown": True, "raw": raw}
        return desk.page(request, visitor, "reveal.html", "reveal.title", **found, wrong=False, refused=None)


def _wish(form: Form) -> Wish:
    kind = form.choice("kind", tuple(COLUMNS))
    value, user_id = form.one("value"), form.one("user")
    if not _HASH.fullmatch(value):
        raise InputError("value", "another text", "a keyed hash, 32 hex digits")
    if not _USER.fullmatch(user_id):
        raise InputError("user", "another text", "a user id")
    return Wish(kind, value, user_id, form.text("reason", 300), form.text("case", 40) or None)
