"""Coming in and going: name and password, a one-time link, the identity provider.

Opening a page never signs anybody in, except on the way back from the provider, which only the browser that set out can
walk. Every form carries a token of this browser (``serving.staff.before``).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote, urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from serving.api.problems import ProblemError
from serving.console.desk import Desk
from serving.console.forms import Form, form_of
from serving.console.visitor import COOKIE
from serving.coupons.refusals import Refuse
from serving.staff import accounts
from serving.staff.before import BEFORE, derived, inside, matches, seed_of
from serving.staff.entrance import Browser
from serving.staff.oidc import Provider, ProviderError

log = structlog.get_logger(__name__)

_TO = "fairdeal_to"
_PATH = "/sign-in"
_HOUR = 3600


def add(app: FastAPI, desk: Desk) -> None:
    """The routes of this page."""
    door = _Door(desk)
    page: dict[str, Any] = {"include_in_schema": False, "response_class": HTMLResponse, "response_model": None}
    app.add_api_route(_PATH, door.show, methods=["GET"], **page)
    app.add_api_route(_PATH, door.password, methods=["POST"], **page)
    app.add_api_route(f"{_PATH}/link", door.show_link, methods=["GET"], **page)
    app.add_api_route(f"{_PATH}/link", door.link, methods=["POST"], **page)
    app.add_api_route(f"{_PATH}/provider", door.to_provider, methods=["GET"], **page)
    app.add_api_route(f"{_PATH}/back", door.from_provider, methods=["GET"], **page)
    app.add_api_route("/sign-out", door.leave, methods=["POST"], **page)


class _Door:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entrance = desk.entrance

    # -- name and password -------------------------------------------------------------------------------------------

    async def show(self, request: Request, to: str = "/") -> Response:
        if await self._desk.visitor(request) is not None:
            return RedirectResponse(inside(to), 303)
        return await self._page(request, to)

    async def password(self, request: Request) -> Response:
        form = await self._posted(request)
        to = inside(form.one("to", "/"))
        if not self._ours(request, form):
            return await self._page(request, to, "sign_in.stale", 403)
        cookie = await self._entrance.by_password(form.one("name"), form.one("password"), _browser(request))
        if cookie is None:
            return await self._page(request, to, "sign_in.wrong", 403, form.one("name")[:60])
        return self._in(request, cookie, to)

    # -- one-time links ----------------------------------------------------------------------------------------------

    async def show_link(self, request: Request, link: str = "") -> Response:
        return self._with_seed(request, self._link_page, link=link[:200])

    async def link(self, request: Request) -> Response:
        form = await self._posted(request)
        link = form.one("link")[:200]
        if not self._ours(request, form):
            return self._with_seed(request, self._link_page, link=link, wrong="sign_in.stale", status=403)
        cookie = await self._entrance.by_link(link, _browser(request))
        if cookie is None:
            return self._with_seed(request, self._link_page, link="", wrong="sign_in.link_over", status=403)
        return self._in(request, cookie, "/")

    # -- the identity provider ---------------------------------------------------------------------------------------

    async def to_provider(self, request: Request, to: str = "/") -> Response:
        seed = seed_of(None)  # bits of its own for each time, so that a nonce is never used twice
        try:
            response = RedirectResponse(await self._provider.way(seed), 303)
        except ProviderError as error:
            return await self._refuse(request, error)
        self._keep(request, response, BEFORE, seed)
        self._keep(request, response, _TO, quote(inside(to)))
        return response

    async def from_provider(self, request: Request, code: str = "", state: str = "") -> Response:
        seed = request.cookies.get(BEFORE, "")
        if seed_of(seed) != seed or not matches(seed, "state", state) or not code:
            return await self._page(request, "/", "sign_in.provider_stale", 403, fresh=True)
        try:
            found = await self._provider.identity(code[:2000], seed)
        except ProviderError as error:
            return await self._refuse(request, error)
        browser = _browser(request)
        if found.name is None or found.role is None:
            why = "name" if found.name is None else "role"
            await self._entrance.refused(found.name or f"?{found.subject[:32]}", why, browser)
            return await self._page(request, "/", f"sign_in.no_{why}", 403, fresh=True)
        came = await self._entrance.by_provider(found.name, found.role, found.subject, browser)
        if isinstance(came, Refuse):
            await self._entrance.refused(found.name, came.code, browser)
            return await self._page(request, "/", "sign_in.not_here", 403, fresh=True)
        return self._in(request, came, inside(unquote(request.cookies.get(_TO, "/"))))

    # -- going -------------------------------------------------------------------------------------------------------

    async def leave(self, request: Request) -> Response:
        visitor, _ = await self._desk.posted(request)
        await self._entrance.leave(visitor.name, request.cookies[COOKIE])
        response = RedirectResponse(f"{_PATH}?said=signed_out", 303)
        response.delete_cookie(COOKIE)
        return response

    # -- pieces ------------------------------------------------------------------------------------------------------

    @property
    def _provider(self) -> Provider:
        if self._desk.provider is None:
            raise ProblemError("not_found")
        return self._desk.provider

    async def _posted(self, request: Request) -> Form:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise ProblemError("forbidden")
        return await form_of(request)

    @staticmethod
    def _ours(request: Request, form: Form) -> bool:
        """Whether the form came from a page that this browser was given."""
        seed = request.cookies.get(BEFORE, "")
        return seed_of(seed) == seed and matches(seed, "form", form.one("token"))

    async def _refuse(self, request: Request, error: ProviderError) -> Response:
        log.warning("provider refused", code=error.code, why=error.why)
        away = error.code == "away"
        return await self._page(
            request,
            "/",
            "sign_in.provider_away" if away else "sign_in.provider_wrong",
            503 if away else 403,
            fresh=True,
        )

    async def _page(
        self, request: Request, to: str, wrong: str = "", status: int = 200, name: str = "", *, fresh: bool = False
    ) -> Response:
        staffed = await self._desk.store.fetch(accounts.anybody)
        return self._with_seed(
            request, self._form, fresh, to=inside(to), wrong=wrong, status=status, name=name, staffed=staffed
        )

    def _form(self, request: Request, token: str, status: int, **shown: object) -> Response:
        return self._desk.page(
            request, None, "sign_in.html", "sign_in.title", status, token=token,
            provider=self._desk.provider is not None, **shown,
        )  # fmt: skip

    def _link_page(self, request: Request, token: str, link: str, wrong: str = "", status: int = 200) -> Response:
        return self._desk.page(
            request, None, "sign_in_link.html", "sign_in.title", status, token=token, link=link, wrong=wrong
        )

    def _with_seed(self, request: Request, draw: object, fresh: bool = False, **shown: object) -> Response:
        seed = seed_of(None if fresh else request.cookies.get(BEFORE))
        assert callable(draw)
        response: Response = draw(request, derived(seed, "form"), **shown)
        self._keep(request, response, BEFORE, seed)
        return response

    def _in(self, request: Request, cookie: str, to: str) -> Response:
        response = RedirectResponse(to, 303)
        # Lax: a link in a chat, and the way back from the provider, arrive signed in; forms carry a token anyway.
        response.set_cookie(
            COOKIE, cookie, max_age=self._desk.settings.console.session_hours * _HOUR, httponly=True, samesite="lax",
            secure=self._secure(request),
        )  # fmt: skip
        response.delete_cookie(BEFORE, path=_PATH)
        response.delete_cookie(_TO, path=_PATH)
        return response

    def _keep(self, request: Request, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, max_age=_HOUR, path=_PATH, httponly=True, samesite="lax", secure=self._secure(request)
        )

    def _secure(self, request: Request) -> bool:
        return request.url.scheme == "https" or self._desk.settings.console.public_url.startswith("https:")


def _browser(request: Request) -> Browser:
    client = request.client.host if request.client else ""
    return Browser(client, request.headers.get("user-agent", ""), request.cookies.get(COOKIE))
