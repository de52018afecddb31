"""An order is undone: which coupons come back, and what is given back of what was paid."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from fakes.shop import Clock, Scoring
from fakes.till import RATES, Till, basket, flat
from hypothesis import given
from hypothesis import strategies as st

from serving.coupons.cart import Activity, Cart, Line
from serving.coupons.coupon import Coupon, apply
from serving.coupons.events import OrderRefunded
from serving.coupons.kinds import NoThreshold, Percent, ThresholdCut
from serving.coupons.money import InvalidError
from serving.coupons.order import apply_order
from serving.coupons.orders import Placed, hold, redeem, refund
from serving.coupons.pricing import Candidate, price_set
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.rollback import Rollback
from serving.coupons.scope import Scope
from serving.coupons.template import Campaign
from serving.coupons.validity import DaysFromClaim

NOW = datetime(2026, 5, 1, 12)


async def placed(till: Till, *, days: int = 7) -> str:
    """The hold of a coupon that lasts ``days``."""
    till.puts(flat(kind=Percent(15, 5000), validity=DaysFromClaim(days)))
    held = await till.hold("u1", [await till.coupon("u1")], cart=basket(4999))
    assert held.status == 201
    return str(held.body["hold_id"])


def outcome(body: dict[str, object]) -> tuple[object, object]:
    (coupon,) = body["coupons"]  # type: ignore[misc]
    return coupon["state"], coupon["returned"]


@pytest.mark.requirement("F119")
@pytest.mark.parametrize(("days", "then"), [(7, ("unused", True)), (1, ("expired", False))])
async def test_an_unpaid_order_that_times_out_gives_back_what_is_still_valid(
    till: Till, days: int, then: tuple[str, bool]
) -> None:
    hold_id = await placed(till, days=days)
    till.clock.forward(hours=20)
    undone = await till.undo("u1", "order_unpaid", hold_id=hold_id)
    assert outcome(undone.body) == then
    assert till.money()[0] == 0
    till.exact()


@pytest.mark.requirement("F120")
@pytest.mark.parametrize(("days", "then"), [(7, ("unused", True)), (1, ("expired", False))])
async def test_a_cancelled_order_gives_back_what_is_still_valid(till: Till, days: int, then: tuple[str, bool]) -> None:
    hold_id = await placed(till, days=days)
    paid = await till.pay("u1", hold_id)
    till.clock.forward(hours=20)
    undone = await till.undo("u1", "order_cancelled", redemption_id=paid.body["redemption_id"])
    assert outcome(undone.body) == then
    till.exact()


@pytest.mark.requirement("F121")
@pytest.mark.parametrize(("days", "then"), [(7, ("unused", True)), (1, ("expired", False))])
async def test_a_refund_before_shipping_gives_back_what_is_still_valid(
    till: Till, days: int, then: tuple[str, bool]
) -> None:
    hold_id = await placed(till, days=days)
    paid = await till.pay("u1", hold_id)
    till.clock.forward(hours=20)
    undone = await till.undo("u1", "refund_before_shipping", redemption_id=paid.body["redemption_id"])
    assert outcome(undone.body) == then
    again = await till.undo("u1", "refund_before_shipping", redemption_id=paid.body["redemption_id"])
    assert again.body["code"] == "already_rolled_back"
    till.exact()


@pytest.mark.requirement("F122")
async def test_after_a_return_coupons_for_all_goods_come_back_and_category_coupons_stay_used(till: Till) -> None:
    shoes = Scope.parse("category:shoes")
    till.puts(flat("all"), flat("shoes", kind=ThresholdCut(2000, 700), scope=shoes))
    chosen = [await till.coupon("u1", name) for name in ("all", "shoes")]
    paid = (await till.buy("u1", chosen, cart=basket(5000, quantity=2))).body["redemption_id"]
    early = await till.undo("u1", "after_sale_return", redemption_id=paid)
    assert (early.body["code"], early.body["distance"]) == ("not_fully_refunded", {"amount": 2, "unit": "units"})
    assert (await till.refund("u1", paid, (1, 1))).status == 201
    assert (await till.undo("u1", "order_cancelled", redemption_id=paid)).body["code"] == "refunds_started"
    assert (await till.refund("u1", paid, (1, 2))).status == 201
    undone = await till.undo("u1", "after_sale_return", redemption_id=paid)
    became = {coupon["coupon_id"]: (coupon["state"], coupon["returned"]) for coupon in undone.body["coupons"]}
    assert became == {chosen[0]: ("unused", True), chosen[1]: ("used", False)}
    assert till.money() == (0, 800)
    till.exact()


@pytest.mark.requirement("F122")
async def test_the_shop_decides_what_comes_back_by_scope_or_kind(
    sqlite_url: str, clock: Clock, scoring: Scoring
) -> None:
    till = Till(sqlite_url, clock, scoring, returns=Rollback(order_cancelled=("kind:percent", "scope:category")))
    till.puts(
        Campaign("spring", "Spring", 100_000),
        flat("all"),
        flat("tenth", kind=Percent(10, 900)),
        flat("shoes", kind=ThresholdCut(2000, 700), scope=Scope.parse("category:shoes")),
    )
    chosen = [await till.coupon("u1", name) for name in ("all", "tenth", "shoes")]
    paid = (await till.buy("u1", chosen)).body["redemption_id"]
    undone = await till.undo("u1", "order_cancelled", redemption_id=paid)
    returned = {coupon["coupon_id"]: coupon["returned"] for coupon in undone.body["coupons"]}
    assert returned == dict(zip(chosen, (False, True, True), strict=True))
    held = await till.hold("u1", chosen[1:], "o2")
    undone = await till.undo("u1", "order_cancelled", hold_id=held.body["hold_id"])
    assert all(coupon["returned"] for coupon in undone.body["coupons"]), "an unpaid order never used them"
    till.exact()
    await till.close()


@pytest.mark.parametrize("word", ["all", "scope:", "scope:shop", "kind:none", "any:thing", ""])
def test_an_unknown_word_in_the_table_names_its_scene(word: str) -> None:
    with pytest.raises(InvalidError, match="after_sale_return"):
        Rollback(after_sale_return=(word,))


async def test_rolled_back_and_bought_again_costs_the_same(till: Till) -> None:
    till.puts(flat("tenth", kind=Percent(10, 900)), flat("cut", kind=ThresholdCut(3000, 500)))
    chosen = [await till.coupon("u1", name) for name in ("tenth", "cut")]
    cart = basket(3333, 701, quantity=3, freight_cents=500)
    prices = []
    for n, scene in enumerate(("order_cancelled", "refund_before_shipping", "order_unpaid")):
        paid = (await till.buy("u1", chosen, f"o{n}", cart)).body
        prices.append((paid["lines"], paid["coupons"], paid["payable_cents"]))
        await till.undo("u1", scene, redemption_id=paid["redemption_id"])
    assert prices[0] == prices[1] == prices[2]
    till.exact()


@pytest.mark.requirement("F118")
async def test_the_refund_of_a_line_gives_back_what_was_paid_for_it(till: Till) -> None:
    till.puts(flat("cut", kind=NoThreshold(3000)))
    coupon = await till.coupon("u1", "cut")
    paid = (await till.buy("u1", [coupon], cart=basket(10000, 5000, 5000))).body
    assert [line["paid_cents"] for line in paid["lines"]] == [8500, 4250, 4250]
    back = await till.refund("u1", paid["redemption_id"], (2, 1))
    assert (back.body["refunded_cents"], back.body["left_cents"]) == (4250, 12750)
    (unit,) = back.body["units"]
    assert unit["coupons"] == [{"coupon_id": coupon, "share_cents": 750}]
    till.exact()


async def test_a_refund_names_what_is_wrong_and_changes_nothing(till: Till) -> None:
    till.puts(flat())
    held = await till.hold("u1", [await till.coupon("u1")], cart=basket(5000, freight_cents=600))
    hold_id = held.body["hold_id"]
    assert (await till.refund("u1", hold_id, (1, 1))).body["code"] == "redemption_unknown"
    paid = (await till.pay("u1", hold_id)).body["redemption_id"]
    for units, code in (
        ([(9, 1)], "line_unknown"),
        ([(1, 2)], "unit_unknown"),
        ([(1, 1), (1, 1)], "unit_already_refunded"),
    ):
        assert (await till.refund("u1", paid, *units)).body["code"] == code
    assert (await till.refund("thief", paid, (1, 1))).body["code"] == "redemption_unknown"
    assert (await till.refund("u1", paid, freight=True)).body["refunded_cents"] == 600
    assert (await till.refund("u1", paid, (1, 1), freight=True)).body["code"] == "freight_already_refunded"
    assert (await till.undo("u1", "order_cancelled", redemption_id=paid)).body["code"] == "refunds_started"
    assert (await till.refund("u1", paid, (1, 1))).body["left_cents"] == 0
    assert (await till.refund("u1", paid, (1, 1))).body["code"] == "unit_already_refunded"
    till.exact()


# -- laws ------------------------------------------------------------------------------------------------------------

LINES = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 9_999)), min_size=1, max_size=5)


@st.composite
def paid_orders(draw: st.DrawFn) -> Placed:
    """A paid order of up to three coupons, with an activity, points and freight."""
    lines = tuple(Line(n, f"s{n}", "x", *part) for n, part in enumerate(draw(LINES), 1))
    goods = sum(line.price_cents for line in lines)
    activity = (Activity("member", draw(st.integers(1, goods // 3))),) if goods >= 3 and draw(st.booleans()) else ()
    cart = Cart(lines, "web", draw(st.integers(0, 900)), activity, draw(st.integers(0, 2_000)))
    kinds = [NoThreshold(draw(st.integers(1, 4_000))), Percent(draw(st.integers(1, 60)), 3_000), ThresholdCut(2, 1)]
    chosen = []
    for n, kind in enumerate(draw(st.permutations(kinds))[: draw(st.integers(0, 3))]):
        coupon = Coupon(f"c{n}", "u", f"t{n}", 1, None, None, 0, NOW, NOW - timedelta(1), NOW + timedelta(9))
        chosen.append(Candidate(coupon, flat(f"t{n}", kind=kind)))
    receipt = price_set(chosen, "u", cart, NOW, RATES)
    if isinstance(receipt, Refuse):  # nothing left for one of them: an order without coupons then
        chosen, receipt = [], price_set([], "u", cart, NOW, RATES)
    assert isinstance(receipt, Receipt)
    events = hold(receipt, "u", "h", "o", NOW + timedelta(minutes=30), NOW)
    coupons = {candidate.coupon.coupon_id: candidate.coupon for candidate in chosen}
    order = None
    for event in events:
        if hasattr(event, "coupon_id"):
            coupons[event.coupon_id] = apply(coupons[event.coupon_id], event)
        else:
            order = apply_order(order, event)
    assert order is not None
    made = Placed(order, tuple(coupons[applied.coupon_id] for applied in receipt.coupons))
    paid = redeem(made, "r", NOW)
    assert not isinstance(paid, Refuse)
    return Placed(apply_order(order, paid[-1]), made.coupons)  # type: ignore[arg-type]


@given(paid=paid_orders(), data=st.data())
def test_refunds_in_any_order_and_parts_sum_up_to_what_was_paid_and_what_was_given(
    paid: Placed, data: st.DataObject
) -> None:
    order, receipt = paid.order, paid.order.receipt
    left = data.draw(st.permutations([(line.line_no, n + 1) for line in receipt.lines for n in range(line.quantity)]))
    freight_at = data.draw(st.integers(0, len(left) - 1))
    money = freight = points = 0
    while left:
        part = data.draw(st.integers(1, len(left)))
        with_freight = freight == 0 and receipt.freight_paid_cents > 0 and len(left) - part <= freight_at
        events = refund(Placed(order, paid.coupons), "f", left[:part], NOW, freight=with_freight)
        assert not isinstance(events, Refuse), events
        event = events[-1]
        assert isinstance(event, OrderRefunded)
        assert all(unit.paid_cents >= 0 and min(unit.shares, default=0) >= 0 for unit in event.units)
        order = apply_order(order, event)
        money, freight = money + event.paid_cents, freight + event.freight_cents
        points += sum(unit.points_cents for unit in event.units)
        assert order.refunded_cents == money <= receipt.payable_cents
        left = left[part:]
    assert freight == receipt.freight_paid_cents
    assert money == receipt.payable_cents
    assert points == receipt.points_cents
    assert list(order.refunded_shares) == [coupon.goods_cents for coupon in receipt.coupons]
    assert refund(Placed(order, paid.coupons), "f", [(receipt.lines[0].line_no, 1)], NOW) == Refuse(
        "unit_already_refunded"
    )


@given(paid=paid_orders())
def test_a_receipt_sums_up_in_every_direction(paid: Placed) -> None:
    receipt = paid.order.receipt
    for index, line in enumerate(receipt.lines):
        units = [receipt.unit_components(index, n + 1) for n in range(line.quantity)]
        assert tuple(map(sum, zip(*units, strict=True))) == receipt.components(index)
        assert all(0 <= receipt.unit_paid_cents(index, n + 1) <= line.unit_price_cents for n in range(line.quantity))
    goods = sum(receipt.line_paid_cents(index) for index in range(len(receipt.lines)))
    assert goods + receipt.freight_paid_cents == receipt.payable_cents
