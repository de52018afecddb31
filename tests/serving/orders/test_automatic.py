"""Coupons that come by themselves: the first-order cut, shown in the quote and issued with the order."""

from __future__ import annotations

import asyncio

import pytest
from fakes.shop import START
from fakes.till import Till, basket, flat

from serving.coupons.audience import Audience
from serving.coupons.kinds import NoThreshold, Percent, ThresholdCut
from serving.coupons.scope import Scope
from serving.coupons.template import Campaign, Limits, Template
from serving.store.schema import coupons as coupons_table

FIRST = Audience(first_order=True)


def first_cut(**values: object) -> Template:
    """10 off the first order, by itself."""
    given = {"kind": NoThreshold(1000), "delivery": "automatic", "audience": FIRST, "limits": Limits(per_user=1)}
    return flat("first", **{**given, **values})


@pytest.mark.requirement("F013")
async def test_the_first_order_of_80_pays_70_by_itself_and_the_second_80(till: Till) -> None:
    till.puts(first_cut())
    till.knows("u1", registered_at=START)
    cart = basket(8000)
    shown = await till.quote("u1", cart)
    assert (shown["payable_cents"], shown["best"]["coupon_ids"]) == (7000, ["auto:first"])
    first = await till.buy("u1", shown["best"]["coupon_ids"], "o1", cart)
    assert first.body["paid_cents"] == 7000
    assert till.find(first.body["coupon_ids"][0]).source == "automatic"
    second = await till.buy("u1", [], "o2", cart)
    assert (second.body["paid_cents"], second.body["coupon_ids"]) == (8000, [])
    assert (await till.buy("u1", ["auto:first"], "o3", cart)).body["code"] == "first_order_only"
    assert (await till.quote("u1", cart))["payable_cents"] == 8000
    till.exact()


@pytest.mark.requirement("F013")
async def test_it_comes_without_being_named(till: Till) -> None:
    till.puts(first_cut())
    till.knows("u1", registered_at=START)
    held = await till.hold("u1", [], "o1", basket(8000))
    assert held.body["payable_cents"] == 7000
    till.exact()


async def test_a_user_of_whom_nothing_is_known_or_who_ordered_elsewhere_gets_none(small_till: Till) -> None:
    till = small_till
    till.puts(first_cut())
    till.knows("old", registered_at=START, orders=3)
    for user, code in (("stranger", "profile_required"), ("old", "first_order_only")):
        assert (await till.quote(user, basket(8000)))["payable_cents"] == 8000
        assert (await till.hold(user, [], f"o-{user}", basket(8000))).body["payable_cents"] == 8000
        assert (await till.hold(user, ["auto:first"], f"p-{user}", basket(8000))).body["code"] == code


async def test_an_order_that_is_never_paid_leaves_the_coupon_for_the_next_try(till: Till) -> None:
    till.puts(first_cut())
    till.knows("u1", registered_at=START)
    held = await till.hold("u1", [], "o1", basket(8000))
    (coupon,) = held.body["coupon_ids"]
    till.clock.forward(minutes=31)
    shown = await till.quote("u1", basket(8000))
    assert shown["best"]["coupon_ids"] == [coupon], "the same one, and not another"
    assert (await till.buy("u1", [coupon], "o2", basket(8000))).body["paid_cents"] == 7000
    till.exact()


async def test_a_first_order_coupon_is_none_after_another_order_was_paid(small_till: Till) -> None:
    till = small_till
    till.puts(first_cut())
    till.knows("u1", registered_at=START)
    held = await till.hold("u1", [], "o1", basket(8000))
    (coupon,) = held.body["coupon_ids"]
    await till.undo("u1", "order_cancelled", hold_id=held.body["hold_id"])
    assert (await till.buy("u1", [], "o2", basket(500))).body["paid_cents"] == 500, "a live one is not given twice"
    shown = await till.quote("u1", basket(8000))
    assert [(why["coupon_id"], why["code"]) for why in shown["unusable"]] == [(coupon, "first_order_only")]
    assert (await till.hold("u1", [coupon], "o3", basket(8000))).body["code"] == "first_order_only"
    assert (await till.undo("u1", "order_cancelled", redemption_id=(await _latest(till, "o2")))).status == 201
    assert (await till.hold("u1", [coupon], "o4", basket(8000))).status == 201, "that order is no order any more"
    till.exact()


async def _latest(till: Till, order_id: str) -> str:
    found = await till.redeemer.find("u1", order_id=order_id)
    assert found is not None
    return str(found["redemption_id"])


async def test_it_joins_the_chosen_coupons_where_they_may_meet_and_gives_way_where_not(small_till: Till) -> None:
    till = small_till
    till.puts(first_cut(), flat("tenth", kind=Percent(10, 900)), flat("solo", cents=500, stackable=False))
    till.knows("u1", registered_at=START)
    tenth, solo = await till.coupon("u1", "tenth"), await till.coupon("u1", "solo")
    with_tenth = await till.hold("u1", [tenth], "o1", basket(8000))
    assert len(with_tenth.body["coupon_ids"]) == 2
    await till.undo("u1", "order_cancelled", hold_id=with_tenth.body["hold_id"])
    till.knows("u2", registered_at=START)
    alone = await till.hold("u1", [solo], "o2", basket(8000))
    assert alone.body["coupon_ids"] == [solo]
    till.exact()


