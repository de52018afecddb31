"""Many at once on one limit: exactly as many win as it allows, and the counters are what the events say."""

from __future__ import annotations

import asyncio
from datetime import time
from random import Random
from typing import Any

import pytest
from fakes.desk import Desk, tally, told

from serving.coupons.kinds import RandomAmount
from serving.coupons.template import Limits
from serving.coupons.windows import Slot

TEN = (Slot(time(10), time(10, 30), 4), Slot(time(20), time(20, 30), 3))


async def together(claims: Any) -> Any:
    return tally(await asyncio.gather(*claims))


async def one_by_one(claims: Any) -> list[str]:
    return [told(await claim) for claim in claims]


@pytest.mark.requirement("F061")
async def test_two_hundred_claims_on_twenty_coupons_give_twenty(desk: Any) -> None:
    desk.template(quantity=20)
    answers = await asyncio.gather(*(desk.claim(f"u{n}") for n in range(200)))
    assert tally(answers) == {"won": 20, "quantity_exhausted": 180}
    assert len({answer.json()["coupon_id"] for answer in answers if answer.status_code == 201}) == 20
    assert desk.issued() == 20
    desk.verify()


@pytest.mark.slow
@pytest.mark.requirement("F061")
async def test_a_thousand_claims_on_a_hundred_coupons_give_a_hundred(desk: Any) -> None:
    desk.template(quantity=100)
    assert await together(desk.claim(f"u{n}") for n in range(1000)) == {"won": 100, "quantity_exhausted": 900}
    desk.verify()


@pytest.mark.slow
@pytest.mark.requirement("F039")
async def test_the_501st_of_500_fails_and_an_unlimited_template_goes_on(small_desk: Any) -> None:
    small_desk.template("limited", quantity=500)
    small_desk.template("unlimited")
    users = [f"u{n}" for n in range(501)]
    limited = (await small_desk.push_all("limited", users)).json()
    assert (limited["issued"], limited["refused"]) == (500, 1)
    assert [row["answer"]["code"] for row in limited["data"] if row["status"] != 201] == ["quantity_exhausted"]
    assert (await small_desk.push_all("unlimited", users)).json()["issued"] == 501
    small_desk.verify()


@pytest.mark.requirement("F040")
async def test_a_limited_quantity_can_be_shown_as_what_is_left(small_desk: Any) -> None:
    small_desk.template(quantity=500)
    await small_desk.claim("u1")
    shown = (await small_desk.get("operator", "/v1/templates/cut")).json()
    assert (shown["quantity"], shown["issued"], shown["remaining"]) == (500, 1, 499)


@pytest.mark.requirement("F041")
@pytest.mark.requirement("F068")
async def test_one_a_day_is_refused_the_second_time_and_allowed_the_next_day(desk: Any) -> None:
    desk.template(per_user_day=1)
    desk.at("2026-05-01", "23:59:30")
    assert await together(desk.claim("u1") for _ in range(8)) == {"won": 1, "user_limit_day": 7}
    refused = (await desk.claim("u1")).json()
    assert refused["distance"] == {"amount": 30, "unit": "seconds"}
    desk.at("2026-05-02", "00:00")
    assert told(await desk.claim("u1")) == "won"
    desk.verify()


@pytest.mark.requirement("F041")
@pytest.mark.requirement("F043")
async def test_a_total_limit_of_one_to_three_holds_for_ever(desk: Any) -> None:
    for limit in (1, 2, 3):
        desk.template(f"t{limit}", per_user=limit)
        found = await together(desk.claim("u1", f"t{limit}") for _ in range(12))
        assert found == {"won": limit, "user_limit_total": 12 - limit}
    desk.clock.forward(days=400)
    for limit in (1, 2, 3):
        assert told(await desk.claim("u1", f"t{limit}")) == "user_limit_total"
        assert told(await desk.claim("u2", f"t{limit}")) == "won"
    desk.verify()


@pytest.mark.requirement("F042")
async def test_a_pushed_coupon_counts_against_the_users_own_claim(small_desk: Any) -> None:
    desk = small_desk
    desk.template(per_user=1)
    assert told(await desk.push("cut", "u1")) == "won"
    assert told(await desk.claim("u1")) == "user_limit_total"
    assert told(await desk.claim("u2")) == "won"
    assert told(await desk.push("cut", "u2")) == "user_limit_total"
    desk.verify()


@pytest.mark.requirement("F067")
async def test_two_per_thing_refuses_the_third_account_and_a_claim_without_the_thing(desk: Any) -> None:
    for kind in ("device", "ip", "address"):
        desk.template(kind, **{f"per_{kind}": 2})
        field = "device_id" if kind == "device" else kind
        thing = {field: "1 Long Street, Springfield 12345" if kind == "address" else "203.0.113.7"}
        found = await together(desk.claim(f"u{n}", kind, **thing) for n in range(9))
        assert found == {"won": 2, f"{kind}_limit": 7}
        assert told(await desk.claim("u20", kind)) == f"{kind}_required"
        other = {field: "22 Other Road, Shelbyville 54321" if kind == "address" else "203.0.113.8"}
        assert told(await desk.claim("u21", kind, **other)) == "won"
    desk.verify()


