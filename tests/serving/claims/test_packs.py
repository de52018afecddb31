"""Packs, draws and random amounts: all or nothing, and by chance that can be checked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fakes.desk import pack, tally, told
from sqlalchemy import select, update

from oracles.claims import drawn
from serving.coupons.audience import Audience
from serving.coupons.kinds import GiftPack, LuckyDraw, Prize, RandomAmount
from serving.store.schema import events
from serving.store.verify_draws import broken_draws

NEWCOMERS = Audience(newcomer=True)


@pytest.mark.requirement("F012")
async def test_a_newcomer_gets_all_three_coupons_of_the_pack_once(small_desk: Any) -> None:
    desk = small_desk
    pack(desk)
    desk.user("u1")
    desk.user("old", orders=1)
    answers = await asyncio.gather(*(desk.claim("u1", "pack") for _ in range(6)))
    assert tally(answers) == {"won": 1, "user_limit_total": 5}
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    assert [coupon["template"]["template_id"] for coupon in made["coupons"]] == ["ten", "twenty", "fifty"]
    assert {coupon["valid_until"] for coupon in made["coupons"]} == {"2026-05-07T16:00:00Z"}
    assert {event["ref"] for event in desk.events("coupon.claimed")} == {made["bundle_id"]}
    assert len(desk.wallet("u1")) == 3
    assert told(await desk.claim("old", "pack")) == "newcomer_only"
    assert told(await desk.claim("u1", "ten")) == "not_claimable"
    desk.verify()


@pytest.mark.requirement("F012")
async def test_a_pack_of_which_one_part_is_sold_out_gives_nothing(desk: Any) -> None:
    pack(desk, quantity=4)
    for n in range(12):
        desk.user(f"u{n}")
    answers = await asyncio.gather(*(desk.claim(f"u{n}", "pack") for n in range(12)))
    assert tally(answers) == {"won": 4, "quantity_exhausted": 8}
    assert [desk.issued(name) for name in ("ten", "twenty", "fifty", "pack")] == [4, 4, 4, 4]
    desk.verify()


@pytest.mark.requirement("F012")
async def test_a_pack_may_be_pushed_and_come_by_a_code_and_by_a_decision(desk: Any) -> None:
    pack(desk)
    desk.user("u1")
    assert len((await desk.push("pack", "u1")).json()["coupons"]) == 3
    desk.template("coded", kind=GiftPack(("ten", "twenty")), delivery="code")
    (code,) = await desk.codes("coded", 1)
    assert len((await desk.code("u2", code)).json()["coupons"]) == 2
    assert told(await desk.code("u3", code)) == "code_unknown"
    desk.template("chosen", kind=GiftPack(("ten", "twenty")), access="decision")
    desk.scoring.offer = "chosen"
    body = {"user_id": "u4"}
    decision = (await desk.post("issuance", "/v1/triggers", body)).json()
    claims = [desk.post("issuance", "/v1/claims", {**body, "decision_id": decision["decision_id"]}) for _ in range(5)]
    answers = await asyncio.gather(*claims)
    assert tally(answers) == {"won": 1, "decision_taken": 4}
    desk.verify()


async def test_a_pack_within_a_pack_gives_nothing(small_desk: Any) -> None:
    pack(small_desk)
    small_desk.template("outer", kind=GiftPack(("ten", "pack")))
    small_desk.user("u1")
    assert told(await small_desk.claim("u1", "outer")) == "not_claimable"
    assert small_desk.wallet("u1") == []


@pytest.mark.requirement("F020")
async def test_prizes_of_a_draw_come_by_their_weights(small_desk: Any) -> None:
    desk = small_desk
    for name in ("often", "seldom"):
        desk.template(name)
    desk.template("draw", kind=LuckyDraw((Prize("often", 9), Prize("seldom", 1))))
    rows = (await desk.push_all("draw", [f"u{n}" for n in range(200)])).json()["data"]
    assert {row["status"] for row in rows} == {201}
    drawn_often = desk.issued("often")
    assert drawn_often + desk.issued("seldom") == 200
    assert 160 <= drawn_often <= 196  # 180 expected; five deviations either way
    desk.verify()


@pytest.mark.requirement("F020")
async def test_a_draw_whose_prize_is_gone_draws_again_among_the_others_until_all_are_gone(desk: Any) -> None:
    desk.template("rare", quantity=1)
    desk.template("some", quantity=3)
    desk.template("draw", kind=LuckyDraw((Prize("rare", 10**6), Prize("some", 1))))
    answers = [await desk.claim(f"u{n}", "draw") for n in range(6)]
    assert tally(answers) == {"won": 4, "quantity_exhausted": 2}
    assert (desk.issued("rare"), desk.issued("some")) == (1, 3)
    assert [event.get("gone") for event in desk.events("bundle.opened")][-1] == ["rare"]
    assert list(desk.store.read(lambda connection: list(broken_draws(connection, desk.issuer.secret)))) == []
    desk.verify()


@pytest.mark.requirement("F017")
async def test_a_random_amount_can_be_drawn_again_from_the_key_and_the_coupons_id(small_desk: Any) -> None:
    desk = small_desk
    desk.template(kind=RandomAmount(100, 10_000), pool_cents=200_000)
    answers = [await desk.claim(f"u{n}") for n in range(60)]
    won = [answer.json() for answer in answers if answer.status_code == 201]
    assert set(tally(answers)) == {"won", "pool_exhausted"}
    assert sum(coupon["face_cents"] for coupon in won) <= 200_000
    for coupon in won:
        assert coupon["face_cents"] == drawn(desk.issuer.secret, "cut", coupon["coupon_id"], 100, 10_000)
    desk.verify()


@pytest.mark.requirement("F017")
@pytest.mark.requirement("F020")
async def test_an_amount_or_a_prize_that_somebody_chose_is_found(small_desk: Any) -> None:
    desk = small_desk
    desk.template("amount", kind=RandomAmount(100, 10_000))
    desk.template("often")
    desk.template("seldom")
    desk.template("draw", kind=LuckyDraw((Prize("often", 1), Prize("seldom", 1))))
    for n in range(8):
        await desk.claim(f"u{n}", "amount")
        await desk.claim(f"u{n}", "draw")

    def found(secret: bytes = desk.issuer.secret) -> list[Any]:
        return list(desk.store.read(lambda connection: list(broken_draws(connection, secret))))

    assert found() == []
    assert len(found(b"another key")) >= 8
    coupon = next(event["coupon_id"] for event in desk.events("coupon.claimed") if event["template_id"] == "amount")
    with desk.store._writer.begin() as connection:
        stream = f"coupon:{coupon}"
        data = connection.execute(select(events.c.data).where(events.c.stream == stream)).scalar_one()
        chosen = json.dumps({**json.loads(data), "face_cents": 10_000})
        connection.execute(update(events).where(events.c.stream == stream).values(data=chosen))
    ((where, field, said, drawn_cents),) = found()
    assert (where, field, said) == (stream, "face_cents", "10000")
    assert 100 <= int(drawn_cents) < 10_000
