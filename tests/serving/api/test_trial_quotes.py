"""Quotes that try something out: what they promise is what real orders and refunds do, and nothing of them is kept."""

from __future__ import annotations

import random
from typing import Any

import pytest
from fakes.shop import Shop, cart
from fakes.tools import rows_of, shelf

NOON = "2026-05-01T12:00:00+08:00"


async def quoted(shop: Shop, status: int = 200, **values: Any) -> Any:
    body = {"user_id": "u_1", "cart": cart(5000, 1999, quantity=3), **values}
    answer = await shop.post("checkout", "/v1/quotes", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def returned(**units: list[int]) -> dict[str, Any]:
    return {"lines": [{"line_no": int(line[1:]), "units": found} for line, found in units.items()]}


@pytest.mark.parametrize("seed", range(4))
async def test_the_tried_refund_is_the_real_one_to_the_cent(shop: Shop, seed: int) -> None:
    """An order is really held, paid and refunded: the quote had said every unit of it."""
    rng = random.Random(seed)
    await shelf(shop)
    for template_id in ("flat_8", "cut_99_20"):
        await shop.coupon("u_1", template_id)
    lines: list[dict[str, Any]] = [
        {
            "line_no": n,
            "sku": f"s{n}",
            "category": "shoes",
            "quantity": rng.randint(1, 7),
            "unit_price_cents": rng.randint(500, 9_999),
        }
        for n in range(1, 5)
    ]
    bought: dict[str, Any] = {"lines": lines, "freight_cents": rng.choice([0, 799])}
    units = [
        {
            "line_no": line["line_no"],
            "units": rng.sample(range(1, line["quantity"] + 1), rng.randint(1, line["quantity"])),
        }
        for line in rng.sample(lines, 3)
    ]
    back = {"lines": units, "freight": bool(bought["freight_cents"])}
    before = rows_of(shop)
    tried = await quoted(shop, cart=bought, refund=back)
    assert rows_of(shop) == before
    best = tried["best"]
    order = {"user_id": "u_1", "coupon_ids": best["coupon_ids"], "order_id": "o_1", "cart": bought}
    paid = (await shop.post("checkout", "/v1/redemptions", order)).json()
    assert paid["paid_cents"] == tried["payable_cents"]
    assert [line["unit_paid_cents"] for line in paid["lines"]] == [line["unit_paid_cents"] for line in best["lines"]]
    real = (
        await shop.post("checkout", "/v1/refunds", {"user_id": "u_1", "redemption_id": paid["redemption_id"], **back})
    ).json()
    for name, value in tried["refund"].items():
        assert real[name] == value, name


async def test_another_moment_has_other_coupons(shop: Shop) -> None:
    days = {"kind": "fixed", "first": "2026-05-03", "last": "2026-05-04"}
    await shop.template("may_3", validity=days)
    await shop.coupon("u_1", "may_3")
    early = await quoted(shop)
    assert "at" not in early and early["best"] is None
    assert (early["unusable"][0]["code"], early["unusable"][0]["distance"]["unit"]) == ("not_yet_valid", "seconds")
    then = await quoted(shop, at="2026-05-03T00:00:00+08:00")
    assert then["best"]["saving_cents"] == 800 and then["at"] == "2026-05-02T16:00:00Z"
    assert (await quoted(shop, at="2026-05-02T23:59:59+08:00"))["best"] is None
    assert (await quoted(shop, at="2026-05-05T00:00:00+08:00"))["unusable"][0]["code"] == "coupon_expired"
    shop.clock.forward(days=2)
    now = await quoted(shop)
    same = await quoted(shop, at="2026-05-03T12:00:00+08:00")
    assert {name: same[name] for name in now} == now


async def test_coupons_that_nobody_has_are_priced_as_if_they_were_issued(shop: Shop) -> None:
    await shelf(shop)
    await shop.template("shut", access="closed")
    await shop.coupon("u_1", "flat_8")
    tried = await quoted(shop, with_templates=["cut_99_20", "shut"], at=NOON)
    assert set(tried["best"]["coupon_ids"]) >= {"try:cut_99_20"}
    before = rows_of(shop)
    hold = {"user_id": "u_1", "coupon_ids": ["try:cut_99_20"], "order_id": "o_1", "cart": cart(20_000)}
    refused = await shop.post("checkout", "/v1/holds", hold)
    assert (refused.status_code, refused.json()["code"]) == (404, "coupon_unknown")
    assert rows_of(shop)["coupons"] == before["coupons"]
    real = await shop.coupon("u_1", "cut_99_20")
    after = await quoted(shop)
    assert after["best"]["saving_cents"] == tried["best"]["saving_cents"]
    assert {real if i.startswith("try:cut") else i for i in tried["best"]["coupon_ids"]} == set(
        after["best"]["coupon_ids"]
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"at": "2026-05-01T12:00:00"}, "at"),
        ({"at": "9999-12-31T00:00:00Z"}, "at"),
        ({"at": "1999-12-31T23:59:59Z"}, "at"),
        ({"at": 5}, "at"),
        ({"with_templates": ["nothing"]}, "with_templates.0"),
        ({"with_templates": ["flat_8", "flat_8"]}, "with_templates"),
        ({"with_templates": [f"t{n}" for n in range(21)]}, "with_templates"),
        ({"with_templates": "flat_8"}, "with_templates"),
        ({"refund": {"lines": [{"line_no": 1, "units": []}]}}, "refund.lines.0.units"),
        ({"refund": {"lines": [{"line_no": True, "units": [1]}]}}, "refund.lines.0.line_no"),
        ({"refund": {"freight": "yes"}}, "refund.freight"),
    ],
)
async def test_wrong_trials_are_named(small_shop: Shop, values: dict[str, Any], field: str) -> None:
    await shelf(small_shop)
    problem = await quoted(small_shop, 422, **values)
    assert field in {error["field"] for error in problem["errors"]}


@pytest.mark.parametrize(
    ("back", "code"),
    [
        (returned(l9=[1]), "line_unknown"),
        (returned(l1=[4]), "unit_unknown"),
        (returned(l1=[2, 2]), "unit_already_refunded"),
        ({"freight": True}, "freight_already_refunded"),
    ],
)
async def test_a_return_that_is_impossible_is_refused_as_a_real_one(
    small_shop: Shop, back: dict[str, Any], code: str
) -> None:
    assert (await quoted(small_shop, 409, refund=back))["code"] == code


async def test_no_write_takes_a_moment(small_shop: Shop) -> None:
    order = {"user_id": "u_1", "coupon_ids": [], "order_id": "o_1", "cart": cart(500), "at": NOON}
    for path in ("/v1/holds", "/v1/redemptions"):
        answer = await small_shop.post("checkout", path, order)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "(extra field)"
