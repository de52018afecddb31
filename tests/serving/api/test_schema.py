"""Schemathesis over both OpenAPI documents: whatever is sent, no server error; every answer is one that is declared."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fakes.scoring import Features, Models, abuse, policy, uplift
from fakes.shop import Clock, Scoring, seeded_ids, shop_settings
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from serving.api.problems import PROBLEMS
from serving.app import Parts, coupons_app, open_store
from serving.keys import SCOPES, KeyRing, Principal, hash_key
from serving.openapi.describe import texts
from serving.scoring.app import build
from serving.scoring.champions import Holder

KEY = "fd_everything"
RING = KeyRing([(hash_key(KEY), Principal("tester", frozenset(SCOPES)))])
QUICK = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
_numbers = itertools.count()


@pytest.fixture(scope="module")
def coupons_schema() -> Any:
    """The coupons app on an embedded ledger with something on its shelf."""
    with tempfile.TemporaryDirectory() as home:
        made = shop_settings(Path(home), f"sqlite:///{home}/ledger.db")
        clock = Clock()
        transport = httpx.MockTransport(Scoring().answer)
        parts = Parts(clock=clock, ids=seeded_ids(clock), transport=transport)
        store = open_store(made, parts)
        app = coupons_app(made, store, parts)
        app.state.keys = RING
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
        store.close()


@pytest.fixture(scope="module")
def scoring_schema() -> Any:
    models = Models()
    for name, artefact in (("uplift", uplift()), ("policy", policy()), ("abuse", abuse())):
        models.put(name, artefact)
    features = Features({})
    holder = Holder(models, features)
    holder.refresh()
    return schemathesis.openapi.from_asgi("/openapi.json", build(holder, features, lambda users: {}, RING))


# What is answered must be in the document: its status, its media type and its shape.
DECLARED = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def try_all(schema: Any) -> set[str]:
    """Send generated requests to every operation; which operations there were."""
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        QUICK(given(operation.as_strategy())(send))()
    return {operation.label for operation in operations}


def send(case: Any) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": f"k{next(_numbers)}"}
    answer = case.call(headers=headers)
    assert answer.status_code < 500, (case.method, case.path, answer.text)
    case.validate_response(answer, checks=DECLARED)
    assert answer.headers["x-request-id"][0].startswith("req_")
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == ["application/problem+json"], answer.headers
        body = answer.json()
        assert {"type", "title", "status", "code", "detail", "detail_zh"} <= set(body)
        assert body["type"] == f"/problems/{body['code']}"
        texts(body["code"])
        if body["code"] in PROBLEMS:
            assert [body["request_id"]] == answer.headers["x-request-id"]


def test_the_coupons_app_never_breaks(coupons_schema: Any) -> None:
    assert try_all(coupons_schema) >= {"POST /v1/claims", "POST /v1/quotes", "POST /v1/refunds", "GET /v1/templates"}


def test_the_scoring_app_never_breaks(scoring_schema: Any) -> None:
    assert try_all(scoring_schema) >= {"POST /v1/decisions", "POST /v1/decisions:batch", "POST /v1/risk"}