@pytest.mark.requirement("F059")
async def test_the_quota_of_a_day_ends_with_the_day(desk: Any) -> None:
    desk.template(day_quota=10)
    desk.at("2026-05-01", "12:00")
    assert await together(desk.claim(f"u{n}") for n in range(25)) == {"won": 10, "day_quota_exhausted": 15}
    refused = (await desk.claim("u50")).json()
    assert refused["distance"] == {"amount": 12 * 3600, "unit": "seconds"}
    desk.at("2026-05-02", "00:00")
    assert told(await desk.claim("u50")) == "won"
    desk.verify()


@pytest.mark.slow
@pytest.mark.requirement("F059")
async def test_the_1001st_of_a_thousand_a_day_is_accepted_tomorrow(small_desk: Any) -> None:
    small_desk.template(day_quota=1000)
    users = [f"u{n}" for n in range(1001)]
    assert (await small_desk.push_all("cut", users[:1000])).json()["issued"] == 1000
    assert told(await small_desk.claim(users[1000])) == "day_quota_exhausted"
    small_desk.clock.forward(days=1)
    assert told(await small_desk.claim(users[1000])) == "won"


@pytest.mark.requirement("F060")
async def test_each_slot_has_its_own_quota_and_hands_nothing_on(desk: Any) -> None:
    desk.template(slots=TEN)
    desk.at("2026-05-01", "09:59:50")
    early = (await desk.claim("u0")).json()
    assert (early["code"], early["distance"]) == ("slot_closed", {"amount": 10, "unit": "seconds"})
    desk.at("2026-05-01", "10:00")
    assert told(await desk.claim("u1")) == "won"
    desk.at("2026-05-01", "10:30")
    assert told(await desk.claim("u2")) == "slot_closed"
    desk.at("2026-05-01", "20:00")
    assert await together(desk.claim(f"v{n}") for n in range(8)) == {"won": 3, "slot_exhausted": 5}
    last = (await desk.claim("u3")).json()
    assert last["distance"] == {"amount": 14 * 3600, "unit": "seconds"}  # the slot of tomorrow morning
    desk.at("2026-05-02", "10:29:59")
    assert await together(desk.claim(f"w{n}") for n in range(8)) == {"won": 4, "slot_exhausted": 4}
    desk.verify()


@pytest.mark.requirement("F060")
async def test_what_a_slot_leaves_over_is_carried_only_when_configured(small_desk: Any) -> None:
    desk = small_desk
    desk.template(slots=TEN, carry=True)
    desk.at("2026-05-01", "10:10")
    assert told(await desk.claim("u1")) == "won"
    desk.at("2026-05-01", "20:10")
    assert await together(desk.claim(f"v{n}") for n in range(9)) == {"won": 6, "slot_exhausted": 3}
    desk.at("2026-05-02", "20:10")
    assert await together(desk.claim(f"w{n}") for n in range(9)) == {"won": 7, "slot_exhausted": 2}
    desk.verify()


@pytest.mark.requirement("F062")
async def test_time_quantity_and_depth_hold_together(small_desk: Any) -> None:
    desk = small_desk
    desk.template(kind=RandomAmount(9000, 9000), quantity=3, slots=TEN, per_user=1)
    desk.at("2026-05-01", "10:00")
    found = await one_by_one(desk.claim(user) for user in ("a", "a", "b", "c", "d"))
    assert found == ["won", "user_limit_total", "won", "won", "quantity_exhausted"]
    desk.at("2026-05-01", "10:31")
    assert told(await desk.claim("e")) == "slot_closed"


@pytest.mark.requirement("F017")
async def test_the_draws_of_a_crowd_never_promise_more_than_the_pool(desk: Any) -> None:
    desk.template(kind=RandomAmount(100, 10_000), pool_cents=60_000)
    answers = await asyncio.gather(*(desk.claim(f"u{n}") for n in range(60)))
    assert set(tally(answers)) == {"won", "pool_exhausted"}
    faces = [answer.json()["face_cents"] for answer in answers if answer.status_code == 201]
    assert 50_000 < sum(faces) <= 60_000
    assert all(100 <= face <= 10_000 for face in faces)
    desk.verify()


async def test_the_last_of_the_liability_goes_to_one_and_a_spent_budget_gives_none(desk: Any) -> None:
    desk.campaign("tight", liability_cents=2 * 800 + 799)
    desk.template(campaign_id="tight")
    assert await together(desk.claim(f"u{n}") for n in range(12)) == {"won": 2, "liability_exhausted": 10}
    desk.campaign("spent", budget_cents=0)
    desk.template("late", campaign_id="spent")
    assert told(await desk.claim("u1", "late")) == "budget_exhausted"
    desk.verify()


