"""Why this coupon and why not: what was stored is told as it was, what is asked is rehearsed, nothing is written."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fakes.shop import Shop
from fakes.tools import EXPLANATION, decided, rows_of, shelf
from sqlalchemy import update
from typer.testing import CliRunner

from pipelines.cli.app import app
from serving.explain import explain
from serving.store.schema import decisions
from serving.store.unit import Answer, Request, Transaction


async def told(shop: Shop, decision_id: str) -> dict[str, Any]:
    answer = await shop.get("operator", f"/v1/decisions/{decision_id}/explain")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def why_not(shop: Shop, template_id: str, user_id: str = "u_1") -> dict[str, Any]:
    answer = await shop.get("issuance", f"/v1/users/{user_id}/why-not?template_id={template_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def overwrite(shop: Shop, decision_id: str, **values: Any) -> None:
    """Make a stored decision one of an older time."""

    def command(tx: Transaction) -> Answer:
        tx.connection.execute(update(decisions).where(decisions.c.decision_id == decision_id).values(**values))
        return Answer(200, {})

    shop.store.write(Request("test", f"old-{decision_id}", "old", "old"), command)


async def test_a_decision_is_told_with_prices_runner_up_and_what_would_turn_it(shop: Shop) -> None:
    await shelf(shop)
    found = await told(shop, await decided(shop))
    assert [offer["offer"] for offer in found["offers"]] == ["cut_99_20", "none", "flat_8"]
    chosen, none, second = found["offers"]
    assert chosen["chosen"] and chosen["name"] == "Spend 99 save 20" and second["name"] == "八元无门槛"
    for offer in found["offers"]:
        prices = offer["for_budget_cents"] + offer["for_offer_cents"]
        assert offer["score"] == pytest.approx(offer["profit_cents"] - prices)
    assert (chosen["for_budget_cents"], chosen["for_offer_cents"]) == (201.0, 35.5)
    assert (none["for_offer_cents"], second["for_offer_cents"]) == (0.0, 0.0)
    assert (found["runner_up"], found["lead_cents"], found["budget_price"]) == ("flat_8", 208.0, 0.5)
    assert [(flip["code"], flip["offer"], flip["limit_cents"], flip["limit_price"]) for flip in found["flips"]] == [
        ("cost_below", "flat_8", 161.3, None),
        ("price_above", "none", None, 1.02),
    ]
    assert found["flips"][0]["en"] == "flat_8, if it were expected to cost less than 1.61"
    assert found["flips"][1]["zh"] == "若每 1 元预算要求回报高于 1.02，则为不发券"
    assert (found["en"], found["zh"]) == (EXPLANATION["en"], EXPLANATION["zh"])
    assert found["stored"]["code"] == "full" and found["reason"]["code"] == "best"
    assert (found["propensity"], found["holdout"], found["explored"]) == (0.91, False, False)
    assert found["risk"]["score"] == 0.07 and found["risk"]["reasons"][0]["zh"] == "该设备上有 2 个账号"
    assert found["versions"] == {"uplift": "7", "policy": "12"} and found["risk"]["versions"] == {"abuse": "4"}


async def test_what_happened_after_follows_the_coupon_to_its_refund(shop: Shop) -> None:
    await shelf(shop)
    decision_id = await decided(shop)
    before = (await told(shop, decision_id))["after"]
    assert before["claimable"] and not before["claimed"] and before["coupons"] == []
    answer = await shop.post("issuance", "/v1/claims", {"user_id": "u_1", "decision_id": decision_id})
    coupon_id = answer.json()["coupon_id"]
    lines = [{"line_no": 1, "sku": "s", "category": "shoes", "quantity": 3, "unit_price_cents": 5000}]
    paid = {"user_id": "u_1", "coupon_ids": [coupon_id], "order_id": "o_9", "cart": {"lines": lines}}
    redeemed = (await shop.post("checkout", "/v1/redemptions", paid)).json()
    back = {"user_id": "u_1", "redemption_id": redeemed["redemption_id"], "lines": [{"line_no": 1, "units": [2]}]}
    assert (await shop.post("checkout", "/v1/refunds", back)).status_code == 201
    after = (await told(shop, decision_id))["after"]
    assert after["claimed"] and not after["claimable"]
    (coupon,) = after["coupons"]
    assert coupon["coupon_id"] == coupon_id and coupon["state"] == "used"
    assert [(step["code"], step["order_id"], step["cents"]) for step in coupon["steps"]] == [
        ("coupon.claimed", None, None),
        ("coupon.held", "o_9", 2000),
        ("coupon.redeemed", "o_9", 2000),
        ("coupon.refunded", None, 667),
    ]
    shop.clock.forward(days=3)
    late = (await told(shop, await decided(shop, "u_2")))["after"]
    assert late["claimable"]
    shop.clock.forward(days=3)
    assert not (await told(shop, decision_id))["after"]["claimable"]


async def test_the_command_line_says_the_same_as_the_api(small_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf(small_shop)
    decision_id = await decided(small_shop)
    found = await told(small_shop, decision_id)
    assert found == small_shop.store.read(lambda c: explain(c, decision_id, small_shop.clock()))
    monkeypatch.setenv("FAIRDEAL_STORES__LEDGER_URL", small_shop.store.url)
    monkeypatch.setattr("pipelines.cli.explain.utc_now", small_shop.clock)
    as_json = CliRunner().invoke(app, ["explain", decision_id, "--json"])
    assert json.loads(as_json.stdout) == found
    zh = CliRunner().invoke(app, ["explain", decision_id, "--language", "zh"]).stdout
    for words in (
        decision_id,
        "保存的句子。",
        "若每 1 元预算要求回报高于 1.02，则为不发券",
        "未领取",
        "91.0%",
        "该设备上有 2 个账号",
    ):
        assert words in zh
    wrong = CliRunner().invoke(app, ["explain", "dec_nothing"])
    assert wrong.exit_code != 0 and "dec_nothing" in str(wrong.exception)


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ("{}", "nothing"),
        ("", "nothing"),
        ("[1, 2]", "nothing"),
        ('{"offers": "lost", "reason": 7}', "nothing"),
        ('{"offers": [{"offer": "flat_8", "score": 3.0}, {"offer": "none", "score": 0.0}, 5]}', "scores"),
    ],
)
async def test_old_decisions_say_what_is_not_known(small_shop: Shop, detail: str, kept: str) -> None:
    await shelf(small_shop)
    decision_id = await decided(small_shop)
    overwrite(small_shop, decision_id, detail=detail)
    found = await told(small_shop, decision_id)
    assert found["stored"]["code"] == kept and found["stored"]["en"] and found["stored"]["zh"]
    assert found["flips"] == [] and found["offer"] == "cut_99_20" and found["propensity"] == 0.91
    assert found["offers"][0]["offer"] == "cut_99_20"
    if kept == "scores":
        assert found["runner_up"] == "flat_8"


async def test_decisions_of_rules_in_place_of_models_say_so(small_shop: Shop) -> None:
    await shelf(small_shop)
    small_shop.scoring.failing = lambda _: httpx.Response(503)
    answer = await small_shop.post("issuance", "/v1/triggers", {"user_id": "u_1", "trigger": "session"})
    found = await told(small_shop, answer.json()["decision_id"])
    assert found["fallback"] and found["stored"]["code"] == "rules" and found["reason"]["code"] == "fallback"
    assert found["offer"] == "flat_8" and found["lead_cents"] is None


async def test_unknown_decisions_and_other_keys_are_refused(small_shop: Shop) -> None:
    missing = await small_shop.get("operator", "/v1/decisions/dec_nothing/explain")
    assert (missing.status_code, missing.json()["code"]) == (404, "decision_unknown")
    for role in ("checkout", "reviewer", "scientist"):
        assert (await small_shop.get(role, "/v1/decisions/dec_nothing/explain")).status_code == 403
        assert (await small_shop.get(role, "/v1/users/u_1/why-not?template_id=flat_8")).status_code == 403
    assert (await small_shop.http.get("/v1/decisions/dec_nothing/explain")).status_code == 401
    for asked in ("", "template_id=", "template_id=a%20b", f"template_id={'x' * 81}"):
        assert (await small_shop.get("issuance", f"/v1/users/u_1/why-not?{asked}")).status_code == 422


@pytest.mark.parametrize(
    ("values", "code", "counter"),
    [
        ({"per_user": 1}, "user_limit_total", (1, 1, "coupons")),
        ({"per_user_day": 1}, "user_limit_day", (1, 1, "coupons")),
        ({"quantity": 1}, "quantity_exhausted", (1, 1, "coupons")),
        ({"day_quota": 1}, "day_quota_exhausted", (1, 1, "coupons")),
    ],
)
async def test_why_not_names_the_first_limit_with_its_counter(
    shop: Shop, values: dict[str, Any], code: str, counter: tuple[int, int, str]
) -> None:
    await shop.template("one", **values)
    assert (await why_not(shop, "one"))["claimable"]
    await shop.coupon("u_1", "one")
    before = rows_of(shop)
    found = await why_not(shop, "one")
    assert (found["claimable"], found["code"]) == (False, code)
    assert tuple(found["counter"].values()) == counter
    refused = (await shop.claim("u_1", "one")).json()
    assert (found["detail"], found["detail_zh"]) == (refused["detail"], refused["detail_zh"])
    assert found["distance"] == refused.get("distance")
    if code.endswith("_day") or code.startswith("day_"):
        assert found["distance"] == {"amount": 12 * 3600, "unit": "seconds"}
    after = rows_of(shop)
    del before["requests"], after["requests"]  # the refused claim keeps its key
    assert before == after


async def test_why_not_counts_money_in_cents(shop: Shop) -> None:
    await shop.campaign(campaign_id="small", liability_cents=1000)
    await shop.template("dear", campaign_id="small")
    await shop.coupon("u_1", "dear")
    found = await why_not(shop, "dear", "u_2")
    assert found["code"] == "liability_exhausted"
    assert found["counter"] == {"used": 800, "most": 1000, "unit": "cents"}


async def test_why_not_rests_on_the_open_decision_and_sees_what_a_person_decided(shop: Shop) -> None:
    await shelf(shop)
    await shop.template("aimed", access="decision")
    assert (await why_not(shop, "aimed"))["code"] == "decision_required"
    shop.scoring.offer = "aimed"
    answer = await shop.post("issuance", "/v1/triggers", {"user_id": "u_1", "trigger": "session"})
    found = await why_not(shop, "aimed")
    assert found["claimable"] and found["decision_id"] == answer.json()["decision_id"]
    shop.scoring.action = "withhold"
    before = rows_of(shop)
    assert (await why_not(shop, "flat_8"))["code"] == "under_review"
    assert rows_of(shop) == before  # the case that a claim would open is not opened
    assert (await why_not(shop, "nothing"))["code"] == "template_unknown"


async def test_a_limit_on_a_thing_is_left_out_and_said_to_be(shop: Shop) -> None:
    await shop.template("boxed", per_device=1, per_user=1)
    found = await why_not(shop, "boxed")
    assert found["claimable"] and found["left_out"] == "device"
    assert (await shop.claim("u_1", "boxed", device_id="d1")).status_code == 201
    assert (await why_not(shop, "boxed"))["code"] == "user_limit_total"
    other = await why_not(shop, "boxed", "u_2")
    assert other["claimable"] and other["left_out"] == "device"
