"""Orders of several coupons: all of them are held and used together, or none; what a customer sees on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from fakes.shop import Clock, Scoring
from fakes.till import RATES, Till, basket, flat

from serving.api.sweeper import sweep
from serving.coupons.cart import Activity
from serving.coupons.kinds import NoThreshold, Percent, ThresholdCut
from serving.coupons.scope import Scope
from serving.coupons.stacking import Stacking
from serving.coupons.template import Bearers, Campaign, Limits
from serving.coupons.validity import DaysFromClaim
from serving.who import Who

CUT = ThresholdCut(3000, 500)
TENTH = Percent(10, 900)


async def three(till: Till) -> list[str]:
    """A coupon of each of three kinds for u1."""
    till.puts(flat("flat"), flat("cut", kind=CUT), flat("tenth", kind=TENTH))
    return [await till.coupon("u1", name) for name in ("flat", "cut", "tenth")]


async def test_several_coupons_are_held_paid_and_refunded_as_one_order(till: Till) -> None:
    chosen = await three(till)
    cart = basket(4000, 333, quantity=3, freight_cents=600)
    held = await till.hold("u1", chosen, cart=cart)
    assert held.status == 201, held.body
    assert sorted(held.body["coupon_ids"]) == sorted(chosen)
    assert [coupon["coupon_id"] for coupon in held.body["coupons"]] == held.body["coupon_ids"]
    assert held.body["payable_cents"] == cart.goods_cents + 600 - held.body["coupon_cents"]
    assert {till.find(coupon).state for coupon in chosen} == {"held"}
    assert till.money()[0] == held.body["coupon_cents"]
    paid = await till.pay("u1", held.body["hold_id"])
    assert {till.find(coupon).state for coupon in chosen} == {"used"}
    assert paid.body["coupons"] == held.body["coupons"]
    money = 0
    for unit in ((2, 2), (1, 1), (1, 3), (2, 1), (2, 3), (1, 2)):
        money += (await till.refund("u1", paid.body["redemption_id"], unit)).body["refunded_cents"]
    last = await till.refund("u1", paid.body["redemption_id"], freight=True)
    assert (money + 600, last.body["left_cents"]) == (paid.body["paid_cents"], 0)
    assert till.money() == (0, 0)
    till.exact()


async def test_all_coupons_of_an_order_are_held_or_none(till: Till) -> None:
    chosen = await three(till)
    assert (await till.hold("u1", chosen[:1], "o1")).status == 201
    refused = await till.hold("u1", chosen, "o2")
    assert refused.body["code"] == "coupon_held"
    assert [till.find(coupon).state for coupon in chosen] == ["held", "unused", "unused"]
    assert (await till.hold("u1", [*chosen[1:], "cpn_none"], "o2")).body["code"] == "coupon_unknown"
    assert (await till.hold("u2", chosen[1:], "o2")).body["code"] == "coupon_unknown"
    till.exact()


async def test_what_timed_out_is_given_back_with_all_its_coupons(till: Till) -> None:
    chosen = await three(till)
    first = await till.hold("u1", chosen, "o1")
    till.clock.forward(minutes=30)
    second = await till.hold("u1", chosen[:1], "o2")
    assert second.status == 201
    assert [till.find(coupon).state for coupon in chosen] == ["held", "unused", "unused"]
    assert (await till.pay("u1", first.body["hold_id"])).body["code"] == "hold_lost"
    assert (await till.undo("u1", "order_unpaid", hold_id=second.body["hold_id"])).status == 201
    late = await till.pay("u1", first.body["hold_id"])
    assert (late.status, late.body["late"], late.body["coupons"]) == (201, True, first.body["coupons"])
    till.exact()


async def test_a_sweep_frees_holds_and_ends_coupons(till: Till) -> None:
    chosen = await three(till)
    await till.hold("u1", chosen, "o1")
    till.clock.forward(days=8)
    assert await sweep(till.store, till.redeemer) == 4
    assert {till.find(coupon).state for coupon in chosen} == {"expired"}
    assert till.money() == (0, 0)
    till.exact()


async def test_an_order_without_coupons_is_recorded_too(small_till: Till) -> None:
    paid = await small_till.buy("u1", [], "o1", basket(2500, freight_cents=300))
    assert (paid.body["coupon_ids"], paid.body["paid_cents"]) == ([], 2800)
    assert (await small_till.hold("u1", [], "o1")).body["code"] == "order_taken"
    assert (await small_till.refund("u1", paid.body["redemption_id"], (1, 1))).body["left_cents"] == 300
    small_till.exact()


async def test_what_the_quote_says_is_what_the_hold_takes(small_till: Till) -> None:
    till = small_till
    await three(till)
    plain = basket(4000, 1999, quantity=2, freight_cents=600)
    for cart in (plain, replace(plain, points=900), replace(plain, activities=(Activity("member", 300),))):
        best = (await till.quote("u1", cart))["best"]
        held = (await till.hold("u1", best["coupon_ids"], "o1", cart)).body
        assert {name: held[name] for name in best if name in held} == {
            name: value for name, value in best.items() if name in held
        }
        await till.undo("u1", "order_cancelled", hold_id=held["hold_id"])


@pytest.mark.requirement("F049")
async def test_two_uses_give_two_redemptions_and_the_third_is_refused(till: Till) -> None:
    till.puts(flat(uses=2, limits=Limits(per_user=1)))
    coupon = await till.coupon("u1")
    assert till.money() == (0, 1600)
    first, second = await till.buy("u1", [coupon], "o1"), await till.buy("u1", [coupon], "o2")
    assert (first.status, second.status) == (201, 201)
    assert till.money() == (1600, 0)
    assert (await till.buy("u1", [coupon], "o3")).body["code"] == "coupon_used"
    back = await till.undo("u1", "refund_before_shipping", redemption_id=first.body["redemption_id"])
    assert back.body["coupons"] == [{"coupon_id": coupon, "state": "unused", "returned": True}]
    assert (till.find(coupon).used, till.money()) == (1, (800, 800))
    assert (await till.buy("u1", [coupon], "o3")).status == 201
    assert (await till.buy("u1", [coupon], "o4")).body["code"] == "coupon_used"
    till.exact()


@pytest.mark.requirement("F049")
async def test_a_use_does_not_come_back_to_a_coupon_that_has_ended(small_till: Till) -> None:
    till = small_till
    till.puts(flat(uses=2, validity=DaysFromClaim(1)))
    coupon = await till.coupon("u1")
    paid = await till.buy("u1", [coupon], "o1")
    till.clock.forward(days=1)
    await sweep(till.store, till.redeemer)
    back = await till.undo("u1", "order_cancelled", redemption_id=paid.body["redemption_id"])
    assert back.body["coupons"] == [{"coupon_id": coupon, "state": "expired", "returned": False}]
    assert till.find(coupon).used == 1
    till.exact()


@pytest.mark.requirement("F098")
async def test_people_see_unused_used_and_expired_and_nothing_else(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    kept, taken = await till.coupon("u1"), await till.coupon("u1")

    async def shown() -> list[str]:
        held = await till.hold("u1", [kept], "see")
        undone = await till.undo("u1", "order_cancelled", hold_id=held.body["hold_id"])
        return [coupon["state"] for coupon in undone.body["coupons"]]

    assert await shown() == ["unused"]
    paid = await till.buy("u1", [kept], "o1")
    assert till.find(kept).state == "used"
    await till.undo("u1", "order_cancelled", redemption_id=paid.body["redemption_id"])
    assert till.find(kept).state == "unused", "a rollback leads back"
    assert (await till.revoke(taken)).body["state"] == "revoked"
    assert (await till.buy("u1", [taken], "o2")).body["code"] == "coupon_revoked"
    assert (await till.restore(taken)).body["state"] == "unused"
    till.clock.forward(days=8)
    await sweep(till.store, till.redeemer)
    assert {till.find(kept).state, till.find(taken).state} == {"expired"}
    till.exact()


@pytest.mark.requirement("F099")
async def test_on_entering_the_confirmation_coupons_are_split_and_at_the_order_they_are_checked_again(
    small_till: Till,
) -> None:
    till = small_till
    till.puts(flat(), flat("dear", kind=ThresholdCut(9000, 1000)), flat("shoes", scope=Scope.parse("category:hats")))
    usable, short, other = [await till.coupon("u1", name) for name in ("flat_8", "dear", "shoes")]
    shown = await till.quote("u1", basket(5000))
    assert [use["coupon_id"] for use in shown["usable"]] == [usable]
    assert {why["coupon_id"]: why["code"] for why in shown["unusable"]} == {
        short: "amount_short",
        other: "scope_mismatch",
    }
    assert next(why["distance"] for why in shown["unusable"] if why["coupon_id"] == short) == {
        "amount": 4000,
        "unit": "cents",
    }
    assert (await till.hold("u1", [short], "o1")).body["code"] == "amount_short"
    assert (await till.hold("u1", [usable], "o1")).status == 201


@pytest.mark.requirement("F102")
async def test_the_best_usable_set_is_chosen_before_the_customer_does(small_till: Till) -> None:
    till = small_till
    await three(till)
    pushed = flat("pushed", kind=NoThreshold(1200), delivery="claim")
    till.puts(pushed)
    better = await till.coupon("u1", "pushed")
    best = (await till.quote("u1", basket(5000)))["best"]
    assert better in best["coupon_ids"]
    held = (await till.hold("u1", best["coupon_ids"], "o1")).body
    assert held["coupon_cents"] == best["saving_cents"]


@pytest.mark.requirement("F103")
async def test_the_deduction_is_within_zero_and_what_takes_part(small_till: Till) -> None:
    till = small_till
    till.puts(flat("hats", cents=800, scope=Scope.parse("category:hats")))
    coupon = await till.coupon("u1", "hats")
    cart = basket(300, category="hats")
    shoes = basket(5000).lines[0]
    mixed = replace(cart, lines=(*cart.lines, replace(shoes, line_no=2)))
    held = (await till.hold("u1", [coupon], "o1", mixed)).body
    assert (held["coupon_cents"], held["payable_cents"]) == (300, 5000)
    assert [line["paid_cents"] for line in held["lines"]] == [0, 5000]


@pytest.mark.requirement("F123")
async def test_thirty_off_shared_forty_to_sixty_is_borne_as_twelve_and_eighteen(small_till: Till) -> None:
    till = small_till
    till.puts(flat("shared", cents=3000, bearers=Bearers(platform=40, merchant=60)))
    cart = basket(9000)
    cart = replace(cart, lines=(replace(cart.lines[0], merchant_id="m1"),))
    held = (await till.hold("u1", [await till.coupon("u1", "shared")], "o1", cart)).body
    (line,) = held["coupons"][0]["lines"]
    assert line["borne"] == {"platform": 1200, "merchant": 1800, "supplier": 0}
    till.exact()


@pytest.mark.requirement("F124")
async def test_goods_of_the_blacklist_carry_nothing(small_till: Till) -> None:
    till = small_till
    till.puts(flat(scope=Scope("all", without=("sku1",))))
    coupon = await till.coupon("u1")
    assert (await till.hold("u1", [coupon], "o1", basket(5000))).body["code"] == "scope_mismatch"
    held = (await till.hold("u1", [coupon], "o1", basket(5000, 2000))).body
    assert [line["coupon_cents"] for line in held["lines"]] == [0, 800]


async def test_one_coupon_for_many_orders_at_once_serves_one(till: Till) -> None:
    chosen = await three(till)
    answers = await asyncio.gather(*(till.hold("u1", chosen[n % 3 :], f"o{n}") for n in range(12)))
    codes = Counter(answer.body.get("code", "won") for answer in answers)
    assert codes["won"] >= 1
    assert set(codes) <= {"won", "coupon_held"}
    held = [coupon for answer in answers if answer.status == 201 for coupon in answer.body["coupon_ids"]]
    assert len(held) == len(set(held)), "no coupon is in two orders"
    till.exact()


async def test_orders_on_two_campaigns_in_either_order_never_wait_for_each_other(till: Till) -> None:
    till.puts(Campaign("other", "Other", 100_000), flat("a"), flat("b", kind=TENTH, campaign_id="other"))
    pairs = [(await till.coupon(f"u{n}", "a"), await till.coupon(f"u{n}", "b")) for n in range(10)]
    answers = await asyncio.gather(
        *(till.buy(f"u{n}", pair if n % 2 else pair[::-1], f"o{n}") for n, pair in enumerate(pairs))
    )
    assert [answer.status for answer in answers] == [201] * 10
    till.exact()


async def test_the_last_of_a_budget_goes_to_one_order(till: Till) -> None:
    till.puts(Campaign("tight", "Tight", 1700), flat("last", campaign_id="tight"))
    coupons = [await till.coupon(f"u{n}", "last") for n in range(8)]
    answers = await asyncio.gather(*(till.buy(f"u{n}", [coupon], f"o{n}") for n, coupon in enumerate(coupons)))
    assert Counter(answer.body.get("code", "won") for answer in answers) == {"won": 2, "budget_exhausted": 6}
    assert till.money("tight")[0] == 1600
    till.exact()


async def test_a_shop_may_take_one_coupon_per_order(sqlite_url: str, clock: Clock, scoring: Scoring) -> None:
    till = Till(sqlite_url, clock, scoring, rates=replace(RATES, stacking=Stacking(mode="single")))
    till.puts(Campaign("spring", "Spring", 100_000))
    chosen = await three(till)
    assert (await till.hold("u1", chosen[:2], "o1")).body["code"] == "one_coupon_per_order"
    assert (await till.hold("u1", chosen[:1], "o1")).status == 201
    await till.close()


# -- risk ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("freeze", "account_frozen"),
        ("block", "account_blocked"),
        ("withhold", "order_under_review"),
        ("hold", "order_under_review"),
        ("step_up", "step_up_required"),
    ],
)
async def test_risk_is_asked_at_an_order_and_stops_it_before_anything_is_written(
    small_till: Till, action: str, code: str
) -> None:
    till = small_till
    till.puts(flat())
    coupon = await till.coupon("u1")
    till.scoring.action = action
    refused = await till.hold("u1", [coupon], "o1")
    assert refused.body["code"] == code
    assert till.scoring.asked[-1]["occasion"] == "redemption"
    assert till.find(coupon).state == "unused"
    assert (await till.buy("u1", [coupon], "o1")).body["code"] == code
    till.exact()


async def test_a_fresh_proof_of_the_person_lets_a_step_up_pass(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    coupon = await till.coupon("u1")
    till.scoring.action = "step_up"
    assert (await till.hold("u1", [coupon], "o1", stepped_up=True)).status == 201


async def test_a_promised_price_is_kept_unless_a_person_closed_the_account(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    held = [await till.hold("u1", [await till.coupon("u1")], f"o{n}") for n in range(2)]
    till.scoring.action = "withhold"
    assert (await till.pay("u1", held[0].body["hold_id"])).status == 201
    till.scoring.action = "freeze"
    assert (await till.pay("u1", held[1].body["hold_id"])).body["code"] == "account_frozen"
    till.exact()


async def test_rules_answer_for_scoring_when_it_is_down_and_the_answer_says_so(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    coupon = await till.coupon("u1")

    till.scoring.failing = lambda _: httpx.Response(500, text="oops")
    held = await till.hold("u1", [coupon], "o1", device_id="phone-1", ip="203.0.113.7")
    assert (held.status, held.body["fallback"]) == (201, True)
    till.scoring.failing = None
    assert (await till.pay("u1", held.body["hold_id"])).body["fallback"] is False


async def test_who_ordered_is_told_and_a_stranger_learns_nothing(small_till: Till) -> None:
    till = small_till
    till.puts(flat())
    held = (await till.hold("u1", [await till.coupon("u1")], "o1")).body
    find = till.redeemer.find
    mine = await find("u1", hold_id=held["hold_id"])
    assert mine is not None
    assert (mine["state"], mine["coupons"]) == ("open", held["coupons"])
    assert await find("u1", order_id="o1") == mine
    assert await find(None, order_id="o1") == mine
    assert await find("thief", hold_id=held["hold_id"]) is None
    assert await find("thief", order_id="o1") is None
    assert await find("u1", order_id="o2") is None
    assert await till.redeemer.quote(Who("thief"), basket()) != await till.quote("u1")
