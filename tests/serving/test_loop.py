"""A coupon's life over HTTP, from the trigger to the last refund, on both databases."""

from __future__ import annotations

from typing import Any

from serving.store.verify import verify_ledger

CART = {
    "lines": [
        {"line_no": 1, "sku": "c", "category": "shoes", "quantity": 1, "unit_price_cents": 10000},
        {"line_no": 2, "sku": "d", "category": "shoes", "quantity": 2, "unit_price_cents": 5000},
    ]
}


async def test_a_trigger_becomes_a_decision_a_coupon_a_redemption_and_refunds(shop: Any) -> None:
    await shop.template(
        "cut", deduction={"kind": "threshold_cut", "minimum_cents": 10000, "face_cents": 3000}, access="decision"
    )
    shop.scoring.offer = "cut"
    decided = await shop.post("issuance", "/v1/triggers", {"user_id": "u1", "trigger": "session"})
    assert decided.status_code == 201, decided.text
    decision = decided.json()
    assert decision["offer"] == "cut"
    assert decision["eligible"] == ["none", "cut"]
    assert decision["propensity"] == 0.95
    claim = await shop.post("issuance", "/v1/claims", {"user_id": "u1", "decision_id": decision["decision_id"]})
    assert claim.status_code == 201, claim.text
    coupon = claim.json()
    assert coupon["valid_until"] == "2026-05-07T16:00:00Z"
    quote = (await shop.post("checkout", "/v1/quotes", {"user_id": "u1", "cart": CART})).json()
    assert quote["payable_cents"] == 17000
    assert [line["coupon_cents"] for line in quote["best"]["lines"]] == [1500, 1500]
    held = await shop.post(
        "checkout", "/v1/holds", {"user_id": "u1", "coupon_ids": [coupon["coupon_id"]], "order_id": "o1", "cart": CART}
    )
    assert held.status_code == 201, held.text
    assert held.json()["lines"] == quote["best"]["lines"]
    paid = await shop.post("checkout", "/v1/redemptions", {"user_id": "u1", "hold_id": held.json()["hold_id"]})
    assert paid.status_code == 201, paid.text
    assert paid.json()["discount_cents"] == 3000
    assert paid.json()["lines"] == quote["best"]["lines"]
    wallet = (await shop.get("issuance", "/v1/users/u1/wallet")).json()
    assert [owned["state"] for owned in wallet["data"]] == ["used"]
    refund = await shop.post(
        "checkout",
        "/v1/refunds",
        {
            "user_id": "u1",
            "redemption_id": paid.json()["redemption_id"],
            "lines": [{"line_no": 2, "units": [2]}, {"line_no": 1, "units": [1]}],
        },
    )
    assert refund.json()["refunded_cents"] == 4250 + 8500
    assert refund.json()["left_cents"] == 4250
    money = (await shop.get("operator", "/v1/campaigns/spring")).json()
    assert money["committed_cents"] == 750
    assert money["live_cents"] == 0
    report = verify_ledger(shop.settings.ledger_url)
    assert report.exact, report.differences
