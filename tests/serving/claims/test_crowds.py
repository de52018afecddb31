"""Everything at once on the same users and templates, failures on the way, and rehearsals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fakes.desk import pack, tally, told

from serving.coupons.kinds import GiftPack, LuckyDraw, NoThreshold, Prize
from serving.store.faults import armed


async def test_a_mixed_crowd_gets_answers_and_leaves_an_exact_ledger(desk: Any) -> None:
    pack(desk, quantity=20)
    desk.campaign("c", liability_cents=30_000)
    desk.template("other", kind=GiftPack(("fifty", "ten")), per_user=2)
    desk.template("single", kind=NoThreshold(700), campaign_id="c", per_user=2)
    desk.template("draw", kind=LuckyDraw((Prize("single", 1), Prize("ten", 1))))
    desk.template("coded", kind=NoThreshold(300), campaign_id="c", delivery="code")
    codes = await desk.codes("coded", 6)
    users = [f"u{n}" for n in range(6)]
    for user in users:
        desk.user(user)
    jobs = [desk.claim(user, name) for user in users for name in ("pack", "other", "single", "draw", "single")]
    jobs += [desk.push("single", user) for user in users]
    jobs += [desk.code(user, code) for user, code in zip(users, codes, strict=True)]
    jobs += [desk.push_all(name, users) for name in ("single", "other")]
    jobs += [desk.reward("group_buy", "u0", "draw", ref="g", members=users[:3])]
    jobs += [desk.reward("review", user, "single", ref=f"r{user}") for user in users]
    answers = await asyncio.gather(*jobs)
    assert max(answer.status_code for answer in answers) < 500, tally(answers)
    assert desk.issued("fifty") <= 20
    desk.verify()


@pytest.mark.parametrize("point", ["after_state", "after_event", "after_outbox", "after_key", "before_commit"])
async def test_a_claim_that_dies_on_the_way_leaves_nothing_and_may_be_sent_again(desk: Any, point: str) -> None:
    desk.template(quantity=1, per_user=1, per_device=1, day_quota=1)

    def die() -> None:
        raise RuntimeError(point)

    with armed(point, die):
        assert (await desk.claim("u1", key="once", device_id="d1")).status_code == 500
    assert desk.issued() == 0
    rows = desk.verify().rows
    assert [rows[name] for name in ("coupons", "user_claims", "claim_things", "claim_quotas")] == [0, 0, 0, 0]
    first = await desk.claim("u1", key="once", device_id="d1")
    assert told(first) == "won"
    again = await desk.claim("u1", key="once", device_id="d1")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert told(await desk.claim("u1", key="twice", device_id="d1")) == "user_limit_total"
    desk.verify()


async def test_a_rehearsed_claim_is_told_the_truth_and_counts_nothing(small_desk: Any) -> None:
    small_desk.template(quantity=1)
    body = {"user_id": "u1", "template_id": "cut"}
    for _ in range(3):
        tried = await small_desk.post("issuance", "/v1/claims?dry_run=true", body)
        assert (tried.status_code, tried.json()["dry_run"]) == (201, True)
    many = {"template_id": "cut", "user_ids": ["a", "b"]}
    assert (await small_desk.post("issuance", "/v1/pushes?dry_run=true", many)).json()["issued"] == 2
    assert small_desk.issued() == 0
    assert told(await small_desk.claim("u1")) == "won"
    tried = await small_desk.post("issuance", "/v1/claims?dry_run=true", body)
    assert told(tried) == "quantity_exhausted"
    small_desk.verify()
