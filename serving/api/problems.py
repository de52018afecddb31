"""Errors as problem documents (RFC 9457): a code, two texts, where it is wrong; never the value that was sent.

``type`` is a page that every app serves (`serving.openapi.pages`), ``request_id`` finds the request in the logs and
``instance`` is the same as a URI. A refusal that the ledger keeps has the id of the request that was refused, so that
its replay is equal to the byte.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from features.errors import InputError
from serving.coupons.money import InvalidError
from serving.store.unit import Answer, KeyReusedError, StaleError

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
# The id of the request being answered; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# What goes wrong before a rule of the domain is asked: status, English, Chinese.
PROBLEMS: dict[str, tuple[int, str, str]] = {
    "malformed_json": (400, "The body is not valid JSON.", "请求体不是合法的 JSON。"),
    "idempotency_key_missing": (400, "Every write needs an Idempotency-Key header.", "写请求必须带 Idempotency-Key。"),
    "unauthorised": (401, "A valid API key is needed.", "需要有效的 API 密钥。"),
    "forbidden": (403, "This key may not do that.", "该密钥没有此权限。"),
    "not_found": (404, "There is nothing here.", "资源不存在。"),
    "method_not_allowed": (405, "This path does not take that method.", "该路径不支持此方法。"),
    "request_in_flight": (409, "The same request is being answered.", "相同请求正在处理中。"),
    "too_large": (413, "The body is too large.", "请求体过大。"),
    "invalid_request": (422, "Some fields are not as expected.", "部分字段不符合要求。"),
    "key_reused": (422, "This Idempotency-Key was used for another request.", "该 Idempotency-Key 已用于其他请求。"),
    "internal": (500, "Something went wrong on our side.", "服务内部错误。"),
    "not_ready": (503, "The service is not ready yet.", "服务尚未就绪。"),
    "store_unavailable": (503, "The ledger cannot be reached; try again.", "账本暂不可用，请重试。"),
}
_BY_STATUS = {401: "unauthorised", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_FIELD = re.compile(r"[a-z_]{1,40}")


class ProblemError(Exception):
    """Ends a request with a problem of the list above."""

    def __init__(self, code: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


def problem(code: str, errors: list[dict[str, str]] | None = None, headers: dict[str, str] | None = None) -> Response:
    status, en, zh = PROBLEMS[code]
    body: dict[str, Any] = {"code": code, "detail": en, "detail_zh": zh}
    if errors:
        body["errors"] = errors
    if request_id.get():
        body["request_id"] = request_id.get()
    return problem_response(status, body, headers)


def problem_response(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    document = {"type": f"/problems/{body['code']}", "title": title(body["code"]), "status": status, **body}
    if "request_id" in body:
        document["instance"] = f"tag:fairdeal,2026:{body['request_id']}"
    return Response(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), status, headers, MEDIA_TYPE)


def title(code: str) -> str:
    return code.replace("_", " ")


def answer_response(answer: Answer) -> Response:
    """A command's answer; refusals become problem documents. Keys are sorted, so that a replay is equal to the byte."""
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    if answer.status >= 400:
        wait = answer.body.get("distance", {})
        if answer.status == 429 and wait.get("unit") == "seconds":
            headers["Retry-After"] = str(wait["amount"])
        return problem_response(answer.status, answer.body, headers)
    return Response(orjson.dumps(answer.body, option=orjson.OPT_SORT_KEYS), answer.status, headers, "application/json")


def add_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def _problem(_: Request, error: ProblemError) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.code == "unauthorised" else None
        return problem(error.code, error.errors, headers)

    @app.exception_handler(RequestValidationError)
    async def _validation(_: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(item["type"] == "json_invalid" for item in found):
            return problem("malformed_json")
        return problem("invalid_request", [{"field": _where(item), "expected": _expected(item)} for item in found[:20]])

    @app.exception_handler(InvalidError)
    async def _invalid(_: Request, error: InvalidError) -> Response:
        return problem("invalid_request", [{"field": error.field, "expected": error.expected}])

    @app.exception_handler(InputError)
    async def _input(_: Request, error: InputError) -> Response:
        return problem("invalid_request", [{"field": error.field, "expected": error.expected}])

    @app.exception_handler(KeyReusedError)
    async def _reused(_: Request, __: KeyReusedError) -> Response:
        return problem("key_reused")

    @app.exception_handler(StaleError)
    @app.exception_handler(DBAPIError)
    async def _store(_: Request, error: Exception) -> Response:
        log.error("store failed", request_id=request_id.get(), error=type(getattr(error, "orig", error)).__name__)
        return problem("store_unavailable", headers={"Retry-After": "1"})

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        if error.status_code == 400:
            return problem("malformed_json")
        return problem(_BY_STATUS.get(error.status_code, "internal"), headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _internal(_: Request, error: Exception) -> Response:
        # Answered outside of the plumbing, which cannot add the header any more.
        log.error("request failed", request_id=request_id.get(), error=type(error).__name__)
        return problem("internal", headers={"X-Request-Id": request_id.get()})


def _expected(item: Any) -> str:
    """What should have been there; the one message that repeats what was sent is said differently."""
    if item["type"] == "union_tag_invalid":
        return f"kind is one of: {item['ctx']['expected_tags']}"
    return str(item["msg"]).removeprefix("Value error, ")


def _where(item: Any) -> str:
    """The path of a field without anything that the sender chose (names of extra fields, keys of mappings)."""
    path = [part for part in item["loc"] if part not in ("body", "query", "path", "header")]
    shown = [str(part) if isinstance(part, int) or _FIELD.fullmatch(str(part)) else "…" for part in path]
    if not shown:
        return "(body)"  # a rule about several fields, which it names itself
    return ".".join([*shown[:-1], "(extra field)"] if item["type"] == "extra_forbidden" else shown)