async def test_only_what_lowers_the_price_is_issued(small_till: Till) -> None:
    till = small_till
    till.puts(
        first_cut(kind=ThresholdCut(9000, 1000)),
        flat("hats", delivery="automatic", scope=Scope.parse("category:hats")),
        flat("closed", delivery="automatic", access="closed"),
    )
    till.knows("u1", registered_at=START)
    held = await till.hold("u1", [], "o1", basket(8000))
    assert held.body["coupon_ids"] == []
    assert till.exact().rows["coupons"] == 0
    for name, code in (("first", "amount_short"), ("hats", "scope_mismatch"), ("closed", "template_closed")):
        assert (await till.hold("u1", [f"auto:{name}"], "o2", basket(8000))).body["code"] == code
    for unknown in ("auto:none", "auto:flat_8"):
        assert (await till.hold("u1", [unknown], "o2", basket(8000))).body["code"] == "coupon_unknown"
    assert till.exact().rows["coupons"] == 0, "a refused order issues nothing"


async def test_a_coupon_that_has_to_be_claimed_does_not_come_by_itself(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    assert (await till.hold("u1", ["auto:flat_8"], "o1")).body["code"] == "coupon_unknown"
    assert (await till.hold("u1", [], "o1")).body["coupon_ids"] == []


@pytest.mark.requirement("F013")
async def test_of_two_orders_that_wait_for_their_payment_only_one_is_the_first(till: Till) -> None:
    till.puts(first_cut(delivery="claim"), flat("second", audience=FIRST))
    till.knows("u1", registered_at=START)
    one, other = await till.coupon("u1", "first"), await till.coupon("u1", "second")
    held = await till.hold("u1", [one], "o1", basket(8000))
    assert held.status == 201
    assert (await till.hold("u1", [other], "o2", basket(8000))).body["code"] == "first_order_only"
    shown = await till.quote("u1", basket(8000))
    assert (other, "first_order_only") in {(why["coupon_id"], why["code"]) for why in shown["unusable"]}
    await till.undo("u1", "order_cancelled", hold_id=held.body["hold_id"])
    assert (await till.hold("u1", [other], "o2", basket(8000))).status == 201
    till.exact()


async def test_of_orders_placed_at_once_with_first_order_coupons_one_is_the_first(till: Till) -> None:
    till.puts(*(flat(f"first{n}", audience=FIRST) for n in range(4)))
    for user in ("u1", "u2", "u3"):
        till.knows(user, registered_at=START)
        coupons = [await till.coupon(user, f"first{n}") for n in range(4)]
        answers = await asyncio.gather(*(till.hold(user, [one], f"o-{one}", basket(8000)) for one in coupons))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
        assert {answer.body["code"] for answer in answers if answer.status == 409} == {"first_order_only"}
    till.exact()


async def test_two_first_orders_at_once_get_one_cut(till: Till) -> None:
    till.puts(first_cut())
    till.knows("u1", registered_at=START)
    answers = await asyncio.gather(*(till.hold("u1", [], f"o{n}", basket(8000)) for n in range(6)))
    assert [answer.status for answer in answers] == [201] * 6, [answer.body.get("code") for answer in answers]
    assert sorted(answer.body["payable_cents"] for answer in answers) == [7000, *[8000] * 5]
    till.exact()


@pytest.mark.requirement("F102")
async def test_what_a_budget_cannot_pay_is_neither_quoted_nor_a_reason_to_refuse_the_order(till: Till) -> None:
    till.puts(
        Campaign("poor", "Poor", 1500), flat("chosen", campaign_id="poor"), first_cut(campaign_id="poor"), flat("rich")
    )
    till.knows("u1", registered_at=START)
    chosen, rich = await till.coupon("u1", "chosen"), await till.coupon("u1", "rich")
    assert (await till.hold("u1", [chosen], "o1", basket(8000))).body["payable_cents"] == 7200
    shown = await till.quote("u1", basket(8000))
    assert ("auto:first", "budget_exhausted") in {(one["coupon_id"], one["code"]) for one in shown["unusable"]}
    assert (shown["best"]["coupon_ids"], shown["payable_cents"]) == ([rich], 7200)
    plain = await till.hold("u1", [], "o2", basket(8000))
    assert (plain.status, plain.body["payable_cents"]) == (201, 8000)
    assert (await till.hold("u1", ["auto:first"], "o3", basket(8000))).body["code"] == "budget_exhausted"
    till.exact()


async def test_no_budget_for_an_automatic_coupon_is_no_reason_to_refuse_the_order(small_till: Till) -> None:
    till = small_till
    till.puts(Campaign("poor", "Poor", 100_000, 500), first_cut(campaign_id="poor"))
    till.knows("u1", registered_at=START)
    assert (await till.hold("u1", [], "o1", basket(8000))).body["payable_cents"] == 8000
    assert till.store.read(lambda connection: connection.execute(coupons_table.select()).all()) == []
