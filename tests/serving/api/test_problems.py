"""Problem documents: every code has two texts and a page, every error names its request, none repeats what was sent."""

from __future__ import annotations

import base64
import hashlib
import re
import string
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from serving.api.paging import Id, found
from serving.api.plumbing import add_plumbing
from serving.api.problems import PROBLEMS, ProblemError, add_problem_handlers
from serving.coupons.refusals import CATALOGUE
from serving.openapi.describe import operations, problems_of, texts, with_problems

CODES = sorted({*PROBLEMS, *CATALOGUE})
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_said_in_english_and_in_chinese(code: str) -> None:
    status, en, zh = texts(code)
    assert 400 <= status <= 599
    assert en.strip() == en and en[0].isupper() and en.endswith(".")
    assert not _CHINESE.search(en)
    assert len(_CHINESE.findall(zh)) >= 3, "a Chinese sentence, not an English word"
    assert zh.endswith("。")
    assert not set(zh) & set(",;!?"), "full-width signs in Chinese"
    assert ("{amount}" in en) == ("{amount}" in zh)
    assert set(code) <= set(string.ascii_lowercase + string.digits + "_")


def test_a_code_is_a_problem_or_a_refusal_and_never_both() -> None:
    assert not PROBLEMS.keys() & CATALOGUE.keys()


@pytest.fixture
async def http() -> Any:
    app = FastAPI()
    add_problem_handlers(app)

    async def ready() -> dict[str, str]:
        return {"ledger": "a ledger that answers"}

    add_plumbing(app, ready, CollectorRegistry())

    @app.get("/things/{thing_id}")
    async def thing(thing_id: Id) -> Any:
        if thing_id == "crash":
            raise RuntimeError("secret")
        if thing_id == "forbidden":
            raise ProblemError("forbidden")
        return found(None, "template_unknown")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


@pytest.mark.parametrize("code", CODES)
async def test_the_type_of_every_problem_leads_to_its_page(http: Any, code: str) -> None:
    page = (await http.get(f"/problems/{code}")).json()
    status, en, zh = texts(code)
    assert (page["status"], page["detail"], page["detail_zh"]) == (status, en, zh)
    assert page["type"] == f"/problems/{code}"


async def test_all_problems_are_listed_and_readable_in_a_browser(http: Any) -> None:
    listed = (await http.get("/problems")).json()
    assert [page["code"] for page in listed["data"]] == CODES
    shown = await http.get("/problems", headers={"Accept": "text/html,application/xhtml+xml"})
    assert shown.headers["content-type"].startswith("text/html")
    policy = shown.headers["content-security-policy"]
    style = shown.text.partition("<style>")[2].partition("</style>")[0]
    known = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{known}'"
    assert all(f'id="{code}"' in shown.text for code in CODES)
    one = await http.get("/problems/coupon_used", headers={"Accept": "text/html"})
    assert "<h1>Coupon used</h1>" in one.text
    assert '<p lang="zh">该券已使用。</p>' in one.text


@pytest.mark.parametrize("code", ["nothing", "a" * 40])
async def test_an_unknown_code_is_not_found(http: Any, code: str) -> None:
    answer = await http.get(f"/problems/{code}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("code", ["<script>", "Secret", "1secret", "secret%0d%0a", "secret" * 9, "secret'"])
async def test_a_page_repeats_nothing_of_its_address(http: Any, code: str) -> None:
    answer = await http.get(f"/problems/{code}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "secret" not in answer.text.lower() and "script" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/things/crash", 500, "internal"),
        ("/things/forbidden", 403, "forbidden"),
        ("/things/x", 404, "template_unknown"),
        ("/things/" + "x" * 200, 422, "invalid_request"),
        ("/nothing", 404, "not_found"),
        ("/readyz", 503, "not_ready"),
    ],
)
async def test_an_error_names_its_request_in_body_and_header(http: Any, path: str, status: int, code: str) -> None:
    first, second = await http.get(path), await http.get(path)
    for answer in (first, second):
        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
        assert body["request_id"] == answer.headers["x-request-id"]
        assert body["request_id"].startswith("req_")
        assert body["instance"] == f"tag:fairdeal,2026:{body['request_id']}"
        assert body["type"] == f"/problems/{code}"
        assert "secret" not in answer.text and "xxx" not in answer.text
    assert first.json()["request_id"] != second.json()["request_id"]


def test_routers_declare_their_refusals_by_status() -> None:
    made = problems_of("coupon_used", "coupon_unknown", "coupon_held")
    assert {status: answer["description"] for status, answer in made.items()} == {
        404: "coupon_unknown",
        409: "coupon_held, coupon_used",
    }
    with pytest.raises(KeyError):
        problems_of("no_such_code")


async def test_what_a_router_declares_is_joined_with_what_every_write_may_answer(small_shop: Any) -> None:
    document = small_shop.app.openapi()
    for path, method, operation in operations(document):
        declared = {int(status) for status in operation["responses"]}
        if method != "get" and operation.get("security"):
            assert {401, 403, 413, 422, 503} <= declared, path
        for status, answer in operation["responses"].items():
            if status >= "4":
                assert list(answer["content"]) == ["application/problem+json"], (path, status)
                assert answer["content"]["application/problem+json"]["schema"] == {
                    "$ref": "#/components/schemas/Problem"
                }
                codes = answer["content"]["application/problem+json"]["examples"]
                assert all(str(texts(code)[0]) == status for code in codes)
                assert all(code in document["components"]["examples"] for code in codes)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    write = {
        "parameters": [{"name": "idempotency-key", "in": "header", "schema": {}}],
        "responses": {str(status): answer for status, answer in problems_of("coupon_used").items()},
    }
    joined = with_problems({"paths": {"/v1/x": {"post": write}}})["paths"]["/v1/x"]["post"]["responses"]
    assert joined["409"]["description"] == "coupon_used, request_in_flight"
