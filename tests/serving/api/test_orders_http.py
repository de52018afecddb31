"""Orders that are late, undone or refunded, over HTTP; and what strangers are told."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.shop import cart

from serving.api.sweeper import sweep
from serving.store.verify import verify_ledger


async def hold(shop: Any, coupon: str, order: str = "o1", user: str = "u1", **bought: Any) -> Any:
    body = {"user_id": user, "coupon_ids": [coupon], "order_id": order, "cart": bought.get("cart", cart(5000))}
    return await shop.post("checkout", "/v1/holds", body)


async def redeem(shop: Any, hold_id: str, user: str = "u1") -> Any:
    return await shop.post("checkout", "/v1/redemptions", {"user_id": user, "hold_id": hold_id})


@pytest.mark.parametrize("swept", [False, True])
async def test_a_late_payment_is_honoured_while_the_coupon_is_free(shop: Any, swept: bool) -> None:
    await shop.template()
    held = (await hold(shop, await shop.coupon("u1"))).json()
    shop.clock.forward(minutes=31)
    if swept:
        assert await sweep(shop.store, shop.app.state.sides.live.redeemer) == 1
    paid = await redeem(shop, held["hold_id"])
    assert paid.status_code == 201
    assert paid.json()["late"] is True
    assert paid.json()["lines"] == held["lines"]
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_late_payment_loses_to_another_order_that_took_the_coupon(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u1")
    first = (await hold(shop, coupon, "o1")).json()
    assert (await hold(shop, coupon, "o2")).json()["code"] == "coupon_held"
    shop.clock.forward(minutes=30)
    second = await hold(shop, coupon, "o2")
    assert second.status_code == 201
    assert (await redeem(shop, first["hold_id"])).json()["code"] == "hold_lost"
    assert (await redeem(shop, second.json()["hold_id"])).status_code == 201


async def test_within_the_deadline_the_validity_at_the_hold_counts_and_after_it_not(small_shop: Any) -> None:
    shop = small_shop
    await shop.template(validity={"kind": "days", "days": 1})  # claimed at noon, valid until midnight
    in_time, too_late = await shop.coupon("u1"), await shop.coupon("u1")
    shop.clock.forward(hours=11, minutes=50)
    first, second = (await hold(shop, in_time, "o1")).json(), (await hold(shop, too_late, "o2")).json()
    shop.clock.forward(minutes=20)
    assert (await redeem(shop, first["hold_id"])).status_code == 201
    shop.clock.forward(minutes=20)
    assert (await redeem(shop, second["hold_id"])).json()["code"] == "hold_expired"


async def test_a_deadline_is_exact_to_the_microsecond(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u1")
    await hold(shop, coupon, "o1")
    shop.clock.forward(minutes=30, microseconds=-1)
    assert (await hold(shop, coupon, "o2")).json()["code"] == "coupon_held"
    shop.clock.forward(microseconds=1)
    assert (await hold(shop, coupon, "o2")).status_code == 201


@pytest.mark.requirement("F119")
@pytest.mark.parametrize("scene", ["order_unpaid", "order_cancelled"])
async def test_an_undone_order_gives_the_coupon_back_and_then_prices_the_same(small_shop: Any, scene: str) -> None:
    shop = small_shop
    await shop.template(deduction={"kind": "percent", "percent_off": 15, "cap_cents": 5000})
    coupon = await shop.coupon("u1")
    first = (await hold(shop, coupon)).json()
    undone = await shop.post(
        "checkout", "/v1/rollbacks", {"user_id": "u1", "hold_id": first["hold_id"], "scene": scene}
    )
    assert undone.json()["scene"] == scene
    assert undone.json()["coupons"] == [{"coupon_id": coupon, "state": "unused", "returned": True}]
    assert (await redeem(shop, first["hold_id"])).json()["code"] == "hold_released"
    again = (await hold(shop, coupon)).json()
    assert again["lines"] == first["lines"]
    paid = (await redeem(shop, again["hold_id"])).json()
    back = await shop.post(
        "checkout",
        "/v1/rollbacks",
        {"user_id": "u1", "redemption_id": paid["redemption_id"], "scene": "refund_before_shipping"},
    )
    assert back.json()["coupons"][0]["returned"] is True
    assert (await hold(shop, coupon)).json()["discount_cents"] == first["discount_cents"]


@pytest.mark.requirement("F122")
@pytest.mark.parametrize(("scope", "returned"), [("all", True), ("category:shoes", False)])
async def test_after_sale_returns_give_back_all_goods_coupons_only(small_shop: Any, scope: str, returned: bool) -> None:
    shop = small_shop
    await shop.template(scope=scope)
    coupon = await shop.coupon("u1")
    paid = (await redeem(shop, (await hold(shop, coupon, cart=cart(5000, quantity=2))).json()["hold_id"])).json()
    rollback = {"user_id": "u1", "redemption_id": paid["redemption_id"], "scene": "after_sale_return"}
    early = await shop.post("checkout", "/v1/rollbacks", rollback)
    assert early.json()["code"] == "not_fully_refunded"
    assert early.json()["distance"] == {"amount": 2, "unit": "units"}
    units = {"user_id": "u1", "redemption_id": paid["redemption_id"], "lines": [{"line_no": 1, "units": [1, 2]}]}
    assert (await shop.post("checkout", "/v1/refunds", units)).json()["left_cents"] == 0
    assert (await shop.post("checkout", "/v1/rollbacks", rollback)).json()["coupons"][0]["returned"] is returned
    assert (await shop.get("operator", "/v1/campaigns/spring")).json()["committed_cents"] == 0
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_coupon_that_comes_back_too_late_is_expired(small_shop: Any) -> None:
    shop = small_shop
    await shop.template(validity={"kind": "days", "days": 1})
    paid = (await redeem(shop, (await hold(shop, await shop.coupon("u1"))).json()["hold_id"])).json()
    shop.clock.forward(days=1)
    body = {"user_id": "u1", "redemption_id": paid["redemption_id"], "scene": "order_cancelled"}
    undone = await shop.post("checkout", "/v1/rollbacks", body)
    (coupon,) = undone.json()["coupons"]
    assert (coupon["state"], coupon["returned"]) == ("expired", False)


async def test_refunds_in_any_order_return_what_was_paid_and_no_more(small_shop: Any) -> None:
    shop = small_shop
    await shop.template(deduction={"kind": "no_threshold", "face_cents": 1001})
    bought = cart(333, 777, quantity=3)
    paid = (await redeem(shop, (await hold(shop, await shop.coupon("u1"), cart=bought)).json()["hold_id"])).json()
    total = 0
    for line_no, unit in ((2, 3), (1, 1), (2, 1), (1, 3), (1, 2), (2, 2)):
        body = {
            "user_id": "u1",
            "redemption_id": paid["redemption_id"],
            "lines": [{"line_no": line_no, "units": [unit]}],
        }
        answer = (await shop.post("checkout", "/v1/refunds", body)).json()
        total += answer["refunded_cents"]
        assert answer["refunded_total_cents"] == total
        assert (await shop.post("checkout", "/v1/refunds", body)).json()["code"] == "unit_already_refunded"
    assert total == paid["paid_cents"] == 3 * (333 + 777) - 1001


async def test_a_refund_names_what_is_wrong_and_changes_nothing(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u1")
    held = (await hold(shop, coupon)).json()
    paid = (await redeem(shop, held["hold_id"])).json()

    async def refund(user: str = "u1", redemption: str = "", **line: Any) -> Any:
        lines = [{"line_no": 1, "units": [1], **line}]
        body = {"user_id": user, "redemption_id": redemption or paid["redemption_id"], "lines": lines}
        return (await shop.post("checkout", "/v1/refunds", body)).json()

    assert (await refund(line_no=7))["code"] == "line_unknown"
    assert (await refund(units=[2]))["code"] == "unit_unknown"
    assert (await refund(units=[1, 1]))["code"] == "unit_already_refunded"
    assert (await refund(redemption="red_none"))["code"] == "redemption_unknown"
    assert (await refund(redemption=held["hold_id"]))["code"] == "redemption_unknown"
    assert (await refund())["left_cents"] == 0
    undo = {"user_id": "u1", "redemption_id": paid["redemption_id"], "scene": "order_cancelled"}
    assert (await shop.post("checkout", "/v1/rollbacks", undo)).json()["code"] == "refunds_started"


async def test_a_foreign_thing_is_answered_like_one_that_does_not_exist(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u1")
    held = (await hold(shop, coupon)).json()
    paid = (await redeem(shop, held["hold_id"])).json()
    redemption = paid["redemption_id"]
    unit = [{"line_no": 1, "units": [1]}]

    async def same(path: str, foreign: dict[str, Any], absent: dict[str, Any]) -> None:
        answers = [await shop.post("checkout", path, {"user_id": "thief", **body}) for body in (foreign, absent)]
        assert answers[0].status_code == 404
        own = ("request_id", "instance")  # what names the request and nothing else
        said = [{name: value for name, value in answer.json().items() if name not in own} for answer in answers]
        assert said[0] == said[1]

    bought = {"order_id": "o9", "cart": cart(5000)}
    await same("/v1/holds", {"coupon_ids": [coupon], **bought}, {"coupon_ids": ["cpn_none"], **bought})
    await same("/v1/redemptions", {"coupon_ids": [coupon], **bought}, {"coupon_ids": ["cpn_none"], **bought})
    await same("/v1/redemptions", {"hold_id": held["hold_id"]}, {"hold_id": "hold_none"})
    scene = {"scene": "order_cancelled"}
    await same("/v1/rollbacks", {"hold_id": held["hold_id"], **scene}, {"hold_id": "hold_none", **scene})
    await same("/v1/rollbacks", {"redemption_id": redemption, **scene}, {"redemption_id": "red_none", **scene})
    await same(
        "/v1/refunds", {"redemption_id": redemption, "lines": unit}, {"redemption_id": "red_none", "lines": unit}
    )
    assert (await shop.get("issuance", "/v1/users/thief/wallet")).json() == {"data": [], "has_more": False}


async def test_a_split_order_cannot_use_a_coupon_twice_and_an_order_is_held_once(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    first, second = await shop.coupon("u1"), await shop.coupon("u1")
    await hold(shop, first, "o1")
    assert (await hold(shop, second, "o1")).json()["code"] == "order_taken"
    assert (await hold(shop, first, "o2")).json()["code"] == "coupon_held"
    shop.clock.forward(minutes=31)
    assert (await hold(shop, second, "o1")).status_code == 201, "an expired lock no longer occupies the order"


async def test_an_order_and_a_hold_can_be_looked_at_and_say_what_happened(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u1")
    held = (await hold(shop, coupon, cart=cart(5000, quantity=2, freight_cents=600))).json()
    looked = (await shop.get("checkout", f"/v1/holds/{held['hold_id']}")).json()
    assert (looked["state"], looked["user_id"], looked["lines"]) == ("open", "u1", held["lines"])
    paid = (await redeem(shop, held["hold_id"])).json()
    back = {"user_id": "u1", "redemption_id": paid["redemption_id"], "lines": [{"line_no": 1, "units": [2]}]}
    refunded = (await shop.post("checkout", "/v1/refunds", {**back, "freight": True})).json()
    order = (await shop.get("checkout", "/v1/orders/o1?user_id=u1")).json()
    assert (order["state"], order["refunded"]) == ("redeemed", [{"line_no": 1, "unit": 2}])
    assert order["refunded_cents"] == refunded["refunded_cents"] == 4600 + 600
    assert order["left_cents"] == refunded["left_cents"] == 4600


async def test_foreign_and_absent_orders_look_the_same(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    held = (await hold(shop, await shop.coupon("u1"))).json()["hold_id"]
    pairs = (
        (f"/v1/holds/{held}?user_id=thief", "/v1/holds/hold_none?user_id=thief", "hold_unknown"),
        ("/v1/orders/o1?user_id=thief", "/v1/orders/o2?user_id=thief", "order_unknown"),
    )
    for foreign, absent, code in pairs:
        answers = [await shop.get("checkout", path) for path in (foreign, absent)]
        assert [answer.status_code for answer in answers] == [404, 404]
        said = [{**answer.json(), "request_id": None, "instance": None} for answer in answers]
        assert said[0] == said[1]
        assert said[0]["code"] == code


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"coupon_ids": ["c", "c"]}, "coupon_ids"),
        ({"coupon_ids": "c"}, "coupon_ids"),
        ({"coupon_ids": ["c"] * 51}, "coupon_ids"),
        ({"coupon_ids": [""]}, "coupon_ids.0"),
        ({"cart": {**cart(5000), "points": -1}}, "cart.points"),
        ({"cart": {**cart(5000), "activities": [{"kind": "member", "discount_cents": 0}]}}, "discount_cents"),
        ({"cart": {**cart(5000), "activities": [{"kind": "gift", "discount_cents": 1}]}}, "cart.activities.0.kind"),
        ({"cart": {**cart(5000), "terminal": ""}}, "cart.terminal"),
    ],
)
async def test_a_hold_that_cannot_be_names_its_field(small_shop: Any, change: dict[str, Any], field: str) -> None:
    body = {"user_id": "u1", "coupon_ids": [], "order_id": "o1", "cart": cart(5000), **change}
    answer = await small_shop.post("checkout", "/v1/holds", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


async def test_a_refund_of_nothing_is_no_refund(small_shop: Any) -> None:
    body = {"user_id": "u1", "redemption_id": "red_1", "lines": []}
    assert (await small_shop.post("checkout", "/v1/refunds", body)).status_code == 422
    answer = await small_shop.post("checkout", "/v1/refunds", {**body, "freight": True})
    assert answer.json()["code"] == "redemption_unknown"


@pytest.mark.requirement("F053")
@pytest.mark.parametrize("path", ["/v1/holds", "/v1/redemptions"])
async def test_a_margin_below_ten_percent_is_told_when_the_order_is_placed(small_shop: Any, path: str) -> None:
    await small_shop.template(deduction={"kind": "no_threshold", "face_cents": 1500})
    bought = cart(10_000)
    bought["lines"][0]["unit_cost_cents"] = 8000
    body = {"user_id": "u1", "coupon_ids": [await small_shop.coupon("u1")], "order_id": "o1", "cart": bought}
    placed = (await small_shop.post("checkout", path, body)).json()
    assert [warning["line_no"] for warning in placed["warnings"]] == [1]
    assert "5.9" in placed["warnings"][0]["detail"]
