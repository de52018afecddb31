"""The contract check: every change that breaks callers is named, in the direction in which it breaks, and no other."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import openapi
from pipelines.cli.openapi import BREAKING, STALE, check_openapi, written
from serving.openapi.compare import compare
from serving.openapi.schemas import Change

Edit = Callable[[dict[str, Any]], object]


def base() -> dict[str, Any]:
    """A document with what ours have: shared schemas, alternatives, enumerations, bounds, parameters, security."""
    coupon = {
        "type": "object",
        "required": ["id", "state"],
        "properties": {
            "id": {"type": "string"},
            "state": {"type": "string", "enum": ["unused", "used"]},
            "cents": {"type": "integer", "minimum": 0, "maximum": 100},
            "until": {"type": "string", "format": "date-time"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 10}},
            "free": {},
        },
    }
    cut = {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "cents"],
        "properties": {"kind": {"const": "cut"}, "cents": {"type": "integer"}},
    }
    percent = {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "percent"],
        "properties": {"kind": {"const": "percent"}, "percent": {"type": "integer", "maximum": 99}},
    }
    body = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 50, "minLength": 1, "pattern": "^[a-z]+$"},
            "access": {"type": "string", "enum": ["open", "closed"], "default": "closed"},
            "weight": {"type": "number", "exclusiveMinimum": 0},
            "deduction": {"oneOf": [{"$ref": "#/components/schemas/Cut"}, {"$ref": "#/components/schemas/Percent"}]},
            "lines": {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/Cut"}},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Body"}, {"type": "null"}]},
            "extra": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    }
    return {
        "openapi": "3.1.0",
        "paths": {
            "/coupons": {
                "get": {
                    "operationId": "list",
                    "security": [{"bearer": []}],
                    "parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100, "default": 20}},
                        {"name": "X-Shop", "in": "header", "required": True, "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Coupon"}}}},
                        "404": {"description": "missing"},
                    },
                },
                "post": {
                    "operationId": "make",
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
                    },
                    "responses": {"201": {"description": "made"}},
                },
            }
        },
        "components": {
            "schemas": {"Coupon": coupon, "Cut": cut, "Percent": percent, "Body": body},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def path(document: dict[str, Any], *keys: Any) -> Any:
    for key in keys:
        document = document[key]
    return document


def op(document: dict[str, Any], method: str = "get") -> Any:
    return path(document, "paths", "/coupons", method)


def sent(document: dict[str, Any], name: str | None = None) -> Any:
    found = path(document, "components", "schemas", "Body")
    return found["properties"][name] if name else found


def answered(document: dict[str, Any], name: str | None = None) -> Any:
    found = path(document, "components", "schemas", "Coupon")
    return found["properties"][name] if name else found


def shared(document: dict[str, Any], schema: str, name: str) -> Any:
    return path(document, "components", "schemas", schema, "properties", name)


BREAKS: list[tuple[str, Edit, list[str]]] = [
    ("path", lambda d: d["paths"].pop("/coupons"), ["GET /coupons: path removed", "POST /coupons: path removed"]),
    ("method", lambda d: d["paths"]["/coupons"].pop("post"), ["POST /coupons: method removed"]),
    ("status", lambda d: op(d)["responses"].pop("404"), ["GET /coupons 404: response removed"]),
    ("security gone", lambda d: op(d).pop("security"), ['GET /coupons: security changed from {"bearer": []} to none']),
    (
        "security came",
        lambda d: op(d, "post").update(security=[{"bearer": ["x"]}]),
        ['POST /coupons: security changed from none to {"bearer": ["x"]}'],
    ),
    (
        "scheme",
        lambda d: d["components"]["securitySchemes"]["bearer"].update(scheme="basic"),
        ["security scheme bearer: changed"],
    ),
    ("scheme gone", lambda d: d["components"]["securitySchemes"].clear(), ["security scheme bearer: removed"]),
    (
        "parameter renamed",
        lambda d: op(d)["parameters"][0].update(name="size"),
        ["GET /coupons query parameter limit: removed"],
    ),
    (
        "parameter required",
        lambda d: op(d)["parameters"][0].update(required=True),
        ["GET /coupons query parameter limit: newly required"],
    ),
    (
        "parameter new",
        lambda d: op(d)["parameters"].append({"name": "q", "in": "query", "required": True, "schema": {}}),
        ["GET /coupons query parameter q: new and required"],
    ),
    (
        "parameter narrower",
        lambda d: op(d)["parameters"][0]["schema"].update(maximum=50),
        ["GET /coupons query parameter limit: maximum 100 → 50"],
    ),
    (
        "parameter default",
        lambda d: op(d)["parameters"][0]["schema"].update(default=50),
        ["GET /coupons query parameter limit: default 20 → 50"],
    ),
    ("body needed", lambda d: op(d, "post")["requestBody"].update(required=True), ["POST /coupons: needs a body now"]),
    ("body gone", lambda d: op(d, "post").pop("requestBody"), ["POST /coupons: takes no body any more"]),
    (
        "media type",
        lambda d: op(d, "post")["requestBody"].update(content={"text/csv": {}}),
        ["POST /coupons body: no longer takes application/json"],
    ),
    (
        "media type answered",
        lambda d: op(d)["responses"]["200"].update(content={}),
        ["GET /coupons 200: no longer answers application/json"],
    ),
    # what callers send: narrower is breaking
    ("field gone", lambda d: sent(d)["properties"].pop("weight"), ["Body (sent).weight: field removed"]),
    ("field required", lambda d: sent(d)["required"].append("access"), ["Body (sent).access: newly required"]),
    ("type", lambda d: sent(d, "name").update(type="integer"), ["Body (sent).name: no longer takes string"]),
    ("number to integer", lambda d: sent(d, "weight").update(type="integer"),
     ["Body (sent).weight: no longer takes number"]),
    ("max length", lambda d: sent(d, "name").update(maxLength=40), ["Body (sent).name: maxLength 50 → 40"]),
    ("min length", lambda d: sent(d, "name").update(minLength=2), ["Body (sent).name: minLength 1 → 2"]),
    ("new bound", lambda d: sent(d, "weight").update(maximum=9), ["Body (sent).weight: maximum none → 9"]),
    ("pattern", lambda d: sent(d, "name").update(pattern="^[a-f]+$"),
     ['Body (sent).name: pattern "^[a-z]+$" → "^[a-f]+$"']),
    ("new format", lambda d: sent(d, "name").update(format="uuid"), ['Body (sent).name: format none → "uuid"']),
    ("enum word gone", lambda d: sent(d, "access").update(enum=["closed"]),
     ['Body (sent).access: no longer takes "open"']),
    ("new enum", lambda d: sent(d, "name").update(enum=["a", "b"]), ['Body (sent).name: only takes "a", "b" now']),
    ("default", lambda d: sent(d, "access").update(default="open"), ['Body (sent).access: default "closed" → "open"']),
    ("max items", lambda d: sent(d, "lines").update(maxItems=4), ["Body (sent).lines: maxItems 5 → 4"]),
    ("unique items", lambda d: sent(d, "lines").update(uniqueItems=True),
     ["Body (sent).lines: uniqueItems none → true"]),
    ("item type", lambda d: sent(d, "lines").update(items={"type": "string"}),
     ["Body (sent).lines[]: no longer takes Cut"]),
    ("null gone", lambda d: sent(d, "parent").update(anyOf=[{"$ref": "#/components/schemas/Body"}]),
     ["Body (sent).parent: no longer takes null"]),
    ("values of a map", lambda d: sent(d, "extra")["additionalProperties"].update(type="string"),
     ["Body (sent).extra.*: no longer takes integer"]),
    ("map closed", lambda d: sent(d, "extra").update(additionalProperties=False),
     ["Body (sent).extra: other fields are no longer taken"]),
    ("inside an alternative", lambda d: shared(d, "Percent", "percent").update(maximum=50),
     ["Percent (sent).percent: maximum 99 → 50"]),
    (
        "alternative gone",
        lambda d: sent(d, "deduction")["oneOf"].pop(),
        ["Body (sent).deduction: no longer takes Percent"],
    ),
    (
        "renamed and narrower",
        lambda d: d["components"]["schemas"].update(
            Cut2={**d["components"]["schemas"]["Cut"], "required": ["kind", "cents", "strict"]}
        )
        or sent(d, "lines").update(items={"$ref": "#/components/schemas/Cut2"}),
        ["Cut (sent).strict: newly required"],
    ),
    # what callers are answered: less, or wider, is breaking
    ("answer field gone", lambda d: answered(d)["properties"].pop("cents"), ["Coupon (answered).cents: field removed"]),
    ("answer optional", lambda d: answered(d)["required"].remove("state"),
     ["Coupon (answered).state: may be missing now"]),
    ("answer type", lambda d: answered(d, "cents").update(type="number"),
     ["Coupon (answered).cents: may now be number"]),
    ("answer untyped", lambda d: answered(d, "id").clear(), ["Coupon (answered).id: may now be anything"]),
    ("answer null", lambda d: answered(d, "id").update(type=["string", "null"]),
     ["Coupon (answered).id: may now be null"]),
    ("answer format", lambda d: answered(d, "until").update(format="date"),
     ['Coupon (answered).until: format "date-time" → "date"']),
    ("answer enum dropped", lambda d: answered(d, "state").pop("enum"),
     ['Coupon (answered).state: may now be more than "unused", "used"']),
    ("answer items", lambda d: answered(d, "tags")["items"].update(type="integer"),
     ["Coupon (answered).tags[]: may now be integer"]),
]  # fmt: skip

KEEPS: list[tuple[str, Edit, list[str]]] = [
    ("nothing", lambda d: None, []),
    ("new path", lambda d: d["paths"].update({"/new": {"get": {"responses": {}}}}), []),
    ("new method", lambda d: d["paths"]["/coupons"].update(put={"responses": {}}), []),
    ("new error", lambda d: op(d)["responses"].update({"429": {}}), []),
    ("new success", lambda d: op(d)["responses"].update({"202": {}}), ["GET /coupons 202: new way to succeed"]),
    ("renamed operation", lambda d: op(d).update(operationId="all"), ["GET /coupons: operationId list → all"]),
    ("optional parameter", lambda d: op(d)["parameters"].append({"name": "q", "in": "query", "schema": {}}), []),
    ("parameter no longer needed", lambda d: op(d)["parameters"][1].update(required=False), []),
    ("case of a header", lambda d: op(d)["parameters"][1].update(name="x-shop"), []),
    ("wider parameter", lambda d: op(d)["parameters"][0]["schema"].update(maximum=500), []),
    ("description", lambda d: sent(d, "name").update(description="how it is called"), []),
    ("optional field", lambda d: sent(d)["properties"].update(more={"type": "string"}), []),
    ("no longer required", lambda d: sent(d)["required"].clear(), []),
    ("longer", lambda d: sent(d, "name").update(maxLength=80, minLength=0), []),
    ("bound gone", lambda d: sent(d, "name").pop("maxLength"), []),
    ("pattern gone", lambda d: sent(d, "name").pop("pattern"), []),
    ("min length 0", lambda d: sent(d, "lines").update(minItems=0), []),
    ("word added", lambda d: sent(d, "access")["enum"].append("decision"), []),
    ("takes null", lambda d: sent(d, "name").update(type=["string", "null"]), []),
    ("takes anything", lambda d: sent(d)["properties"].update(name={}), []),
    ("integer to number", lambda d: shared(d, "Cut", "cents").update(type="number"), []),
    ("new alternative", lambda d: sent(d, "deduction")["oneOf"].append({"type": "string"}), []),
    ("alternatives in another order", lambda d: sent(d, "deduction")["oneOf"].reverse(), []),
    ("map opened", lambda d: sent(d, "extra").update(additionalProperties=True), []),
    ("inlined", lambda d: sent(d, "lines").update(items=copy.deepcopy(d["components"]["schemas"]["Cut"])), []),
    ("answer field", lambda d: answered(d)["properties"].update(more={}), []),
    ("answer always there", lambda d: answered(d)["required"].append("cents"), []),
    ("answer number to integer", lambda d: answered(d, "note").update(anyOf=[{"type": "string"}]), []),
    ("answer typed", lambda d: answered(d, "free").update(type="string"), []),
    ("answer narrower", lambda d: answered(d, "cents").update(maximum=50), []),
    ("answer wider", lambda d: answered(d, "cents").update(maximum=500),
     ["Coupon (answered).cents: maximum 100 → 500"]),
    ("answer word gone", lambda d: answered(d, "state").update(enum=["used"]), []),
    ("answer word", lambda d: answered(d, "state")["enum"].append("held"),
     ['Coupon (answered).state: may now be "held"']),
]  # fmt: skip


def differences(edit: Edit) -> list[Change]:
    new = base()
    edit(new)
    return compare(base(), new)


@pytest.mark.parametrize(("edit", "lines"), [case[1:] for case in BREAKS], ids=[case[0] for case in BREAKS])
def test_what_breaks_callers_is_named_on_one_line(edit: Edit, lines: list[str]) -> None:
    found = differences(edit)
    assert [str(change) for change in found if change.breaking] == lines


@pytest.mark.parametrize(("edit", "lines"), [case[1:] for case in KEEPS], ids=[case[0] for case in KEEPS])
def test_what_keeps_callers_working_is_at_most_a_notice(edit: Edit, lines: list[str]) -> None:
    found = differences(edit)
    assert [str(change) for change in found] == lines
    assert not any(change.breaking for change in found)


def test_a_schema_used_by_many_operations_is_named_once() -> None:
    old, new = base(), base()
    for document in (old, new):
        document["paths"]["/other"] = copy.deepcopy(document["paths"]["/coupons"])
    answered(new)["properties"].pop("cents")
    assert [str(change) for change in compare(old, new)] == ["Coupon (answered).cents: field removed"]


def test_merged_schemas_are_compared_as_one() -> None:
    old, new = base(), base()
    parts = [{"$ref": "#/components/schemas/Cut"}, {"type": "object", "properties": {"n": {"type": "integer"}}}]
    for document in (old, new):
        sent(document)["properties"]["both"] = {"allOf": copy.deepcopy(parts)}
    sent(new, "both")["allOf"][1]["properties"]["n"]["maximum"] = 3
    assert [str(change) for change in compare(old, new)] == ["Body (sent).both.n: maximum none → 3"]


@pytest.fixture(scope="module")
def served() -> dict[str, dict[str, Any]]:
    return openapi.documents()


@pytest.fixture
def folder(served: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents of the code as if committed; the code stays what it is."""
    monkeypatch.setattr(openapi, "documents", lambda: copy.deepcopy(served))
    for name, document in served.items():
        (tmp_path / f"{name}.json").write_text(written(document), "utf-8")
    return tmp_path


