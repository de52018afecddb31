"""The blind audit and second looks: who is drawn, that it is drawn once, and what the desk learns from it."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.desk import Desk
from fakes.shop import Clock, Scoring, cart
from sqlalchemy import select

from serving.review.audit_slice import LAG, chosen, draw
from serving.review.case import Flag
from serving.review.desk_figures import audit_of, reviewers, second_looks
from serving.review.flags import standing_of
from serving.review.push import put_flags
from serving.review.report import verdict_rows
from serving.review.second_looks import open_second_looks
from serving.review.work import Judgement, claim, judge
from serving.store.schema import cases
from serving.store.schema_feedback import audit_rounds

KEY = b"a key of the installation"
GUILTY = Judgement("abusive", "withhold", "resale", "", {})
FINE = Judgement("legitimate", "allow", "household", "", {})
NEVER = 10**12


@pytest.fixture
async def desk(tmp_path: Any, ledger_url: str, clock: Clock, scoring: Scoring) -> Any:
    made = Desk(tmp_path, ledger_url, clock, scoring)
    made.template("cut")
    yield made
    await made.close()


async def redeem(desk: Desk, user_id: str) -> str:
    coupon = (await desk.claim(user_id)).json()["coupon_id"]
    body = {"user_id": user_id, "coupon_ids": [coupon], "order_id": f"o-{user_id}", "cart": cart(5000)}
    answer = await desk.post("checkout", "/v1/redemptions", body)
    assert answer.is_success, answer.text
    return str(answer.json()["redemption_id"])


def decided(desk: Desk, case_id: str, by: str, judgement: Judgement) -> None:
    assert desk.write(claim(case_id, by, 10)).status == 200
    answer = desk.write(judge(case_id, by, judgement, NEVER))
    assert answer.status == 200, answer.body


def audit_cases(desk: Desk) -> list[Any]:
    query = select(cases).where(cases.c.source == "audit").order_by(cases.c.case_id)
    return list(desk.store.read(lambda connection: connection.execute(query).all()))


async def test_the_share_that_is_asked_for_is_drawn_and_nothing_twice(desk: Desk, clock: Clock) -> None:
    names = [await redeem(desk, f"u{n}") for n in range(30)]
    clock.forward(minutes=10)
    drawn = desk.write(draw(0.4, KEY)).body["drawn"]
    assert drawn == sum(chosen(name, 0.4, KEY) for name in names)
    assert 0 < drawn < 30
    found = audit_cases(desk)
    assert {row.subject for row in found} == {f"audit:{name}" for name in names if chosen(name, 0.4, KEY)}
    assert all(row.blind for row in found)
    assert desk.write(draw(0.4, KEY)).body["drawn"] == 0
    clock.forward(hours=1)
    assert desk.write(draw(0.4, KEY)).body["drawn"] == 0, "an empty round"
    await redeem(desk, "late")
    assert desk.write(draw(1.0, KEY)).body["drawn"] == 0, "the newest minutes wait"
    clock.forward(seconds=LAG.total_seconds() + 1)
    assert desk.write(draw(1.0, KEY)).body["drawn"] == 1
    desk.verify()


async def test_flagged_users_are_not_drawn_and_count_as_flagged(desk: Desk, clock: Clock) -> None:
    for n in range(6):
        await redeem(desk, f"u{n}")
    put_flags(desk.store, [Flag("u0", 0.9, "withhold"), Flag("u1", 0.5, "allow")])
    clock.forward(minutes=10)
    assert desk.write(draw(1.0, KEY)).body["drawn"] == 4
    row = desk.store.read(lambda connection: connection.execute(select(audit_rounds)).one())
    assert (row.flagged, row.unflagged, row.drawn) == (2, 4, 4)
    assert desk.store.read(lambda connection: standing_of(connection, "u2")) is None, "an audit stands against nobody"


async def test_recall_and_precision_follow_from_the_verdicts(desk: Desk, clock: Clock) -> None:
    for n in range(10):
        await redeem(desk, f"u{n}")
    put_flags(desk.store, [Flag("u0", 0.9, "withhold"), Flag("u1", 0.8, "hold")])
    clock.forward(minutes=10)
    desk.write(draw(1.0, KEY))
    before = desk.store.read(audit_of)
    assert (before.drawn, before.waiting, before.recall) == (8, 8, None)
    audits = audit_cases(desk)
    for place, row in enumerate(audits):
        decided(desk, row.case_id, "staff:rita", GUILTY if place == 0 else FINE)
    open_now = select(cases.c.case_id, cases.c.subject).where(cases.c.state == "open")
    for row in desk.store.read(lambda connection: connection.execute(open_now).all()):
        decided(desk, row.case_id, "staff:rita", GUILTY if row.subject == "user:u0" else FINE)
    found = desk.store.read(audit_of)
    assert (found.right.hits, found.right.n) == (1, 2)
    assert (found.missed.hits, found.missed.n) == (1, 8)
    assert found.recall is not None
    assert found.recall.value == pytest.approx(0.5), "one caught, one of eight missed among eight"
    assert found.recall.missed == pytest.approx(1.0)
    sources = {user_id: source for user_id, _, _, source, _ in desk.store.read(verdict_rows)}
    assert sources["u0"] == "reviewer"
    assert sorted(sources.values()).count("audit") == 8
    assert [(reviewer.name, reviewer.decided, reviewer.abusive) for reviewer in desk.store.read(reviewers)] == [
        ("staff:rita", 10, 2)
    ]
    desk.verify()


async def test_a_second_look_is_somebody_elses_and_changes_nothing(desk: Desk, clock: Clock) -> None:
    put_flags(desk.store, [Flag("u0", 0.9, "withhold")])
    first = desk.store.read(lambda connection: connection.execute(select(cases.c.case_id)).scalar_one())
    decided(desk, first, "staff:rita", GUILTY)
    assert desk.write(open_second_looks(1.0, KEY)).body["opened"] == 1
    assert desk.write(open_second_looks(1.0, KEY)).body["opened"] == 0
    again = select(cases).where(cases.c.source == "second")
    look = desk.store.read(lambda connection: connection.execute(again).one())
    assert (look.blind, look.not_by) == (True, "staff:rita")
    refused = desk.write(claim(look.case_id, "staff:rita", 10))
    assert (refused.status, refused.body["code"]) == (403, "case_not_yours")
    decided(desk, look.case_id, "staff:lena", FINE)
    assert desk.store.read(lambda connection: standing_of(connection, "u0")) == "withhold"
    assert [row[2] for row in desk.store.read(verdict_rows)] == ["abusive"]
    agreement, differ = desk.store.read(second_looks)
    assert (agreement.n, agreement.equal.hits) == (1, 0)
    assert [(row.first, row.second) for row in differ] == [("abusive", "legitimate")]
    clock.forward(days=8)
    assert desk.write(open_second_looks(1.0, KEY)).body["opened"] == 0
    desk.verify()