async def test_claims_through_two_apps_on_one_ledger_share_the_limit(desk: Any, tmp_path: Any) -> None:
    desk.template(quantity=10, per_user=1)
    other = Desk(tmp_path, desk.url, desk.clock, desk.scoring)
    other.store.ids.entropy = Random(7).randbytes
    try:
        claims = [(desk, other)[n % 2].claim(f"u{n % 30}", key=f"k{n}") for n in range(60)]
        found = await together(claims)
    finally:
        await other.close()
    assert found["won"] == 10
    assert desk.issued() == 10
    desk.verify()


async def test_a_limit_that_an_edit_brings_counts_what_was_claimed_before(desk: Any) -> None:
    template = desk.template()
    assert await together(desk.claim("u1", device_id="d1") for _ in range(3)) == {"won": 3}
    template = desk.edit(template, limits=type(template.limits)(per_user=4, per_device=5))
    assert await together(desk.claim("u1", device_id="d1") for _ in range(4)) == {"won": 1, "user_limit_total": 3}
    assert await together(desk.claim(f"v{n}", device_id="d1") for n in range(4)) == {"won": 1, "device_limit": 3}
    template = desk.edit(template, limits=type(template.limits)())
    assert told(await desk.claim("u1")) == "won"
    desk.edit(template, limits=type(template.limits)(per_user=5))
    assert told(await desk.claim("u1")) == "user_limit_total"
    desk.verify()


@pytest.mark.requirement("F059")
@pytest.mark.requirement("F060")
async def test_a_quota_that_an_edit_brings_counts_what_was_claimed_in_its_time(desk: Any) -> None:
    desk.at("2026-05-01", "23:59")
    day, slot = (desk.template(name) for name in ("day", "slot"))
    for name in ("day", "slot"):
        assert await together(desk.claim(f"u{n}", name) for n in range(2)) == {"won": 2}
    desk.at("2026-05-02", "09:59")
    for name in ("day", "slot"):
        assert await together(desk.claim(f"v{n}", name) for n in range(3)) == {"won": 3}
    desk.at("2026-05-02", "10:10")
    assert await together(desk.claim(f"w{n}", "slot") for n in range(2)) == {"won": 2}
    desk.edit(day, limits=Limits(day_quota=4))
    slots = (Slot(time(10), time(11), 3),)
    slot = desk.edit(slot, limits=Limits(slots=slots))
    assert await together(desk.claim(f"x{n}", "day") for n in range(5)) == {"won": 1, "day_quota_exhausted": 4}
    assert await together(desk.claim(f"x{n}", "slot") for n in range(5)) == {"won": 1, "slot_exhausted": 4}
    desk.edit(slot, limits=Limits(slots=slots, carry=True))  # 3 + 3 of this day by now
    assert told(await desk.claim("y", "slot")) == "slot_exhausted"
    desk.at("2026-05-03", "10:10")
    assert await together(desk.claim(f"z{n}", "day") for n in range(5)) == {"won": 4, "day_quota_exhausted": 1}
    desk.verify()


@pytest.mark.requirement("F017")
async def test_a_pool_counts_every_draw_of_every_version(desk: Any) -> None:
    template = desk.template(kind=RandomAmount(100, 100), pool_cents=500)
    assert await together(desk.claim(f"u{n}") for n in range(3)) == {"won": 3}
    template = desk.edit(template, pool_cents=None)
    assert await together(desk.claim(f"v{n}") for n in range(4)) == {"won": 4}
    desk.edit(template, pool_cents=900)
    assert await together(desk.claim(f"w{n}") for n in range(4)) == {"won": 2, "pool_exhausted": 2}
    desk.verify()


async def test_claims_while_a_quota_is_edited_in_never_pass_it(desk: Any) -> None:
    template = desk.template(kind=RandomAmount(100, 100), pool_cents=10_000, day_quota=50)
    claims = [asyncio.create_task(desk.claim(f"u{n}")) for n in range(60)]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(desk.edit, template, limits=Limits(day_quota=40), pool_cents=4000)
    found = tally(await asyncio.gather(*claims))
    assert found["won"] in (40, 50)
    desk.verify()


async def test_claims_while_the_template_is_edited_follow_one_version_or_the_other(desk: Any) -> None:
    template = desk.template(quantity=30)
    claims = [asyncio.create_task(desk.claim(f"u{n}")) for n in range(60)]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(desk.edit, template, limits=type(template.limits)(quantity=40, per_user=1))
    found = tally(await asyncio.gather(*claims))
    assert found == {"won": 40, "quantity_exhausted": 20} or found == {"won": 30, "quantity_exhausted": 30}
    desk.verify()
