"""The console over HTTP: sign in with a reviewer's key, see tiles and open cases, decide a case by a form."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from prometheus_client import CollectorRegistry
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import InputError
from serving.api.ledger_ready import ledger_ready
from serving.api.plumbing import add_plumbing
from serving.api.problems import ProblemError, add_problem_handlers
from serving.console.session import COOKIE, LASTS, Sessions
from serving.console.texts import LANGUAGES, Texts, money
from serving.keys import REVIEW, KeyRing
from serving.review.case import ACTIONS
from serving.review.report import decided_cases, open_cases, totals
from serving.review.store import decide
from serving.store.unit import Request as Asked
from serving.store.unit import Store

_FOLDER = Path(__file__).parent / "templates"
_CASES_SHOWN = 50
_MOST_FORM_BYTES = 20_000
# Styles are a file of ours and nothing else may run, load or frame the page.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def build(store: Store, keys: KeyRing, currency: str, language: str = "en") -> FastAPI:
    """The app on its parts; who made the store closes it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(title="Fairdeal console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    pages = _Pages(store, keys, Sessions(store.clock), currency, language)
    app.add_api_route("/", pages.first, methods=["GET"])
    app.add_api_route("/sign-in", pages.sign_in, methods=["GET"])
    app.add_api_route("/sign-in", pages.open_session, methods=["POST"])
    app.add_api_route("/sign-out", pages.sign_out, methods=["POST"])
    app.add_api_route("/language", pages.switch, methods=["GET"])
    app.add_api_route("/cases/{case_id}", pages.judge, methods=["POST"])
    app.add_api_route("/style.css", pages.style, methods=["GET"])
    app.add_api_route("/favicon.ico", pages.no_icon, methods=["GET"])
    add_problem_handlers(app)
    add_plumbing(app, ledger_ready(store), CollectorRegistry())
    app.add_middleware(_Headers)
    return app


class _Pages:
    def __init__(self, store: Store, keys: KeyRing, sessions: Sessions, currency: str, language: str) -> None:
        self._store = store
        self._keys = keys
        self._sessions = sessions
        self._currency = currency
        self._language = language
        # Autoescaping is on for every template: names, reasons and notes come from outside.
        self._jinja = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
        self._jinja.filters["money"] = money

    async def first(self, request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        reviewer = self._sessions.principal(cookie)
        if reviewer is None or cookie is None:
            return RedirectResponse("/sign-in", 303)
        found = await self._store.fetch(
            lambda connection: (totals(connection), open_cases(connection, _CASES_SHOWN), decided_cases(connection))
        )
        shown = {
            "totals": found[0],
            "cases": found[1],
            "decided": found[2],
            "reviewer": reviewer,
            "csrf": self._sessions.token(cookie),
            "actions": ACTIONS[1:],
            "said": {"done": "done", "gone": "gone"}.get(request.query_params.get("said", "")),
            "key": secrets.token_hex(16),
        }
        return self._page(request, "cases.html", shown)

    async def sign_in(self, request: Request) -> Response:
        # A link that carries the key signs in and is replaced at once, so that the key does not stay in the address.
        key = request.query_params.get("key")
        return self._enter(request, key) if key else self._page(request, "sign_in.html", {"wrong": False})

    async def open_session(self, request: Request) -> Response:
        return self._enter(request, (await _form(request)).get("key", ""))

    def _enter(self, request: Request, key: str) -> Response:
        principal = self._keys.find(key)
        if principal is None or REVIEW not in principal.scopes:
            return self._page(request, "sign_in.html", {"wrong": True}, 403)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            self._sessions.open(principal.name),
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        await self._checked_form(request)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    async def switch(self, request: Request) -> Response:
        language = request.query_params.get("to", "")
        response = RedirectResponse("/", 303)
        if language in LANGUAGES:
            response.set_cookie("language", language, samesite="strict", httponly=True)
        return response

    async def judge(self, request: Request, case_id: str) -> Response:
        reviewer, form = await self._checked_form(request)
        verdict = form.get("verdict", "")
        action = "allow" if verdict == "legitimate" else form.get("action", "")
        key = form.get("key", "")
        if not key.isalnum() or len(key) != 32:
            raise InputError("key", key, "the key of the form")
        command = decide(case_id, verdict, action, reviewer, form.get("note", "")[:500])
        fingerprint = f"{case_id} {verdict} {action}"[:64]
        answer = await self._store.run(
            Asked(reviewer, f"console-{key}-{case_id}"[:255], "console", fingerprint), command
        )
        return RedirectResponse("/?said=" + ("done" if answer.status < 400 else "gone"), 303)

    async def style(self) -> Response:
        return Response((_FOLDER / "style.css").read_bytes(), media_type="text/css")

    async def no_icon(self) -> Response:
        return Response(status_code=204)

    async def _checked_form(self, request: Request) -> tuple[str, Mapping[str, str]]:
        """The reviewer and the form of a POST that came from our own page."""
        cookie = request.cookies.get(COOKIE)
        reviewer = self._sessions.principal(cookie)
        if reviewer is None or cookie is None:
            raise ProblemError("unauthorised")
        form = await _form(request)
        if not self._sessions.token_fits(cookie, form.get("csrf", "")):
            raise ProblemError("forbidden")
        return reviewer, form

    def _page(self, request: Request, name: str, shown: dict[str, Any], status: int = 200) -> Response:
        t = Texts(request.cookies.get("language", self._language))
        other = LANGUAGES[1 - LANGUAGES.index(t.language)]
        page = self._jinja.get_template(name).render(t=t, other=other, currency=self._currency, **shown)
        return HTMLResponse(page, status)


async def _form(request: Request) -> dict[str, str]:
    """An urlencoded form; the last value of a name counts."""
    body = await request.body()
    if len(body) > _MOST_FORM_BYTES:
        raise ProblemError("too_large")
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("form", "bytes", "an urlencoded form in UTF-8") from error
    return {name: values[-1] for name, values in found.items()}


class _Headers:
    """Security headers on every answer of the console."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Frame-Options"] = "DENY"
            await send(message)

        await self.app(scope, receive, add)
