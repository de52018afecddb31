"""Appeals: one at a time, decided by somebody else, and a granted one leaves no trace in the account (F187)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fakes.lists import DEVICE, Lists
from fakes.shop import cart
from sqlalchemy import select

from features.errors import InputError
from serving.people.actions import take_action
from serving.review.appeals import ANSWERS, GRANT_CODES, REFUSE_CODES, Ruling, decide
from serving.review.case import Flag, Judgement
from serving.review.flags import standing_of
from serving.review.push import put_flags
from serving.review.report import verdict_rows
from serving.review.work import claim, judge
from serving.store.schema import flags
from serving.store.schema_lists import appeals, list_entries
from serving.store.verify import verify_ledger

GRANT, REFUSE = Ruling(True, "our_error", "looked again"), Ruling(False, "evidence_stands")


async def file(shop: Any, user_id: str = "u1", text: str = "I share a flat", **more: Any) -> Any:
    return await shop.post("issuance", "/v1/appeals", {"user_id": user_id, "text": text, **more})


async def filed(shop: Any, user_id: str = "u1") -> str:
    answer = await file(shop, user_id)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["appeal_id"])


async def told(shop: Any, appeal_id: str) -> dict[str, Any]:
    return dict((await shop.get("issuance", f"/v1/appeals/{appeal_id}")).json())


async def wallet(shop: Any, user_id: str) -> list[dict[str, Any]]:
    return list((await shop.get("issuance", f"/v1/users/{user_id}/wallet")).json()["data"])


def code(answer: Any) -> str:
    return "won" if answer.status_code == 201 else str(answer.json()["code"])


def act(lists: Lists, action: str, by: str = "staff:rita") -> None:
    assert lists.write(take_action("u1", action, "ring", "", None), by).status == 201


@pytest.mark.requirement("F187")
@pytest.mark.parametrize("actions", [("freeze",), ("block",), ("withhold",), ("revoke", "freeze"), ("cap", "step_up")])
async def test_a_granted_appeal_restores_the_account_exactly(shop: Any, lists: Lists, actions: tuple[str, ...]) -> None:
    await shop.template()
    kept = [await shop.coupon("u1") for _ in range(3)]
    held = await shop.post("checkout", "/v1/holds", {"user_id": "u1", "coupon_ids": kept[:1], "order_id": "o1",
                                                     "cart": cart(5000)})  # fmt: skip
    assert held.status_code == 201
    before, money = await wallet(shop, "u1"), (await shop.get("operator", "/v1/campaigns/spring")).json()
    for action in actions:
        act(lists, action)
    entry = lists.add("block", "user", "u1")
    assert code(await shop.claim("u1")) == "listed"
    appeal = await filed(shop)
    assert (await told(shop, appeal))["state"] == "open"
    answer = lists.write(decide(appeal, "staff:lena", GRANT), "staff:lena")
    assert answer.status == 200, answer
    assert await wallet(shop, "u1") == before
    assert (await shop.get("operator", "/v1/campaigns/spring")).json() == money
    assert shop.store.read(lambda connection: standing_of(connection, "u1")) is None
    assert code(await shop.claim("u1")) == "won"
    row = shop.store.read(lambda c: c.execute(select(list_entries).where(list_entries.c.entry_id == entry)).one())
    assert (row.removed_by, row.removed_reason) == ("staff:lena", "appeal:our_error")
    outcome = await told(shop, appeal)
    assert outcome["state"] == "granted"
    assert outcome["answer"] == dict(zip(("en", "zh"), ANSWERS["our_error"], strict=True))
    assert not {"note", "reason_code", "decided_by"} & outcome.keys(), "who decided and why stays inside"
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_refused_appeal_changes_nothing_and_another_may_follow(shop: Any, lists: Lists) -> None:
    await shop.template()
    act(lists, "freeze")
    appeal = await filed(shop)
    assert lists.write(decide(appeal, "staff:lena", REFUSE), "staff:lena").status == 200
    assert code(await shop.claim("u1")) == "account_frozen"
    assert (await told(shop, appeal))["answer"]["zh"].startswith("我们已复核")
    assert lists.write(decide(appeal, "staff:lena", GRANT), "staff:lena").body["code"] == "appeal_decided"
    again = await filed(shop)
    assert again != appeal
    data = (await shop.get("issuance", "/v1/appeals?user_id=u1")).json()
    assert [row["state"] for row in data["data"]] == ["refused", "open"]
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_who_had_a_hand_in_it_does_not_decide(shop: Any, lists: Lists) -> None:
    act(lists, "freeze", "staff:rob")
    lists.add("block", "user", "u1")  # by rita
    appeal = await filed(shop)
    for by in ("staff:rob", "staff:rita"):
        for ruling in (GRANT, REFUSE):
            assert lists.write(decide(appeal, by, ruling), by).body["code"] == "case_not_yours"
    assert (await told(shop, appeal))["state"] == "open"
    assert lists.write(decide(appeal, "staff:lena", GRANT), "staff:lena").status == 200


async def test_one_open_appeal_per_account_however_many_ask_at_once(shop: Any) -> None:
    answers = await asyncio.gather(*(file(shop, "u1", f"please {n}") for n in range(6)))
    assert sorted(code(answer) for answer in answers) == ["appeal_open"] * 5 + ["won"]
    assert code(await file(shop, "u2")) == "won"
    count = shop.store.read(lambda connection: len(connection.execute(select(appeals)).all()))
    assert count == 2
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_a_granted_account_may_be_let_past_the_thing_that_it_shares(shop: Any, lists: Lists) -> None:
    await shop.template()
    assert code(await shop.claim("u1", device_id=DEVICE)) == "won"
    lists.add("block", "device", DEVICE, days=200)
    assert code(await shop.claim("u1", device_id=DEVICE)) == "listed"
    appeal = await filed(shop)
    ruling = Ruling(True, "shared_thing", let_past=True)
    assert lists.write(decide(appeal, "staff:rita", ruling), "staff:rita").body["code"] == "case_not_yours"
    assert lists.write(decide(appeal, "staff:lena", ruling), "staff:lena").status == 200
    assert code(await shop.claim("u1", device_id=DEVICE)) == "won"
    assert code(await shop.claim("u2", device_id=DEVICE)) == "listed"
    shop.clock.forward(days=90)
    assert code(await shop.claim("u1", device_id=DEVICE)) == "listed"
    assert verify_ledger(shop.settings.ledger_url).exact


def test_every_outcome_has_an_answer_and_a_code_of_the_other_is_refused() -> None:
    assert ANSWERS.keys() == {*GRANT_CODES, *REFUSE_CODES}
    for granted, codes in ((True, REFUSE_CODES), (False, GRANT_CODES), (True, ("", "odd"))):
        for reason in codes:
            with pytest.raises(InputError):
                decide("apl_1", "staff:rita", Ruling(granted, reason))


@pytest.mark.parametrize(
    "body",
    [{"text": ""}, {"text": "x" * 2001}, {"text": "a\x00b"}, {"user_id": "two words"}, {"contact": "x" * 121},
     {"state": "granted"}, {"contact": None}],
)  # fmt: skip
async def test_what_is_no_appeal_is_refused(small_shop: Any, body: dict[str, Any]) -> None:
    answer = await small_shop.post("issuance", "/v1/appeals", {"user_id": "u1", "text": "please", **body})
    assert answer.status_code == 422


async def test_appeals_are_for_keys_that_may(small_shop: Any) -> None:
    appeal = await filed(small_shop)
    for role in ("checkout", "operator", "reviewer", "console"):
        assert (await small_shop.get(role, f"/v1/appeals/{appeal}")).status_code == 403
        assert (await small_shop.post(role, "/v1/appeals", {"user_id": "u9", "text": "x"})).status_code == 403
    missing = await small_shop.get("issuance", "/v1/appeals/apl_none")
    assert (missing.status_code, missing.json()["code"]) == (404, "appeal_unknown")
    # A test key files appeals in its sandbox only.
    tried = await small_shop.post("test_issuance", "/v1/appeals", {"user_id": "u1", "text": "try"})
    assert tried.status_code == 201
    assert len((await small_shop.get("issuance", "/v1/appeals")).json()["data"]) == 1


async def test_an_appeal_sent_twice_is_one(small_shop: Any) -> None:
    body = {"user_id": "u1", "text": "please"}
    first, second = [await small_shop.post("issuance", "/v1/appeals", body, "same-key") for _ in range(2)]
    assert first.json() == second.json()
    other = await small_shop.post("issuance", "/v1/appeals", {**body, "text": "other"}, "same-key")
    assert other.json()["code"] == "key_reused"


def judged(lists: Lists, case_id: str, by: str, *, action: str = "revoke") -> None:
    judgement = Judgement("abusive", action, "new_account_ring", "one phone")
    assert lists.write(claim(case_id, by, 15), by).status == 200
    assert lists.write(judge(case_id, by, judgement, 10**9), by).body["state"] == "decided"


def case_of(shop: Any, user_id: str) -> Any:
    query = select(flags.c.case_id).where(flags.c.user_id == user_id)
    return shop.store.read(lambda connection: connection.execute(query).scalars().one())


@pytest.mark.requirement("F187")
async def test_a_member_of_a_decided_ring_is_cleared_and_the_others_are_not(shop: Any, lists: Lists) -> None:
    await shop.template()
    coupons = {user_id: await shop.coupon(user_id) for user_id in ("u1", "u2")}
    before = {user_id: await wallet(shop, user_id) for user_id in coupons}
    put_flags(shop.store, [Flag(user_id, 0.9, "withhold", ring_id="r1") for user_id in coupons])
    case_id = case_of(shop, "u1")
    judged(lists, case_id, "staff:rita")
    assert [coupon["state"] for coupon in before["u1"]] == ["unused"]
    assert await wallet(shop, "u1") != before["u1"], "its coupon was taken back"
    appeal = await filed(shop)
    assert lists.write(decide(appeal, "staff:rita", GRANT), "staff:rita").body["code"] == "case_not_yours"
    assert lists.write(decide(appeal, "staff:lena", GRANT), "staff:lena").status == 200
    assert await wallet(shop, "u1") == before["u1"]
    assert code(await shop.claim("u1")) == "won"
    assert await wallet(shop, "u2") != before["u2"]
    assert code(await shop.claim("u2")) == "under_review"
    verdicts = {row[0]: row[2] for row in shop.store.read(verdict_rows)}
    assert verdicts == {"u1": "legitimate", "u2": "abusive"}
    assert verify_ledger(shop.settings.ledger_url).exact


async def test_out_of_an_open_case_one_account_is_cleared_for_good(shop: Any, lists: Lists) -> None:
    await shop.template()
    found = [Flag(user_id, 0.9, "withhold", ring_id="r1") for user_id in ("u1", "u2")]
    put_flags(shop.store, found)
    put_flags(shop.store, [Flag("u3", 0.9, "withhold")])
    for user_id in ("u1", "u3"):
        assert code(await shop.claim(user_id)) == "under_review"
        appeal = await filed(shop, user_id)
        assert lists.write(decide(appeal, "staff:lena", GRANT), "staff:lena").status == 200
        assert code(await shop.claim(user_id)) == "won"
    assert code(await shop.claim("u2")) == "under_review"
    judged(lists, case_of(shop, "u2"), "staff:rob", action="withhold")
    assert code(await shop.claim("u1")) == "won", "the verdict on the ring comes after the appeal's"
    assert code(await shop.claim("u2")) == "under_review"
    verdicts = {row[0]: row[2] for row in shop.store.read(verdict_rows)}
    assert (verdicts["u1"], verdicts["u2"]) == ("legitimate", "abusive")
    assert verify_ledger(shop.settings.ledger_url).exact
