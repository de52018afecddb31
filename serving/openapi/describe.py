"""Problems in the OpenAPI document: one shared schema, and those that every write, list or keyed route may answer.

Routers name only their own refusals (``responses=problems_of("coupon_unknown", "coupon_used")``); what comes from the
key, the body and the ledger is added here, so that no route can forget it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serving.api.problems import MEDIA_TYPE, PROBLEMS, title
from serving.coupons.refusals import CATALOGUE

_TEXT = {"type": "string"}
PROBLEM_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "An error (RFC 9457). `type` is a page about the code; texts are for people and may change.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "detail_zh"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z_]+$"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "detail": _TEXT,
        "detail_zh": _TEXT,
        "instance": {"type": "string", "description": "the request as a URI"},
        "request_id": {"type": "string", "description": "the id to ask about; also the header X-Request-Id"},
        "errors": {
            "description": "which fields are wrong; what was sent is never repeated",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "expected"],
                "properties": {"field": _TEXT, "expected": _TEXT},
            },
        },
        "distance": {
            "description": "how far success is: cents to spend, seconds to wait",
            "type": "object",
            "required": ["amount", "unit"],
            "properties": {"amount": {"type": "integer"}, "unit": {"type": ["string", "null"]}},
        },
        "dry_run": {"type": "boolean", "description": "true when nothing would have been saved in any case"},
    },
}
_SCHEMA_REF = {"$ref": "#/components/schemas/Problem"}
_METHODS = ("get", "put", "post", "delete", "patch")
_IDEMPOTENCY_KEY = "idempotency-key"
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")


def problems_of(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer with these codes, by status; ``KeyError`` for an unknown code."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in sorted(codes):
        made = found.setdefault(texts(code)[0], {"content": {MEDIA_TYPE: {"schema": _SCHEMA_REF, "examples": {}}}})
        made["content"][MEDIA_TYPE]["examples"][code] = {"$ref": f"#/components/examples/{code}"}
    for made in found.values():
        made["description"] = ", ".join(_codes(made))
    return found


def texts(code: str) -> tuple[int, str, str]:
    """Status, English and Chinese of a problem or a refusal."""
    if code in PROBLEMS:
        return PROBLEMS[code]
    entry = CATALOGUE[code]
    return entry.status, entry.en, entry.zh


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the common problems of each operation, the schema they share and an example of each."""
    components = document.setdefault("components", {})
    examples: dict[str, Any] = {}
    for path, method, operation in operations(document):
        codes = _common(path, method, operation)
        responses = operation["responses"]
        if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
            responses.pop("422", None)  # FastAPI's own shape, which repeats what was sent
        codes |= {code for answer in responses.values() for code in _codes(answer)}
        for status, answer in problems_of(*codes).items():
            responses[str(status)] = answer
        examples |= {code: _example(code) for code in codes}
        operation["responses"] = dict(sorted(responses.items()))
    components["examples"] = dict(sorted(examples.items()))
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = dict(PROBLEM_SCHEMA)
    used = json.dumps(document["paths"])
    for name in _OF_FASTAPI:
        if f'/{name}"' not in used:
            schemas.pop(name, None)
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of everything in a document."""
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _common(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    """What may be answered whatever the route does."""
    codes: set[str] = set()
    parameters = operation.get("parameters", [])
    if operation.get("security"):
        codes |= {"unauthorised", "forbidden"}
    if "requestBody" in operation:
        codes |= {"malformed_json", "too_large"}
    if "requestBody" in operation or parameters:
        codes.add("invalid_request")
    if any(parameter["in"] == "path" for parameter in parameters):
        codes.add("not_found")
    if method != "get" and _has_key(operation):
        codes |= {"idempotency_key_missing", "request_in_flight", "key_reused", "invalid_request", "not_found"}
        codes.add("too_large")  # of a body that a route does not even look at
    if path.startswith("/v1/"):
        codes |= {"store_unavailable", "not_ready", "internal"}
    return codes


def _example(code: str) -> dict[str, Any]:
    status, en, zh = texts(code)
    document = {"type": f"/problems/{code}", "title": title(code), "status": status, "code": code}
    return {"value": {**document, "detail": en, "detail_zh": zh}}


def _codes(answer: dict[str, Any]) -> list[str]:
    return list(answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}))


def _has_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"].lower() == _IDEMPOTENCY_KEY for parameter in operation.get("parameters", []))
