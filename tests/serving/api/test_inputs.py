"""Bad input is refused with the field and what was expected, never with what was sent, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.shop import cart
from sqlalchemy import func, select

from serving.store.schema import requests

MARK = "SECRET-13800138000"


async def raw(shop: Any, path: str, content: bytes, role: str = "checkout", **headers: str) -> Any:
    sent = {
        "Authorization": f"Bearer {shop.keys[role]}",
        "Idempotency-Key": "k",
        "Content-Type": "application/json",
        **headers,
    }
    return await shop.http.post(path, content=content, headers=sent)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b'{"a":}', b"[" * 100_000, b"1" * 5000])
async def test_malformed_json_is_a_problem_document(small_shop: Any, content: bytes) -> None:
    answer = await raw(small_shop, "/v1/quotes", content)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("malformed_json", "invalid_request")


@pytest.mark.parametrize("value", ["-1", "0.5", "1e3", "NaN", "Infinity", "true", '"5"', "null", "1" + "0" * 30])
@pytest.mark.parametrize("field", ["unit_price_cents", "quantity", "line_no", "unit_floor_cents"])
async def test_money_and_counts_are_whole_numbers_in_range(small_shop: Any, field: str, value: str) -> None:
    body = {"user_id": "u1", "cart": cart(5000)}
    body["cart"]["lines"][0][field] = "@"
    answer = await raw(small_shop, "/v1/quotes", json.dumps(body).replace('"@"', value).encode())
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == f"cart.lines.0.{field}"


@pytest.mark.parametrize(
    ("path", "role", "body"),
    [
        ("/v1/quotes", "checkout", {"user_id": "u1", "cart": cart(1)}),
        ("/v1/claims", "issuance", {"user_id": "u1", "template_id": "flat_8"}),
        ("/v1/triggers", "issuance", {"user_id": "u1"}),
        ("/v1/campaigns", "operator", {"campaign_id": "c", "name": "c", "budget_cents": 1}),
    ],
)
@pytest.mark.parametrize("extra", ["state", "discount_cents", "propensity", "holdout", MARK])
async def test_extra_fields_are_refused(
    small_shop: Any, path: str, role: str, body: dict[str, Any], extra: str
) -> None:
    answer = await small_shop.post(role, path, {**body, extra: MARK})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "(extra field)"
    assert MARK not in answer.text


async def test_a_rule_about_several_fields_is_said_of_the_body(small_shop: Any) -> None:
    answer = await small_shop.post("checkout", "/v1/refunds", {"user_id": "u1", "redemption_id": "red_1"})
    assert answer.json()["errors"] == [{"field": "(body)", "expected": "lines, or freight, or both"}]


async def test_what_was_sent_is_not_echoed(small_shop: Any) -> None:
    bodies: list[tuple[str, str, Any]] = [
        ("issuance", "/v1/claims", {"user_id": [MARK], "template_id": MARK, "device_id": {"a": MARK}, "ip": 5}),
        ("issuance", "/v1/claims", {"user_id": "u", "template_id": f"../{MARK}"}),
        ("issuance", "/v1/triggers", {"user_id": f"{MARK} {MARK}", "trigger": MARK}),
        ("operator", "/v1/templates", {"template_id": "t", "name": MARK * 9, "deduction": {"kind": MARK}}),
        ("checkout", "/v1/rollbacks", {"user_id": "u", "scene": MARK, "hold_id": "h"}),
    ]
    for role, path, body in bodies:
        answer = await small_shop.post(role, path, body)
        assert answer.status_code == 422, answer.text
        assert MARK not in answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"deduction": {"kind": "threshold_cut", "minimum_cents": 2000, "face_cents": 2000}}, "minimum_cents"),
        ({"deduction": {"kind": "percent", "percent_off": 100, "cap_cents": 1}}, "deduction.percent.percent_off"),
        ({"deduction": {"kind": "tiered"}}, "deduction"),
        ({"validity": {"kind": "days", "days": 0}}, "validity.days.days"),
        ({"validity": {"kind": "fixed", "first": "2026-05-02", "last": "2026-05-01"}}, "first"),
        ({"validity": {"kind": "fixed", "first": "yesterday", "last": "2026-05-01"}}, "validity.fixed.first"),
        ({"scope": "colour:x"}, "scope"),
        ({"quantity": 0}, "quantity"),
        ({"per_user": 0}, "per_user"),
        ({"per_user": None}, "per_user"),
        ({"per_user_day": 1}, "per_user_day"),
        ({"quantity": None}, "quantity"),
        ({"name": ""}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"template_id": "none"}, "template_id"),
        ({"access": "ajar"}, "access"),
    ],
)
async def test_a_template_that_cannot_be_names_its_field(small_shop: Any, change: dict[str, Any], field: str) -> None:
    body = {
        "template_id": "t",
        "name": "t",
        "deduction": {"kind": "no_threshold", "face_cents": 100},
        "validity": {"kind": "days", "days": 7},
        "quantity": 10,
        "per_user": 1,
        **change,
    }
    answer = await small_shop.post("operator", "/v1/templates", body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_request_that_is_not_valid_keeps_no_key(small_shop: Any) -> None:
    assert (await small_shop.post("issuance", "/v1/claims", {"user_id": 1}, "k1")).status_code == 422
    kept = small_shop.store.read(
        lambda c: c.execute(select(func.count()).select_from(requests).where(requests.c.key == "k1")).scalar_one()
    )
    assert kept == 0


async def test_every_write_needs_a_key_of_visible_characters(small_shop: Any) -> None:
    bearer = {"Authorization": f"Bearer {small_shop.keys['issuance']}"}
    body = {"user_id": "u1", "template_id": "flat_8"}
    answer = await small_shop.http.post("/v1/claims", json=body, headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    for key in ("x" * 256, "a b"):
        answer = await small_shop.http.post("/v1/claims", json=body, headers={**bearer, "Idempotency-Key": key})
        assert answer.status_code == 422


async def test_the_same_key_with_another_body_is_an_error_on_every_route(small_shop: Any) -> None:
    await small_shop.template()
    body = {"user_id": "u1", "template_id": "flat_8"}
    first = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert first.status_code == 201
    other = await small_shop.post("issuance", "/v1/claims", {**body, "user_id": "u2"}, "k1")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    elsewhere = await small_shop.post("issuance", "/v1/triggers", {"user_id": "u1"}, "k1")
    assert elsewhere.json()["code"] == "key_reused"
    again = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_replay_does_not_ask_scoring_again_and_remembers_refusals(small_shop: Any) -> None:
    await small_shop.template(quantity=1)
    await small_shop.coupon("u0")
    body = {"user_id": "u1", "template_id": "flat_8"}
    first = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert first.json()["code"] == "quantity_exhausted"
    asked = len(small_shop.scoring.asked)
    again = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert again.content == first.content
    assert len(small_shop.scoring.asked) == asked


async def test_a_large_body_is_refused_before_it_is_read(small_shop: Any) -> None:
    answer = await raw(small_shop, "/v1/quotes", b" " * 2_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def chunks() -> Any:
        for _ in range(30):
            yield b" " * 100_000

    headers = {"Authorization": f"Bearer {small_shop.keys['checkout']}", "Content-Type": "application/json"}
    answer = await small_shop.http.post("/v1/quotes", content=chunks(), headers=headers)
    assert answer.status_code == 413


async def test_unknown_paths_and_methods_are_problems_too(small_shop: Any) -> None:
    assert (await small_shop.get("operator", "/v1/nothing")).json()["code"] == "not_found"
    assert (await small_shop.http.delete("/v1/claims")).json()["code"] == "method_not_allowed"
    assert (await small_shop.get("operator", "/v1/templates/nothing")).json()["code"] == "template_unknown"
    assert (await small_shop.get("operator", "/v1/campaigns/nothing")).json()["code"] == "campaign_unknown"
    assert (await small_shop.get("operator", "/v1/templates?limit=0")).status_code == 422


async def test_lists_are_paged_by_id(small_shop: Any) -> None:
    for name in "abcde":
        await small_shop.template(name)
    first = (await small_shop.get("operator", "/v1/templates?limit=3")).json()
    assert ([row["template_id"] for row in first["data"]], first["has_more"]) == (["a", "b", "c"], True)
    rest = (await small_shop.get("operator", "/v1/templates?limit=3&starting_after=c")).json()
    assert ([row["template_id"] for row in rest["data"]], rest["has_more"]) == (["d", "e"], False)


async def test_health_and_metrics_need_no_key_and_name_no_user(small_shop: Any) -> None:
    await small_shop.template()
    await small_shop.coupon("user-in-metrics")
    await small_shop.get("issuance", "/v1/users/user-in-metrics/wallet")
    assert (await small_shop.http.get("/healthz")).text == "ok"
    assert (await small_shop.http.get("/readyz")).text == "ready"
    metrics = (await small_shop.http.get("/metrics")).text
    assert 'http_seconds_count{method="POST",route="/v1/claims",status="201"} 1.0' in metrics
    assert "scoring_breaker_closed 1.0" in metrics
    assert "user-in-metrics" not in metrics


async def test_a_ledger_that_does_not_answer_is_not_ready(small_shop: Any) -> None:
    with small_shop.store._writer.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE campaigns RENAME TO elsewhere")
    answer = await small_shop.http.get("/readyz")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (503, "ledger")
    assert (await small_shop.http.get("/healthz")).status_code == 200


async def test_a_store_that_fails_is_a_503_and_the_request_may_be_sent_again(small_shop: Any) -> None:
    from sqlalchemy.exc import OperationalError

    from serving.store.faults import armed

    await small_shop.template()

    def full() -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    body = {"user_id": "u1", "template_id": "flat_8"}
    with armed("after_event", full):
        answer = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "disk" not in answer.text
    again = await small_shop.post("issuance", "/v1/claims", body, "k1")
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers
