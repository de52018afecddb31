"""Rewards: every deed once, whoever reports it and however often; runs of days; invitations; groups that draw."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from fakes.cases import decided
from fakes.desk import tally, told

from serving.coupons.draws import pick
from serving.coupons.kinds import LuckyDraw, NoThreshold, Prize
from serving.issue import draw_seed


@pytest.mark.requirement("F065")
async def test_a_review_earns_one_coupon_however_often_it_is_reported(desk: Any) -> None:
    desk.template()
    answers = await asyncio.gather(*(desk.reward("review", f"u{n % 2}", ref="review_1") for n in range(12)))
    assert tally(answers) == {"won": 1, "reward_repeated": 11}
    (coupon,) = next(answer.json()["coupons"] for answer in answers if answer.status_code == 201)
    assert coupon["source"] == "review"
    assert desk.events("coupon.claimed")[0]["ref"] == "review_1"
    assert told(await desk.reward("review", "u1", ref="review_2")) == "won"
    desk.verify()


@pytest.mark.requirement("F064")
async def test_the_seventh_day_in_a_row_earns_the_coupon_and_a_missed_day_resets(desk: Any) -> None:
    desk.template("large", kind=NoThreshold(5000))
    for day in range(1, 7):
        desk.at(f"2026-05-0{day}", "23:50" if day % 2 else "00:10")
        answer = await desk.reward("sign_in", "u1", "large")
        assert (answer.status_code, answer.json()["coupons"], answer.json()["days_left"]) == (200, [], 7 - day)
    assert answer.json()["refused"]["code"] == "reward_not_yet"
    assert told(await desk.reward("sign_in", "u1", "large")) == "reward_repeated"
    desk.at("2026-05-07", "12:00")
    seventh = await asyncio.gather(*(desk.reward("sign_in", "u1", "large") for _ in range(6)))
    assert tally(seventh) == {"won": 1, "reward_repeated": 5}
    (won,) = [answer for answer in seventh if answer.status_code == 201]
    assert [coupon["face_cents"] for coupon in won.json()["coupons"]] == [5000]
    for day in (8, 9, 10, 11, 12, 14):  # the 13th is missed
        desk.at(f"2026-05-{day:02}", "12:00")
        answer = await desk.reward("sign_in", "u1", "large")
    assert (answer.status_code, answer.json()["streak"]) == (200, 1)
    desk.verify()


@pytest.mark.requirement("F064")
async def test_a_day_counts_even_when_its_coupon_is_refused(small_desk: Any) -> None:
    small_desk.template(per_user=1)
    for day in range(1, 15):
        small_desk.at(f"2026-05-{day:02}", "12:00")
        answer = await small_desk.reward("sign_in", "u1")
    assert (answer.status_code, answer.json()["streak"]) == (200, 14)
    assert answer.json()["refused"]["code"] == "user_limit_total"
    small_desk.at("2026-05-15", "12:00")
    assert (await small_desk.reward("sign_in", "u1")).json()["streak"] == 15
    small_desk.verify()


@pytest.mark.requirement("F063")
async def test_sharing_earns_one_per_rule_up_to_the_cap_of_the_day(desk: Any) -> None:
    desk.template()
    answers = await asyncio.gather(*(desk.reward("share", "u1", ref=f"rule_{n % 6}") for n in range(18)))
    found = tally(answers)
    assert found["won"] == 3
    assert set(found) == {"won", "reward_repeated", "user_limit_day"}
    assert told(await desk.reward("share", "u2", ref="rule_0")) == "won"
    desk.clock.forward(days=1)
    rest = [told(await desk.reward("share", "u1", ref=f"rule_{n}")) for n in range(6)]
    assert Counter(rest) == {"won": 3, "reward_repeated": 3}
    desk.verify()


@pytest.mark.requirement("F021")
async def test_an_invited_user_who_registers_earns_the_inviter_one_coupon(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    for n in range(3):
        desk.user(f"new{n}")
    invited = [desk.reward("invite", f"u{n % 2}", ref=f"link_{n}", invitee="new0") for n in range(8)]
    assert tally(await asyncio.gather(*invited)) == {"won": 1, "reward_repeated": 7}
    assert told(await desk.reward("invite", "u1", ref="another", invitee="new1")) == "won"
    assert told(await desk.reward("invite", "u1", ref="another", invitee="new2")) == "reward_repeated"
    desk.verify()


@pytest.mark.requirement("F021")
@pytest.mark.parametrize("kind", ["phone", "identity", "device"])
async def test_inviting_oneself_earns_nothing_under_another_account_neither(small_desk: Any, kind: str) -> None:
    desk = small_desk
    desk.template()
    assert told(await desk.reward("invite", "u1", ref="a", invitee="u1")) == "reward_self"
    thing = "13800138000"
    desk.user("u1", **{kind: thing})
    desk.user("second", **{kind: thing})
    assert told(await desk.reward("invite", "u1", ref="b", invitee="second")) == "reward_self"
    assert desk.wallet("u1") == []


@pytest.mark.requirement("F021")
async def test_the_inviters_own_device_and_the_second_account_of_a_third_person_earn_nothing(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    desk.user("new", device="phone-1")
    assert told(await desk.reward("invite", "u1", ref="a", invitee="new", device_id="phone-1")) == "reward_self"
    desk.user("old", phone="13800138000", orders=4)
    desk.user("again", phone="13800138000")
    assert told(await desk.reward("invite", "u1", ref="b", invitee="again")) == "newcomer_linked"
    desk.user("family", address="1 Long Street, Springfield 12345")
    desk.user("u1", address="1 Long Street, Springfield 12345")
    assert told(await desk.reward("invite", "u1", ref="c", invitee="family")) == "won"


@pytest.mark.requirement("F020")
async def test_each_member_of_a_complete_group_draws_one(desk: Any) -> None:
    for name, cents in (("ten", 1000), ("twenty", 2000)):
        desk.template(name, kind=NoThreshold(cents))
    draw = desk.template("draw", kind=LuckyDraw((Prize("ten", 3), Prize("twenty", 1))), delivery="push")
    body = {"ref": "group_1", "members": ["u1", "u2", "u3"]}
    answers = await asyncio.gather(*(desk.reward("group_buy", "u1", "draw", **body) for _ in range(4)))
    assert tally(answers) == {"won": 1, "reward_repeated": 3}
    rows = next(answer.json()["data"] for answer in answers if answer.status_code == 201)
    assert [(row["user_id"], row["status"]) for row in rows] == [("u1", 201), ("u2", 201), ("u3", 201)]
    seed, prizes = (
        draw_seed(desk.issuer.secret, "draw"),
        [(prize.template_id, prize.weight) for prize in draw.kind.prizes],
    )
    for row in rows:
        (coupon,) = row["answer"]["coupons"]
        assert coupon["template"]["template_id"] == pick(seed, row["answer"]["bundle_id"], prizes)
        assert coupon["source"] == "group_buy"
    assert {user: len(desk.wallet(user)) for user in body["members"]} == {"u1": 1, "u2": 1, "u3": 1}
    more = await desk.reward("group_buy", "u1", "draw", ref="group_1", members=["u1", "u7", "u8"])
    assert told(more) == "reward_repeated"
    desk.verify()


@pytest.mark.requirement("F023")
async def test_a_game_gives_a_coupon_whose_source_is_recorded(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    assert (await desk.claim("u1", source="game")).json()["source"] == "game"
    assert (await desk.claim("u1", source="social")).json()["source"] == "social"
    (won,) = (await desk.reward("game", "u1", ref="play_1")).json()["coupons"]
    assert won["source"] == "game_reward"
    assert told(await desk.reward("game", "u1", ref="play_1")) == "reward_repeated"
    assert told(await desk.reward("game", "u2", ref="play_1")) == "won"
    given = [event["source"] for event in desk.events("coupon.claimed")]
    assert given == ["game", "social", "game_reward", "game_reward"]
    assert (await desk.claim("u1", source="push")).status_code == 422
    desk.verify()


@pytest.mark.requirement("F021")
async def test_a_customer_of_before_is_nobody_whom_one_could_invite(small_desk: Any) -> None:
    small_desk.template()
    small_desk.user("regular", orders=2)
    small_desk.user("fresh", orders=1)  # the order that the invitation led to
    assert told(await small_desk.reward("invite", "u1", ref="a", invitee="regular")) == "newcomer_only"
    assert told(await small_desk.reward("invite", "u1", ref="b", invitee="fresh")) == "won"
    assert len(small_desk.wallet("u1")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "review"},
        {"kind": "sign_in", "ref": "a"},
        {"kind": "invite", "ref": "a"},
        {"kind": "review", "ref": "a", "invitee": "u2"},
        {"kind": "group_buy", "ref": "a"},
        {"kind": "group_buy", "ref": "a", "members": ["u1"]},
        {"kind": "group_buy", "ref": "a", "members": ["u1", "u1"]},
        {"kind": "group_buy", "ref": "a", "members": ["u2", "u3"]},
        {"kind": "review", "ref": "a", "members": ["u1", "u2"]},
        {"kind": "birthday", "ref": "a"},
    ],
)
async def test_a_deed_that_lacks_a_part_or_has_too_much_is_not_taken(small_desk: Any, wrong: dict[str, Any]) -> None:
    small_desk.template()
    body = {"user_id": "u1", "template_id": "cut", **wrong}
    answer = await small_desk.post("issuance", "/v1/rewards", body)
    assert answer.status_code == 422, answer.text


async def test_a_withheld_reward_is_not_used_up(small_desk: Any) -> None:
    desk = small_desk
    desk.template()
    desk.scoring.action = "withhold"
    assert told(await desk.reward("review", "u1", ref="review_1")) == "under_review"
    desk.scoring.action = "allow"
    assert told(await desk.reward("review", "u1", ref="review_1")) == "under_review"
    (case,) = desk.events("case.opened")
    decided(desk.store, case["case_id"], "legitimate", "allow")
    assert told(await desk.reward("review", "u1", ref="review_1")) == "won"
    desk.verify()
