"""One's own account: who one is here, where one is signed in, and the password."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.visitor import COOKIE, Visitor
from serving.coupons.refusals import Refuse
from serving.staff.account import SESSIONS_ENDED
from serving.staff.accounts import Person, happened, people, taken
from serving.staff.passwords import LEAST, clean_password
from serving.staff.sessions import Session
from serving.store.unit import Answer, Transaction


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}

    async def show(request: Request) -> Response:
        return await draw(request, await desk.enter(request))

    async def end_others(request: Request) -> Response:
        visitor, form = await desk.posted(request)
        cookie = request.cookies[COOKIE]

        def command(tx: Transaction) -> Answer | Refuse:
            account = taken(tx, visitor.name)
            if isinstance(account, Refuse):
                return account
            ended = desk.sessions.end_others(tx, visitor.name, cookie)
            if ended:
                happened(tx, account, SESSIONS_ENDED, {"sessions": ended})
            return Answer(200, {})

        await desk.write(visitor, form, "/account/others", command)
        return desk.go("/account", said="others_ended")

    async def password(request: Request) -> Response:
        visitor, form = await desk.posted(request)
        fresh = form.one("new")
        if fresh != form.one("again"):
            return await draw(request, visitor, "account.password.differ", 422)
        try:
            clean_password(fresh, visitor.name)
        except InputError:
            return await draw(request, visitor, "account.password.weak", 422)
        client = request.client.host if request.client else ""
        sure, before = await desk.entrance.sure(visitor.name, form.one("current"), client)
        if not sure:
            return await draw(request, visitor, "account.password.wrong", 403)
        hashed = await desk.entrance.passwords.hash(fresh)
        command = desk.entrance.change_password(visitor.name, before, hashed, request.cookies[COOKIE])
        answer = await desk.write(visitor, form, "/account/password", command)
        if answer.status >= 400:
            return await draw(request, visitor, "account.password.wrong", 403)
        return desk.go("/account", said="password_kept")

    async def draw(request: Request, visitor: Visitor, wrong: str = "", status: int = 200) -> Response:
        cookie = request.cookies[COOKIE]

        def read(connection: Connection) -> tuple[list[Person], list[Session]]:
            now = desk.store.clock()
            return people(connection, now, visitor.name), desk.sessions.of(connection, visitor.name, cookie)

        found, sessions = await desk.store.fetch(read)
        if not found:
            raise ProblemError("not_found")
        return desk.page(
            request, visitor, "account.html", "nav.account", status, person=found[0], sessions=sessions, wrong=wrong,
            least=LEAST,
        )  # fmt: skip

    app.add_api_route("/account", show, methods=["GET"], **page)
    app.add_api_route("/account/others", end_others, methods=["POST"], **page)
    app.add_api_route("/account/password", password, methods=["POST"], **page)
