"""The OpenAPI document of an app, completed when it is first asked for: scopes, requests to copy, problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from serving.openapi.describe import operations, with_problems
from serving.openapi.requests import with_requests
from serving.openapi.scopes import with_scopes


def complete_document(app: FastAPI) -> None:
    """Have the app serve a document in which every operation says what it needs, takes and answers."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = with_problems(plain())
            for complete in (with_scopes, with_requests, with_answers):
                complete(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def with_answers(document: dict[str, Any]) -> dict[str, Any]:
    """Leave the declared model alone where FastAPI mixes it with what it makes of the route's return type.

    Routes keep that type (``dict[str, Any]``): without one FastAPI walks through an answer in Python, which takes a
    hundred times as long for a large quote.
    """
    for _, _, operation in operations(document):
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                if "$ref" in content.get("schema", {}):
                    content["schema"] = {"$ref": content["schema"]["$ref"]}
    return document
