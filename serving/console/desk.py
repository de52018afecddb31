"""What every page of the console stands on: who asks, which form came, how a page is drawn, how a change is written.

A page module has ``add(app, desk)`` and puts its routes on the app. A handler begins with ``await desk.enter(request,
permission)`` (GET) or ``await desk.posted(request, permission)`` (POST): the server decides there, never the page.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import httpx
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.api.problems import ProblemError, request_id
from serving.console.formats import Formats
from serving.console.forms import Form, form_of
from serving.console.nav import menu
from serving.console.starter import Starter
from serving.console.texts import LANGUAGES, TEXTS, Texts
from serving.console.visitor import COOKIE, Visitor
from serving.privacy import Hasher
from serving.settings import Settings
from serving.staff.entrance import Entrance
from serving.staff.oidc import Provider
from serving.staff.sealer import Sealer
from serving.staff.sessions import Sessions
from serving.store.unit import Answer, Command, Store
from serving.store.unit import Request as Asked

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
THEMES = ("auto", "light", "dark")


class SignInError(Exception):
    """Nobody is signed in; the page is asked for again after signing in."""


class Desk:
    """The parts of the console; ``coupons`` is a client of the coupons API with the console's key, ``provider`` the
    identity provider if there is one."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        sessions: Sessions,
        coupons: httpx.AsyncClient,
        entrance: Entrance,
        sealer: Sealer,
        provider: Provider | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.sessions = sessions
        self.coupons = coupons
        self.entrance = entrance
        self.sealer = sealer
        self.provider = provider
        self.zone = ZoneInfo(settings.shop.timezone)
        self.hasher = Hasher(settings.risk.key)
        # Who runs the apps may hand over what begins flows beside them.
        self.starter: Starter | None = None
        # Autoescaping is on for every template: names, reasons and notes come from outside.
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._jinja.globals["asset"] = self.asset

    # -- who asks ----------------------------------------------------------------------------------------------------

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in, if anybody."""
        cookie = request.cookies.get(COOKIE)
        return await self.sessions.find(cookie) if cookie else None

    async def enter(self, request: Request, permission: str | None = None) -> Visitor:
        """The signed-in visitor who may do this; raises ``SignInError`` or the problem ``forbidden``."""
        found = await self.visitor(request)
        if found is None:
            raise SignInError
        if permission is not None and not found.may(permission):
            raise ProblemError("forbidden")
        return found

    async def posted(self, request: Request, permission: str | None = None) -> tuple[Visitor, Form]:
        """``enter`` for a form that came from a page of ours: same origin, and the token of this session."""
        visitor = await self.enter(request, permission)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise ProblemError("forbidden")
        form = await form_of(request)
        if not secrets.compare_digest(form.one("csrf").encode(), visitor.csrf.encode()):
            raise ProblemError("forbidden")
        return visitor, form

    # -- writing -----------------------------------------------------------------------------------------------------

    async def write(self, visitor: Visitor, form: Form, route: str, command: Command) -> Answer:
        """Run a command once per form: a second click is told what the first one was."""
        fingerprint = hashlib.sha256(f"{route}\0{visitor.name}".encode()).hexdigest()
        asked = Asked(visitor.actor, f"console-{form.key}", route[:120], fingerprint, request_id.get())
        return await self.store.run(asked, command)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def language(self, request: Request) -> str:
        """What the reader chose, what the browser asks for, or the shop's."""
        chosen = request.cookies.get("language", "")
        if chosen in LANGUAGES:
            return chosen
        asked = request.headers.get("accept-language", "")[:2].lower()
        return asked if asked in LANGUAGES else self.settings.shop.language

    def texts(self, request: Request) -> Texts:
        return Texts(self.language(request))

    def formats(self, request: Request) -> Formats:
        return Formats(self.language(request), self.settings.shop.currency, self.zone, self.store.clock())

    def page(
        self, request: Request, visitor: Visitor | None, template: str, title: str, status: int = 200, **shown: Any
    ) -> HTMLResponse:
        """A template in the frame of the console; ``title`` is a key of the texts.

        Templates know ``t``, ``fmt`` (``serving.console.formats``), ``visitor``, ``path``, ``said`` and ``key``, and
        extend ``frame.html`` (or ``plain.html`` for who is not signed in).
        """
        theme = request.cookies.get("theme", "auto")
        said = request.query_params.get("said", "")
        t = self.texts(request)
        html = self._jinja.get_template(template).render(
            t=t,
            fmt=self.formats(request),
            theme=theme if theme in THEMES else "auto",
            themes=THEMES,
            visitor=visitor,
            groups=menu(visitor) if visitor else [],
            path=request.url.path,
            here=_here(request),
            title=t(title),
            said=t(f"said.{said}") if f"said.{said}" in TEXTS else None,
            key=secrets.token_hex(16),
            **shown,
        )
        return HTMLResponse(html, status)

    def part(self, request: Request, visitor: Visitor, template: str, **shown: Any) -> HTMLResponse:
        """A piece of a page that a script puts in its place; knows what templates of ``page`` know of texts."""
        html = self._jinja.get_template(template).render(
            t=self.texts(request), fmt=self.formats(request), visitor=visitor, key=secrets.token_hex(16), **shown
        )
        return HTMLResponse(html)

    @staticmethod
    def go(to: str, said: str | None = None, **query: str) -> Response:
        """Send the browser on after a form; ``said`` is a key ``said.*`` of the texts that the next page shows."""
        asked = {**query, **({"said": said} if said else {})}
        joint = "&" if "?" in to else "?"
        return RedirectResponse(f"{to}{joint}{urlencode(asked)}" if asked else to, 303)

    def asset(self, name: str) -> str:
        """The address of a file of ``static``, which changes with its content."""
        return f"/static/{name}?v={self._digests[name]}"

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        files = (path for path in STATIC.iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def _here(request: Request) -> str:
    """The page with its query, to come back to after a choice of language or theme."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"
