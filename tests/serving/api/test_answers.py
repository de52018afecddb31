"""The document against the app: what it says of answers, of scopes and of requests is what happens."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fakes.tour import JSON, Tour, answered, grand_tour, successes, undocumented
from jsonschema import Draft202012Validator

from pipelines.cli.openapi import documents
from serving.api.access import TEST_KEYS
from serving.keys import SCOPES
from serving.openapi.compare import compare
from serving.openapi.describe import operations
from serving.openapi.scopes import scopes_of

APPS = ("coupons", "scoring")


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return documents()


async def test_every_success_is_as_documented_under_the_scope_it_names_and_replayed_to_the_byte(
    small_shop: Any,
) -> None:
    tour = Tour(small_shop)
    await grand_tour(tour)
    assert not successes(tour.document) - tour.seen
    assert not answered(tour.document) - tour.met


def test_no_success_of_the_coupons_app_is_untyped(made: Any) -> None:
    assert undocumented(made["coupons"]) == []


def test_whatever_field_leaves_an_answer_the_contract_check_sees_it(made: Any) -> None:
    document = made["coupons"]
    for name in sorted(answered(document)):
        schemas = document["components"]["schemas"]
        gone, *kept = sorted(schemas[name]["properties"], reverse=True)
        less = {**schemas[name], "properties": {field: schemas[name]["properties"][field] for field in kept}}
        changed = {**document, "components": {**document["components"], "schemas": {**schemas, name: less}}}
        assert any(change.breaking for change in compare(document, changed)), (name, gone)


@pytest.mark.parametrize("app", APPS)
def test_every_operation_names_its_scope_in_words_and_for_machines(made: Any, app: str) -> None:
    for path, method, operation in operations(made[app]):
        scopes = scopes_of(operation)
        assert bool(scopes) == path.startswith("/v1/"), (method, path)
        assert {*scopes} <= {*SCOPES, TEST_KEYS}, (method, path)
        if scopes:
            (scope,) = scopes
            assert operation["x-scope"] == scope
            assert operation["description"].endswith(f"Scope: `{scope}`.")
            assert {"401", "403"} <= operation["responses"].keys()


def test_a_changed_scope_breaks_callers(made: Any) -> None:
    changed = copy.deepcopy(made["coupons"])
    changed["paths"]["/v1/quotes"]["post"]["security"] = [{"HTTPBearer": ["orders:write"]}]
    (change,) = [change for change in compare(made["coupons"], changed) if change.breaking]
    assert change.where == "POST /v1/quotes"
    assert "quotes:read" in change.what
    assert "orders:write" in change.what


@pytest.mark.parametrize("app", APPS)
def test_every_operation_says_what_it_does_and_shows_a_request(made: Any, app: str) -> None:
    for path, method, operation in operations(made[app]):
        where = (method, path)
        assert operation["summary"] != operation["summary"].title(), where  # that is what is made of a function's name
        assert len(operation["description"].split("\n\nScope:")[0].split()) > 2, where
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                assert not _errors(made[app], parameter["schema"], parameter["example"]), where
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"][JSON]["schema"]
            requests = _requests(made[app], operation)
            assert requests, where
            for request in requests:
                assert not _errors(made[app], schema, request), (where, request)


async def test_every_operation_with_a_scope_wants_a_key(small_shop: Any) -> None:
    for path, method, operation in operations(small_shop.app.openapi()):
        if not operation.get("security"):
            continue
        for authorization in (None, "Bearer fd_guess", "Basic abc"):
            headers = {"Idempotency-Key": "k"} | ({"Authorization": authorization} if authorization else {})
            answer = await small_shop.http.request(method, path.replace("{version}", "1"), headers=headers, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised"), (method, path, authorization)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_no_request_of_the_document_is_refused_as_malformed(small_shop: Any) -> None:
    tour = Tour(small_shop)
    for path, method, operation in operations(tour.document):
        for request in _requests(tour.document, operation) if "requestBody" in operation else ():
            filled = path
            for parameter in operation.get("parameters", []):
                filled = filled.replace(f"{{{parameter['name']}}}", str(parameter.get("example")))
            answer = await tour.send(method.upper(), filled, request)
            assert answer.status_code not in (400, 401, 403, 422), (filled, request, answer.text)
            assert answer.status_code < 500, (filled, answer.text)


def _requests(document: Any, operation: Any) -> list[Any]:
    """The whole bodies that an operation shows."""
    content = operation["requestBody"]["content"][JSON]
    name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
    own = document["components"]["schemas"].get(name, {}).get("examples", [])
    return [example["value"] for example in content.get("examples", {}).values()] or own


def _errors(document: Any, schema: Any, value: Any) -> list[str]:
    found = Draft202012Validator({"components": document["components"], "allOf": [schema]}).iter_errors(value)
    return [error.message for error in found]
