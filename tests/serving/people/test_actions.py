"""Actions on accounts: honoured at once, logged with who and why, and undone without a trace in the wallet."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.cases import decided, open_cases
from fakes.shop import cart

from serving.store.verify import verify_ledger


async def act(shop: Any, user_id: str, action: str, **values: Any) -> dict[str, Any]:
    body = {"action": action, "reason": "ring_of_newcomers", **values}
    answer = await shop.post("reviewer", f"/v1/users/{user_id}/actions", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def undo(shop: Any, action_id: str) -> Any:
    return await shop.post("reviewer", f"/v1/actions/{action_id}/undo", {"reason": "appeal_accepted"})


async def hold(shop: Any, user_id: str, coupon_id: str, order_id: str = "o1", **values: Any) -> Any:
    body = {"user_id": user_id, "coupon_ids": [coupon_id], "order_id": order_id, "cart": cart(5000), **values}
    return await shop.post("checkout", "/v1/holds", body)


async def states(shop: Any, user_id: str) -> list[str]:
    wallet = (await shop.get("issuance", f"/v1/users/{user_id}/wallet")).json()
    return [coupon["state"] for coupon in wallet["data"]]


def code(answer: Any) -> str:
    return "won" if answer.status_code == 201 else str(answer.json()["code"])


@pytest.mark.requirement("F187")
@pytest.mark.parametrize(("action", "told"), [("freeze", "account_frozen"), ("block", "account_blocked")])
async def test_a_frozen_or_blocked_account_can_neither_claim_nor_use_until_it_is_undone(
    shop: Any, action: str, told: str
) -> None:
    await shop.template()
    coupon = await shop.coupon("u1")
    taken = await act(shop, "u1", action)
    assert code(await shop.claim("u1")) == told
    assert code(await hold(shop, "u1", coupon)) == told
    assert (await undo(shop, taken["action_id"])).status_code == 200
    assert code(await shop.claim("u1")) == "won"
    assert code(await hold(shop, "u1", coupon)) == "won"
    assert (await undo(shop, taken["action_id"])).json()["code"] == "action_undone"
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.requirement("F187")
async def test_coupons_are_recovered_and_given_back(shop: Any) -> None:
    await shop.template()
    coupons = [await shop.coupon("u1") for _ in range(3)]
    assert code(await hold(shop, "u1", coupons[0])) == "won"
    taken = await act(shop, "u1", "revoke")
    assert sorted(taken["coupon_ids"]) == sorted(coupons[1:])
    assert code(await hold(shop, "u1", coupons[1], "o2")) == "coupon_revoked"
    money = (await shop.get("operator", "/v1/campaigns/spring")).json()
    assert money["live_cents"] == 800
    await undo(shop, taken["action_id"])
    assert (await shop.get("operator", "/v1/campaigns/spring")).json()["live_cents"] == 2400
    assert code(await hold(shop, "u1", coupons[1], "o2")) == "won"
    assert verify_ledger(shop.settings.ledger_url).exact


@pytest.mark.requirement("F187")
async def test_an_unpaid_order_is_cancelled_and_can_be_held_again(shop: Any) -> None:
    await shop.template()
    coupon = await shop.coupon("u1")
    held = (await hold(shop, "u1", coupon)).json()
    taken = await act(shop, "u1", "cancel_order", hold_id=held["hold_id"])
    paid = await shop.post("checkout", "/v1/redemptions", {"user_id": "u1", "hold_id": held["hold_id"]})
    assert code(paid) == "hold_released"
    assert (await undo(shop, taken["action_id"])).status_code == 200
    paid = await shop.post("checkout", "/v1/redemptions", {"user_id": "u1", "hold_id": held["hold_id"]})
    assert code(paid) == "won"
    assert paid.json()["payable_cents"] == 4200
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_every_action_is_logged_with_who_why_and_its_undoing(small_shop: Any) -> None:
    first = await act(small_shop, "u1", "freeze", note="三个账号同一设备")
    await undo(small_shop, first["action_id"])
    await act(small_shop, "u1", "withhold")
    log = (await small_shop.get("reviewer", "/v1/users/u1/actions")).json()["data"]
    assert [(entry["action"], entry["actor"], entry["undone_by"]) for entry in log] == [
        ("withhold", "reviewer", None),
        ("freeze", "reviewer", "reviewer"),
    ]
    assert log[1]["note"] == "三个账号同一设备"


async def test_cap_lets_one_coupon_a_day_through(small_shop: Any) -> None:
    await small_shop.template()
    await act(small_shop, "u1", "cap")
    assert code(await small_shop.claim("u1")) == "won"
    refused = await small_shop.claim("u1")
    assert code(refused) == "capped"
    assert refused.json()["distance"] == {"amount": 86400, "unit": "seconds"}
    small_shop.clock.forward(days=1, seconds=1)
    assert code(await small_shop.claim("u1")) == "won"


async def test_step_up_passes_with_a_fresh_proof(small_shop: Any) -> None:
    await small_shop.template()
    await act(small_shop, "u1", "step_up")
    assert code(await small_shop.claim("u1")) == "step_up_required"
    made = await small_shop.claim("u1", stepped_up=True)
    assert code(made) == "won"
    assert code(await hold(small_shop, "u1", made.json()["coupon_id"])) == "step_up_required"
    assert code(await hold(small_shop, "u1", made.json()["coupon_id"], stepped_up=True)) == "won"


@pytest.mark.parametrize("action", ["hold", "withhold"])
async def test_hold_and_withhold_wait_for_a_person(small_shop: Any, action: str) -> None:
    await small_shop.template()
    coupon = await small_shop.coupon("u1")
    await act(small_shop, "u1", action)
    assert code(await small_shop.claim("u1")) == "under_review"
    assert code(await hold(small_shop, "u1", coupon)) == "order_under_review"


@pytest.mark.requirement("F188")
async def test_scoring_is_asked_before_a_claim_and_before_an_order(small_shop: Any) -> None:
    await small_shop.template()
    coupon = await small_shop.coupon("u1")
    await hold(small_shop, "u1", coupon, device_id="d1")
    assert [(ask["occasion"], ask["user_id"]) for ask in small_shop.scoring.asked] == [
        ("claim", "u1"),
        ("redemption", "u1"),
    ]
    small_shop.scoring.action = "hold"
    assert code(await hold(small_shop, "u1", coupon, "o2")) == "order_under_review"
    small_shop.scoring.action = "allow"
    assert await states(small_shop, "u1") == ["unused"]


async def test_a_paid_order_is_not_stopped_by_a_machine_but_by_a_person(small_shop: Any) -> None:
    await small_shop.template()
    held = (await hold(small_shop, "u1", await small_shop.coupon("u1"))).json()
    other = (await hold(small_shop, "u2", await small_shop.coupon("u2"), "o2")).json()
    small_shop.scoring.action = "withhold"
    pay = {"user_id": "u1", "hold_id": held["hold_id"]}
    assert code(await small_shop.post("checkout", "/v1/redemptions", pay)) == "won"
    small_shop.scoring.action = "allow"
    await act(small_shop, "u2", "freeze")
    pay = {"user_id": "u2", "hold_id": other["hold_id"]}
    assert code(await small_shop.post("checkout", "/v1/redemptions", pay)) == "account_frozen"


async def test_a_verdict_to_revoke_takes_the_unused_coupons_of_every_user_of_the_case(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    for user in ("u1", "u2", "u3"):
        await shop.coupon(user)
    flags = [{"user_id": user, "score": 0.9, "action": "withhold", "ring_id": "r1"} for user in ("u1", "u2")]
    assert (await shop.post("reviewer", "/v1/flags", {"flags": flags})).status_code == 200
    (listed,) = await shop.store.fetch(open_cases)
    decided(shop.store, listed.case_id, "abusive", "revoke")
    assert [await states(shop, user) for user in ("u1", "u2", "u3")] == [["expired"], ["expired"], ["unused"]]
    (logged,) = (await shop.get("reviewer", "/v1/users/u1/actions")).json()["data"]
    assert logged["reason"] == f"case:{listed.case_id}"
    await undo(shop, logged["action_id"])
    assert await states(shop, "u1") == ["unused"]
    assert verify_ledger(shop.settings.ledger_url).exact
