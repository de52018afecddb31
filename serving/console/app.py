"""The console over HTTP: every page on one app, with headers that let nothing foreign run, load or frame it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import InputError
from serving.api.ledger_ready import ledger_ready
from serving.api.plumbing import add_plumbing
from serving.api.problems import PROBLEMS, ProblemError, request_id
from serving.console.desk import STATIC, THEMES, Desk, SignInError
from serving.console.nav import home
from serving.console.pages import (
    account,
    appeals,
    approvals,
    audit,
    budget,
    case,
    cross,
    drift,
    feedback,
    lab,
    lists,
    models,
    overview,
    queue,
    reveal,
    sign_in,
    simulator,
    staff,
    thresholds,
    why,
)
from serving.console.texts import LANGUAGES
from serving.review.upkeep import Upkeep
from serving.staff.before import inside
from serving.store.unit import KeyReusedError, StaleError

log = structlog.get_logger(__name__)
PAGES = (
    sign_in, account, queue, case, approvals, appeals, lists, reveal, feedback, lab, thresholds, overview, cross,
    models, drift, simulator, why, budget, audit, staff,
)  # fmt: skip
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
# Styles, scripts and pictures are files of ours; nothing else may run, load or frame the page.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_A_YEAR = "public, max-age=31536000, immutable"


def build(desk: Desk) -> FastAPI:
    """The app on its parts; who made the store closes it, the client of the coupons API is closed here."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(desk.coupons.aclose)
            stack.callback(desk.entrance.passwords.close)
            if desk.provider is not None:
                stack.push_async_callback(desk.provider.aclose)
            await stack.enter_async_context(desk.sealer.running())
            upkeep = Upkeep(desk.store, desk.settings.console, desk.settings.risk.key)
            await stack.enter_async_context(upkeep.running())
            yield

    app = FastAPI(title="Fairdeal console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    _frame(app, desk)
    for module in PAGES:
        module.add(app, desk)
    _errors(app, desk)
    add_plumbing(app, ledger_ready(desk.store), CollectorRegistry())
    app.add_middleware(_Headers)
    return app


def _frame(app: FastAPI, desk: Desk) -> None:
    @app.get("/")
    async def first(request: Request) -> Response:
        return RedirectResponse(home(await desk.enter(request)), 303)

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        path = STATIC / name
        if path.parent != STATIC or not path.is_file():
            raise HTTPException(404)
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": _A_YEAR})

    @app.get("/favicon.ico")
    async def no_icon() -> Response:
        return Response(status_code=204)

    @app.get("/prefer")
    async def prefer(language: str = "", theme: str = "", back: str = "/") -> Response:
        """A choice of language or theme; it is the browser's, not the account's."""
        response = RedirectResponse(inside(back), 303)
        for name, value, known in (("language", language, LANGUAGES), ("theme", theme, THEMES)):
            if value in known:
                response.set_cookie(name, value, max_age=31_536_000, samesite="lax", httponly=True)
        return response


def _errors(app: FastAPI, desk: Desk) -> None:
    """What may go wrong as a page in the reader's language; never the value that was sent."""

    async def show(request: Request, status: int, details: tuple[tuple[str, str], ...] = ()) -> Response:
        try:
            visitor = await desk.visitor(request)
        except (DBAPIError, StaleError):
            visitor = None
        known = status if status in (401, 403, 404, 405, 409, 413, 422, 503) else 500
        return desk.page(
            request,
            visitor,
            "error.html",
            "error",
            known,
            text=f"error.{known}",
            details=details,
            number=request_id.get(),
        )

    @app.exception_handler(SignInError)
    async def _sign_in(request: Request, _: SignInError) -> Response:
        to = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        if request.method != "GET":
            return await show(request, 401)
        return RedirectResponse(f"/sign-in?to={quote(to)}" if to != "/" else "/sign-in", 303)

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> Response:
        found = tuple((item["field"], item["expected"]) for item in error.errors or ())
        return await show(request, PROBLEMS[error.code][0], found)

    @app.exception_handler(InputError)
    async def _input(request: Request, error: InputError) -> Response:
        return await show(request, 422, ((error.field, error.expected),))

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, _: RequestValidationError) -> Response:
        return await show(request, 422)

    @app.exception_handler(KeyReusedError)
    async def _reused(request: Request, _: KeyReusedError) -> Response:
        return await show(request, 409)

    @app.exception_handler(StaleError)
    @app.exception_handler(DBAPIError)
    async def _store(request: Request, error: Exception) -> Response:
        log.error("store failed", request_id=request_id.get(), error=type(getattr(error, "orig", error)).__name__)
        return await show(request, 503)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return await show(request, error.status_code)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def _internal(request: Request, error: Exception) -> Response:
        log.error("request failed", request_id=request_id.get(), error=type(error).__name__, exc_info=error)
        return await show(request, 500)


class _Headers:
    """Security headers on every answer of the console; what may be kept is said by the answer itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["Referrer-Policy"] = "same-origin"
                headers["X-Frame-Options"] = "DENY"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                if scope["path"].startswith("/static/") and message["status"] == 200:
                    headers["Cache-Control"] = _A_YEAR
            await send(message)

        await self.app(scope, receive, add)
