"""Many at once on one limit: exactly as many win as the limit allows, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from fakes.shop import cart

from serving.store.verify import verify_ledger


def codes(answers: list[Any]) -> Counter[str]:
    return Counter("won" if answer.status_code == 201 else answer.json()["code"] for answer in answers)


async def test_two_hundred_claims_on_twenty_coupons_give_twenty(shop: Any) -> None:
    await shop.template(quantity=20)
    answers = await asyncio.gather(*(shop.claim(f"u{n}") for n in range(200)))
    assert codes(answers) == {"won": 20, "quantity_exhausted": 180}
    assert len({answer.json()["coupon_id"] for answer in answers if answer.status_code == 201}) == 20
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_parallel_claims_of_one_user_stop_at_the_users_limit(shop: Any) -> None:
    await shop.template(per_user=2)
    answers = await asyncio.gather(*(shop.claim("u1") for _ in range(30)))
    assert codes(answers) == {"won": 2, "user_limit_total": 28}


async def test_the_last_of_the_liability_goes_to_one(shop: Any) -> None:
    await shop.campaign(campaign_id="tight", liability_cents=2 * 800 + 799)
    await shop.template(campaign_id="tight")
    answers = await asyncio.gather(*(shop.claim(f"u{n}") for n in range(20)))
    assert codes(answers) == {"won": 2, "liability_exhausted": 18}


async def test_the_last_cent_of_the_budget_goes_to_one(shop: Any) -> None:
    await shop.campaign(campaign_id="tight", budget_cents=3 * 800)
    await shop.template(campaign_id="tight")
    coupons = [await shop.coupon(f"u{n}") for n in range(12)]
    answers = await asyncio.gather(
        *(
            shop.post(
                "checkout",
                "/v1/holds",
                {"user_id": f"u{n}", "coupon_ids": [coupon], "order_id": f"o{n}", "cart": cart(5000)},
            )
            for n, coupon in enumerate(coupons)
        )
    )
    assert codes(answers) == {"won": 3, "budget_exhausted": 9}
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_one_coupon_is_redeemed_once_for_whichever_order(shop: Any) -> None:
    await shop.template()
    coupon = await shop.coupon("u1")
    answers = await asyncio.gather(
        *(
            shop.post(
                "checkout",
                "/v1/redemptions",
                {"user_id": "u1", "coupon_ids": [coupon], "order_id": f"o{n}", "cart": cart(5000)},
            )
            for n in range(32)
        )
    )
    assert codes(answers) == {"won": 1, "coupon_used": 31}


async def test_one_order_is_held_once_however_many_try_at_once(shop: Any) -> None:
    await shop.template()
    coupons = [await shop.coupon("u1") for _ in range(8)]
    answers = await asyncio.gather(
        *(
            shop.post(
                "checkout",
                "/v1/holds",
                {"user_id": "u1", "coupon_ids": [coupon], "order_id": "o1", "cart": cart(5000)},
            )
            for coupon in coupons
        )
    )
    assert codes(answers) == {"won": 1, "order_taken": 7}


async def test_a_unit_is_refunded_once_and_a_decision_gives_one_coupon(shop: Any) -> None:
    await shop.template(access="decision")
    shop.scoring.offer = "flat_8"
    decision = (await shop.post("issuance", "/v1/triggers", {"user_id": "u1"})).json()["decision_id"]
    claims = await asyncio.gather(
        *(shop.post("issuance", "/v1/claims", {"user_id": "u1", "decision_id": decision}) for _ in range(16))
    )
    assert codes(claims) == {"won": 1, "decision_taken": 15}
    coupon = next(answer.json()["coupon_id"] for answer in claims if answer.status_code == 201)
    paid = await shop.post(
        "checkout", "/v1/redemptions", {"user_id": "u1", "coupon_ids": [coupon], "order_id": "o", "cart": cart(5000)}
    )
    body = {
        "user_id": "u1",
        "redemption_id": paid.json()["redemption_id"],
        "lines": [{"line_no": 1, "units": [1]}],
    }
    refunds = await asyncio.gather(*(shop.post("checkout", "/v1/refunds", body) for _ in range(16)))
    assert codes(refunds) == {"won": 1, "unit_already_refunded": 15}
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_twins_of_one_key_get_one_answer_or_are_told_to_wait(shop: Any) -> None:
    await shop.template(quantity=1)
    body = {"user_id": "u1", "template_id": "flat_8"}
    answers = await asyncio.gather(*(shop.post("issuance", "/v1/claims", body, "same") for _ in range(20)))
    found = codes(answers)
    assert found["won"] >= 1
    assert set(found) <= {"won", "request_in_flight"}
    assert (await shop.post("issuance", "/v1/claims", body, "same")).headers["Idempotent-Replayed"] == "true"
    wallet = (await shop.get("issuance", "/v1/users/u1/wallet")).json()
    assert len(wallet["data"]) == 1