def recommit(folder: Path, edit: Edit) -> None:
    """Make the committed contract another one."""
    file = folder / "coupons.json"
    document = json.loads(file.read_text("utf-8"))
    edit(document)
    file.write_text(written(document), "utf-8")


def test_a_contract_that_is_kept_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_openapi(folder) == 0
    assert capsys.readouterr().err == ""


def test_a_removed_path_fails_the_check_and_is_not_written_unless_meant(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recommit(folder, lambda d: d["paths"].update({"/v1/gone": {"get": {"responses": {}}}}))
    before = (folder / "coupons.json").read_bytes()
    assert check_openapi(folder) == BREAKING
    assert "breaking: coupons: GET /v1/gone: path removed\n" in capsys.readouterr().err
    assert openapi.write_openapi(folder=folder) == BREAKING
    assert (folder / "coupons.json").read_bytes() == before
    assert openapi.write_openapi(allow_breaking=True, folder=folder) == 0
    assert check_openapi(folder) == 0


def test_an_addition_fails_differently_and_says_what_to_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recommit(folder, lambda d: d["paths"].pop("/v1/refunds"))
    assert check_openapi(folder) == STALE
    said = capsys.readouterr().err
    assert "run make openapi" in said
    assert "breaking" not in said
    assert openapi.write_openapi(folder=folder) == 0
    assert check_openapi(folder) == 0


def test_a_missing_document_is_stale(folder: Path) -> None:
    (folder / "scoring.json").unlink()
    assert check_openapi(folder) == STALE


def test_the_code_keeps_the_committed_contract(served: dict[str, dict[str, Any]]) -> None:
    """That the files are up to date is for ``make check``; that nothing breaks holds at every moment."""
    assert check_openapi(made=served) != BREAKING


def test_describing_the_apps_touches_no_ledger_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAIRDEAL_STORES__LEDGER_URL", f"sqlite:///{tmp_path / 'precious.db'}")
    openapi.documents()
    assert list(tmp_path.iterdir()) == []


def test_the_documents_are_the_same_bytes_every_time(served: dict[str, dict[str, Any]]) -> None:
    again = openapi.documents()
    assert {name: written(document) for name, document in again.items()} == {
        name: written(document) for name, document in served.items()
    }
