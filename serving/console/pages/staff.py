"""The list of staff, for admins: who there is, with which role; add, change, shut, let in again, sign out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form
from serving.console.visitor import Visitor
from serving.coupons.refusals import Refuse
from serving.staff import accounts, links
from serving.staff.account import clean_name, clean_role
from serving.staff.roles import PERMISSIONS, ROLES
from serving.store.unit import Answer, Command, Transaction

_MANAGE = "staff.manage"


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    office = _Office(desk)
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}
    app.add_api_route("/staff", office.everybody, methods=["GET"], **page)
    app.add_api_route("/staff", office.add, methods=["POST"], **page)
    app.add_api_route("/staff/{name}", office.one, methods=["GET"], **page)
    app.add_api_route("/staff/{name}/link", office.link, methods=["POST"], **page)
    for what in ("role", "disable", "enable", "unlock", "end"):
        app.add_api_route(f"/staff/{{name}}/{what}", office.change(what), methods=["POST"], **page)


class _Office:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def everybody(self, request: Request) -> Response:
        return await self._list(request, await self._desk.enter(request, _MANAGE))

    async def add(self, request: Request) -> Response:
        visitor, form = await self._desk.posted(request, _MANAGE)
        name, role, link = clean_name(form.one("name")), clean_role(form.one("role")), links.new_link()

        def command(tx: Transaction) -> Answer | Refuse:
            added = accounts.add(name, role)(tx)
            return added if isinstance(added, Refuse) else links.give(name, link)(tx)

        answer = await self._desk.write(visitor, form, "/staff", command)
        if answer.status >= 400:
            return await self._list(request, visitor, answer)
        return self._shown(request, visitor, name, link, answer)

    async def one(self, request: Request, name: str) -> Response:
        return await self._page(request, await self._desk.enter(request, _MANAGE), name)

    async def link(self, request: Request, name: str) -> Response:
        visitor, form = await self._desk.posted(request, _MANAGE)
        link = links.new_link()
        answer = await self._desk.write(visitor, form, f"/staff/{name}/link", links.give(name, link))
        if answer.status >= 400:
            return await self._page(request, visitor, name, answer)
        return self._shown(request, visitor, name, link, answer)

    def change(self, what: str) -> Callable[..., Any]:
        async def changed(request: Request, name: str) -> Response:
            visitor, form = await self._desk.posted(request, _MANAGE)
            answer = await self._desk.write(visitor, form, f"/staff/{name}/{what}", self._command(what, name, form))
            if answer.status >= 400:
                return await self._page(request, visitor, name, answer)
            return self._desk.go(f"/staff/{quote(name)}", said="saved")

        return changed

    def _command(self, what: str, name: str, form: Form) -> Command:
        if what == "role":
            return accounts.set_role(name, form.one("role"))
        if what == "unlock":
            return self._desk.entrance.unlock(name)
        return {"disable": accounts.disable, "enable": accounts.enable, "end": accounts.end_sessions}[what](name)

    async def _list(self, request: Request, visitor: Visitor, refused: Answer | None = None) -> Response:
        now = self._desk.store.clock()
        found = await self._desk.store.fetch(lambda connection: accounts.people(connection, now))
        return self._desk.page(
            request, visitor, "staff.html", "nav.staff", refused.status if refused else 200, people=found, roles=ROLES,
            permissions={role: sorted(PERMISSIONS[role]) for role in ROLES}, refused=refused.body if refused else None,
        )  # fmt: skip

    async def _page(self, request: Request, visitor: Visitor, name: str, refused: Answer | None = None) -> Response:
        now = self._desk.store.clock()
        found, locked = await self._desk.store.fetch(
            lambda connection: (
                accounts.people(connection, now, name),
                self._desk.entrance.rests(connection, name),
            )
        )
        if not found:
            raise ProblemError("not_found")
        return self._desk.page(
            request, visitor, "staff_one.html", "nav.staff", refused.status if refused else 200, person=found[0],
            roles=ROLES, locked=locked, refused=refused.body if refused else None,
        )  # fmt: skip

    def _shown(self, request: Request, visitor: Visitor, name: str, link: str, answer: Answer) -> Response:
        """The page with a link, which is nowhere else; a form that came twice made one, shown the first time."""
        settings = self._desk.settings.console
        here = settings.public_url or str(request.base_url)
        shown = None if answer.replayed else links.address_of(here, link)
        return self._desk.page(request, visitor, "staff_link.html", "staff.link", name=name, link=shown)
