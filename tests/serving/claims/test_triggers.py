"""Triggers and decisions: only what a claim would grant is offered, and a decision gives it once."""

from __future__ import annotations

import asyncio
from datetime import date, time
from typing import Any

import httpx
from fakes.desk import pack, tally, told

from serving.coupons.audience import Audience
from serving.coupons.kinds import NoThreshold, RandomAmount
from serving.coupons.validity import FixedDates
from serving.coupons.windows import Slot

NEWCOMERS = Audience(newcomer=True)


async def test_only_what_a_claim_would_grant_is_offered_to_scoring(desk: Any) -> None:
    desk.campaign("poor", budget_cents=0)
    desk.template("good")
    desk.template("chosen", access="decision")
    desk.template("pushed", delivery="push")
    desk.template("closed", access="closed")
    desk.template("coded", delivery="code")
    desk.template("by_itself", delivery="automatic")
    desk.template("over", validity=FixedDates(date(2026, 4, 1), date(2026, 4, 30)))
    desk.template("vip", audience=Audience(tags=("vip",)))
    desk.template("late", slots=(Slot(time(20), time(21), 5),))
    desk.template("unpaid", campaign_id="poor")
    for name, limits in (
        ("mine", {"per_user": 1}),
        ("mine_today", {"per_user_day": 1}),
        ("device", {"per_device": 1}),
        ("few", {"quantity": 1}),
        ("today", {"day_quota": 1}),
    ):
        desk.template(name, **limits)
        assert told(await desk.claim("u1", name, device_id="d1")) == "won"
    desk.template("pooled", kind=RandomAmount(500, 500), pool_cents=900)
    assert told(await desk.claim("u1", "pooled")) == "won"
    desk.scoring.asked.clear()
    await desk.post("issuance", "/v1/triggers", {"user_id": "u1", "device_id": "d1"})
    assert sorted(desk.scoring.asked[-1]["offers"]) == ["chosen", "good", "pushed"]
    for role, offered in (("u1", False), ("u2", True)):
        await desk.post("issuance", "/v1/triggers", {"user_id": role})
        assert ("mine" in desk.scoring.asked[-1]["offers"]) == offered


async def test_a_fallback_never_takes_a_pack_for_the_cheapest_offer(small_desk: Any) -> None:
    desk = small_desk
    pack(desk)
    desk.user("u1")
    desk.template("small", kind=NoThreshold(500))
    for name in ("ten", "twenty", "fifty"):
        desk.access(name, "decision")
    desk.scoring.failing = lambda _: httpx.Response(500)
    decision = (await desk.post("issuance", "/v1/triggers", {"user_id": "u1"})).json()
    assert (decision["offer"], decision["fallback"]) == ("small", True)
    desk.access("small", "closed")
    for name in ("ten", "twenty", "fifty"):
        desk.access(name, "closed")
    decision = (await desk.post("issuance", "/v1/triggers", {"user_id": "u1"})).json()
    assert decision["offer"] == "pack"  # nothing cheaper is left; its parts decide at the claim
    claim = {"user_id": "u1", "decision_id": decision["decision_id"]}
    assert told(await desk.post("issuance", "/v1/claims", claim)) == "template_closed"


async def test_a_decision_gives_its_own_offer_once_to_its_own_user_in_time(desk: Any) -> None:
    desk.template(access="decision")
    desk.template("other")
    assert told(await desk.claim("u1")) == "decision_required"
    desk.scoring.offer = "cut"
    decision = (await desk.post("issuance", "/v1/triggers", {"user_id": "u1"})).json()["decision_id"]
    assert told(await desk.claim("u2", decision_id=decision)) == "decision_unknown"
    assert told(await desk.claim("u1", "other", decision_id=decision)) == "decision_mismatch"
    claims = [desk.claim("u1", decision_id=decision) for _ in range(8)]
    assert tally(await asyncio.gather(*claims)) == {"won": 1, "decision_taken": 7}
    late = (await desk.post("issuance", "/v1/triggers", {"user_id": "u3"})).json()["decision_id"]
    desk.clock.forward(days=2)
    assert told(await desk.claim("u3", decision_id=late)) == "claim_over"
    desk.verify()


async def test_risk_is_honoured_after_the_rules_and_before_anything_is_counted(small_desk: Any) -> None:
    desk = small_desk
    desk.template(quantity=1)
    desk.template("closed", access="closed")
    desk.scoring.action = "withhold"
    assert told(await desk.claim("u1", "closed")) == "template_closed"
    assert told(await desk.claim("u1")) == "under_review"
    assert told(await desk.push("cut", "u1")) == "under_review"
    assert desk.issued() == 0
    desk.scoring.failing = lambda _: httpx.Response(503)
    made = (await desk.claim("u2")).json()
    assert made["fallback"] is True
    desk.verify()


async def test_a_template_closed_under_a_crowd_stops_giving(desk: Any) -> None:
    desk.template()
    claims = [asyncio.create_task(desk.claim(f"u{n}")) for n in range(40)]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(desk.access, "cut", "closed")
    found = tally(await asyncio.gather(*claims))
    assert set(found) <= {"won", "template_closed"}
    assert desk.issued() == found["won"]
    assert told(await desk.claim("late")) == "template_closed"
    desk.verify()
