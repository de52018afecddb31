"""Appeals: who waits longest, what stands against them and why, what they say, and the answer they get."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, query_of
from serving.console.visitor import Visitor
from serving.review.appeal_queue import count_waiting, decided, earlier, find_appeal, waiting
from serving.review.appeals import ANSWERS, GRANT_CODES, OPEN, REFUSE_CODES, Appeal, Ruling, decide
from serving.review.evidence.mask import mask
from serving.review.stands import Stands, stands_of
from serving.store.unit import Answer

ROWS = 50
READ, DECIDE = "appeals.read", "appeals.decide"
_VIEWS = ("open", "decided")


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of appeals."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    @app.get("/appeals", **page)
    async def queue(request: Request) -> Response:
        visitor = await desk.enter(request, READ)
        asked = query_of(request)
        view = asked.choice("state", _VIEWS, "open")
        place = asked.whole("page", 0, 10_000, 0)
        find = waiting if view == "open" else decided
        found = await desk.store.fetch(lambda c: find(c, ROWS + 1, place * ROWS))
        number = await desk.store.fetch(count_waiting)
        return desk.page(
            request, visitor, "appeals.html", "nav.appeals", appeals=found[:ROWS], more=len(found) > ROWS,
            place=place, view=view, views=_VIEWS, waiting=number,
        )  # fmt: skip

    @app.get("/appeals/{appeal_id}", **page)
    async def one(request: Request, appeal_id: str) -> Response:
        return await _one(desk, request, await desk.enter(request, READ), appeal_id)

    @app.post("/appeals/{appeal_id}", **page)
    async def rule(request: Request, appeal_id: str) -> Response:
        visitor, form = await desk.posted(request, DECIDE)
        try:
            command = decide(appeal_id, visitor.actor, _ruling(form))
        except InputError:
            return await _one(desk, request, visitor, appeal_id, wrong=True)
        answer = await desk.write(visitor, form, f"/appeals/{appeal_id}", command)
        if answer.status >= 400:
            return await _one(desk, request, visitor, appeal_id, refused=answer)
        return desk.go(f"/appeals/{appeal_id}", said=f"appeal_{answer.body['state']}")


async def _one(
    desk: Desk,
    request: Request,
    visitor: Visitor,
    appeal_id: str,
    *,
    refused: Answer | None = None,
    wrong: bool = False,
) -> Response:
    now = desk.store.clock()

    def read(connection: Connection) -> tuple[Appeal, Stands, list[Appeal]] | None:
        appeal = find_appeal(connection, appeal_id)
        if appeal is None:
            return None
        return appeal, stands_of(connection, appeal.user_id, now), list(earlier(connection, appeal))

    found = await desk.store.fetch(read)
    if found is None:
        raise ProblemError("not_found")
    appeal, stands, others = found
    return desk.page(
        request, visitor, "appeals_one.html", "appeals.one", refused.status if refused else 422 if wrong else 200,
        appeal=appeal, stands=stands, others=others, mine=visitor.actor in stands.decided_by, mask=mask,
        grant_codes=GRANT_CODES, refuse_codes=REFUSE_CODES, answers=ANSWERS, is_open=appeal.state == OPEN,
        refused=refused, wrong=wrong,
    )  # fmt: skip


def _ruling(form: Form) -> Ruling:
    outcome, _, code = form.one("ruling").partition(":")
    if outcome not in ("grant", "refuse"):
        raise InputError("ruling", outcome, "grant or refuse, with a reason")
    return Ruling(outcome == "grant", code, form.text("note", 500), bool(form.one("let_past")))
