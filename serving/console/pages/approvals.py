"""Proposals that wait for a second person: who asks for what, and what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form
from serving.console.visitor import Visitor
from serving.review.case import Case
from serving.review.cases import proposed_cases
from serving.review.codes import words_of
from serving.review.money import at_risk_by_case
from serving.review.work import approve, decline
from serving.store.unit import Command

READ, APPROVE = "cases.read", "cases.approve"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal with the cents at risk of its case now."""

    case: Case
    at_risk_cents: int


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of approvals."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    @app.get("/approvals", **page)
    async def show(request: Request) -> Response:
        visitor = await desk.enter(request, READ)
        waiting = await desk.store.fetch(waiting_of)
        return desk.page(
            request, visitor, "approvals.html", "nav.approvals", waiting=waiting, can=visitor.may(APPROVE),
            words_of=words_of, lab=visitor.may("lab.read"),
        )  # fmt: skip

    @app.post("/cases/{case_id}/approve", **page)
    async def yes(request: Request, case_id: str) -> Response:
        visitor, form = await desk.posted(request, APPROVE)
        return await answer(visitor, form, case_id, "approve", approve(case_id, visitor.actor))

    @app.post("/cases/{case_id}/decline", **page)
    async def no(request: Request, case_id: str) -> Response:
        visitor, form = await desk.posted(request, APPROVE)
        command = decline(case_id, visitor.actor, form.text("note", 500))
        return await answer(visitor, form, case_id, "decline", command)

    async def answer(visitor: Visitor, form: Form, case_id: str, what: str, command: Command) -> Response:
        done = await desk.write(visitor, form, f"/cases/{case_id}/{what}", command)
        if done.status == 404:
            raise ProblemError("not_found")
        if done.status >= 400:
            return desk.go(_case(case_id), refused=str(done.body["code"]))
        back = form.choice("back", ("approvals", "case"), "approvals")
        return desk.go("/approvals" if back == "approvals" else _case(case_id), said=f"queue_{what}")


def waiting_of(connection: Connection) -> list[Waiting]:
    """All proposals, the longest waiting first."""
    found = proposed_cases(connection)
    risk = at_risk_by_case(connection, case_ids=[case.case_id for case in found])
    waiting = [Waiting(case, risk.get(case.case_id, 0)) for case in found]
    return sorted(waiting, key=lambda one: one.case.proposed_at or one.case.opened_at)


def _case(case_id: str) -> str:
    return f"/cases/{quote(case_id, safe='')}"
