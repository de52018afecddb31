"""Flags become cases, people give verdicts, verdicts decide what stands; on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes.cases import case_of, decided, do, judgement, open_cases
from fakes.shop import Clock

from features.errors import InputError
from serving.review.case import Flag, Reason
from serving.review.flags import standing_of, standings_of
from serving.review.push import put_flags
from serving.review.report import verdict_rows
from serving.review.work import claim, judge
from serving.store.unit import Store
from serving.store.verify import verify_ledger

WHY = (Reason("device_others_24h", "5 others on one device", "同一设备上有 5 个其他账号"),)
RING = [Flag("a", 0.9, "block", WHY, "R1"), Flag("b", 0.7, "hold", WHY, "R1")]


def standing(store: Store, user: str) -> str | None:
    return store.read(lambda connection: standing_of(connection, user))


def only(store: Store) -> str:
    (case,) = store.read(open_cases)
    return case.case_id


def test_a_ring_becomes_one_case_and_the_same_flags_twice_change_nothing(store: Store) -> None:
    assert put_flags(store, [*RING, Flag("c", 0.4, "hold")]).opened == 2
    again = put_flags(store, [*RING, Flag("c", 0.4, "hold")])
    assert (again.opened, again.updated, again.unchanged) == (0, 0, 2)
    assert [(case.subject, case.users, case.score) for case in store.read(open_cases)] == [
        ("ring:R1", ("a", "b"), 0.9),
        ("user:c", ("c",), 0.4),
    ]
    assert verify_ledger(store.url).exact


def test_new_members_join_the_open_case(store: Store) -> None:
    put_flags(store, RING)
    assert put_flags(store, [Flag("d", 0.95, "withhold", WHY, "R1")]).updated == 1
    (case,) = store.read(open_cases)
    assert case.users == ("d", "a", "b")
    assert verify_ledger(store.url).exact


def test_until_a_person_has_judged_a_machine_may_only_withhold(store: Store, clock: Clock) -> None:
    put_flags(store, RING)
    assert standing(store, "a") == "withhold"
    assert standing(store, "b") == "hold"
    assert standing(store, "nobody") is None
    assert store.read(lambda c: standings_of(c, ["a", "b", "nobody"], clock.now)) == {"a": "withhold", "b": "hold"}


def test_a_case_that_only_asks_a_person_to_look_has_members_without_a_standing(store: Store) -> None:
    put_flags(store, [Flag("a", 0.5, "allow")])
    assert standing(store, "a") is None
    assert verify_ledger(store.url).rows["flags"] == 1


def test_a_verdict_sets_what_stands_and_becomes_training_data(store: Store, clock: Clock) -> None:
    put_flags(store, [*RING, Flag("c", 0.4, "hold")])
    ring, single = (case.case_id for case in store.read(open_cases))
    clock.forward(hours=1)
    assert decided(store, ring, "abusive", "freeze").status == 200
    assert decided(store, single, "legitimate", "allow").status == 200
    assert [standing(store, user) for user in "abc"] == ["freeze", "freeze", "allow"]
    rows = store.read(verdict_rows)
    assert {(row[0], *row[2:]) for row in rows} == {
        ("a", "abusive", "reviewer", "staff:rita"),
        ("b", "abusive", "reviewer", "staff:rita"),
        ("c", "legitimate", "reviewer", "staff:rita"),
    }
    assert all(row[1] == clock.now for row in rows)
    assert store.read(open_cases) == []
    assert verify_ledger(store.url).exact


def test_members_can_be_judged_otherwise_than_their_ring(store: Store) -> None:
    put_flags(store, RING)
    case_id = only(store)
    exceptions = {"b": ("legitimate", "allow")}
    assert decided(store, case_id, "abusive", "block", members=exceptions).status == 200
    assert [standing(store, user) for user in "ab"] == ["block", "allow"]
    assert {row[0]: row[2] for row in store.read(verdict_rows)} == {"a": "abusive", "b": "legitimate"}
    assert case_of(store, case_id).exceptions == exceptions
    assert verify_ledger(store.url).exact


def test_judged_users_come_back_only_with_somebody_new(store: Store) -> None:
    put_flags(store, RING)
    decided(store, only(store), "legitimate", "allow")
    assert put_flags(store, [Flag("a", 0.99, "block", WHY, "R1")]).unchanged == 1
    assert put_flags(store, [*RING, Flag("z", 0.8, "withhold", WHY, "R1")]).opened == 1
    (fresh,) = store.read(open_cases)
    assert fresh.users == ("z",)
    assert standing(store, "a") == "allow"


def test_a_watched_user_is_let_through_and_comes_back_with_a_clearly_stronger_flag(store: Store) -> None:
    put_flags(store, RING)
    assert decided(store, only(store), "abusive", "watch").status == 200
    assert [standing(store, user) for user in "ab"] == ["watch", "watch"]
    assert put_flags(store, [Flag("b", 0.72, "hold", WHY, "R1")]).unchanged == 1
    assert put_flags(store, [Flag("b", 0.8, "hold", WHY, "R1")]).opened == 1
    (again,) = store.read(open_cases)
    assert again.users == ("b",)
    assert standing(store, "b") == "hold"


def test_a_case_is_judged_once_and_an_unknown_one_not_at_all(store: Store) -> None:
    put_flags(store, RING)
    case_id = only(store)
    decided(store, case_id, "abusive", "block")
    assert decided(store, case_id, "legitimate", "allow").body["code"] == "case_decided"
    assert decided(store, "case_none", "abusive", "block").body["code"] == "case_unknown"
    assert do(store, "staff:rita", claim(case_id, "staff:rita", 5)).body["code"] == "case_decided"
    assert standing(store, "a") == "block"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"verdict": "guilty"}, "verdict"),
        ({"action": "shout"}, "action"),
        ({"verdict": "legitimate", "action": "block"}, "action"),
        ({"verdict": "abusive", "action": "allow"}, "action"),
        ({"members": {"b": ("legitimate", "cap")}}, "action"),
        ({"reason_code": "household"}, "reason_code"),
        ({"reason_code": ""}, "reason_code"),
        ({"reason_code": "other_abuse", "note": " "}, "note"),
        ({"note": "x" * 501}, "note"),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused(wrong: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"verdict": "abusive", "action": "hold", "reason_code": "resale", **wrong}
    if wrong.get("verdict") == "guilty":
        values["reason_code"] = "resale"
    with pytest.raises(InputError) as caught:
        judge("case", "staff:rita", judgement(**values), 0)
    assert caught.value.field == field


@pytest.mark.parametrize("flag", [Flag("a", 1.1, "hold"), Flag("a", -0.1, "hold"), Flag("a", 0.5, "scold")])
def test_a_flag_that_cannot_be_is_refused(store: Store, flag: Flag) -> None:
    with pytest.raises(InputError, match=r"score|action"):
        put_flags(store, [flag])
    with pytest.raises(InputError, match="score"):
        put_flags(store, [Flag("a", float("nan"), "hold")])


async def test_a_running_server_takes_flags_over_http_and_honours_them(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    flag = {
        "user_id": "a",
        "score": 0.9,
        "action": "withhold",
        "ring_id": "R1",
        "reasons": [{"code": "device", "en": "5 others", "zh": "5 个"}],
    }
    answer = await shop.post("reviewer", "/v1/flags", {"flags": [flag]})
    assert answer.json() == {"opened": 1, "updated": 0, "unchanged": 0}
    shop.scoring.failing = lambda _: httpx.Response(503)
    assert (await shop.claim("a")).json()["code"] == "under_review", "a fallback knows the flags too"
    assert (await shop.claim("b")).status_code == 201


@pytest.mark.parametrize("down", [False, True])
async def test_a_watched_user_claims_and_orders_like_anybody(small_shop: Any, down: bool) -> None:
    shop = small_shop
    await shop.template()
    put_flags(shop.store, [Flag("a", 0.9, "withhold")])
    decided(shop.store, only(shop.store), "abusive", "watch")
    shop.scoring.action = "watch"
    if down:
        shop.scoring.failing = lambda _: httpx.Response(503)
    assert (await shop.claim("a")).status_code == 201
