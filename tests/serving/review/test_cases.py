"""Flags become cases, people give verdicts, verdicts decide what stands; on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes.shop import Clock, seeded_ids

from features.errors import InputError
from serving.review.case import Flag, Reason
from serving.review.flags import standing_of, standings_of
from serving.review.push import put_flags
from serving.review.report import decided_cases, open_cases, totals, verdict_rows
from serving.review.store import decide
from serving.store.unit import Request, Store
from serving.store.verify import verify_ledger

WHY = (Reason("device_others_24h", "5 others on one device", "同一设备上有 5 个其他账号"),)
RING = [Flag("a", 0.9, "block", WHY, "R1"), Flag("b", 0.7, "hold", WHY, "R1")]


@pytest.fixture
def store(ledger_url: str, clock: Clock) -> Any:
    opened = Store(ledger_url, clock, seeded_ids(clock))
    yield opened
    opened.close()


def judge(store: Store, case_id: str, verdict: str, action: str, key: str = "k") -> Any:
    return store.write(Request("rita", key, "console", f"{case_id}{verdict}"), decide(case_id, verdict, action, "rita"))


def standing(store: Store, user: str) -> str | None:
    return store.read(lambda connection: standing_of(connection, user))


def test_a_ring_becomes_one_case_and_the_same_flags_twice_change_nothing(store: Store) -> None:
    assert put_flags(store, [*RING, Flag("c", 0.4, "hold")]).opened == 2
    again = put_flags(store, [*RING, Flag("c", 0.4, "hold")])
    assert (again.opened, again.updated, again.unchanged) == (0, 0, 2)
    cases = store.read(open_cases)
    assert [(row.case.subject, row.case.users, row.case.score) for row in cases] == [
        ("ring:R1", ("a", "b"), 0.9),
        ("user:c", ("c",), 0.4),
    ]
    assert verify_ledger(store.url).exact


def test_new_members_join_the_open_case(store: Store) -> None:
    put_flags(store, RING)
    assert put_flags(store, [Flag("d", 0.95, "withhold", WHY, "R1")]).updated == 1
    (row,) = store.read(open_cases)
    assert row.case.users == ("d", "a", "b")
    assert verify_ledger(store.url).exact


def test_until_a_person_has_judged_a_machine_may_only_withhold(store: Store) -> None:
    put_flags(store, RING)
    assert standing(store, "a") == "withhold"
    assert standing(store, "b") == "hold"
    assert standing(store, "nobody") is None
    assert store.read(lambda c: standings_of(c, ["a", "b", "nobody"])) == {"a": "withhold", "b": "hold"}


def test_a_verdict_sets_what_stands_and_becomes_training_data(store: Store, clock: Clock) -> None:
    put_flags(store, [*RING, Flag("c", 0.4, "hold")])
    ring, single = (row.case.case_id for row in store.read(open_cases))
    clock.forward(hours=1)
    assert judge(store, ring, "abusive", "freeze").status == 200
    assert judge(store, single, "legitimate", "allow", "k2").status == 200
    assert [standing(store, user) for user in "abc"] == ["freeze", "freeze", "allow"]
    rows = store.read(verdict_rows)
    assert {(row[0], row[2], row[3], row[4]) for row in rows} == {
        ("a", "abusive", "reviewer", "rita"),
        ("b", "abusive", "reviewer", "rita"),
        ("c", "legitimate", "reviewer", "rita"),
    }
    assert all(row[1] == clock.now for row in rows)
    assert store.read(open_cases) == []
    assert len(store.read(decided_cases)) == 2
    assert store.read(totals).open_cases == 0
    assert verify_ledger(store.url).exact


def test_judged_users_come_back_only_with_somebody_new(store: Store) -> None:
    put_flags(store, RING)
    (row,) = store.read(open_cases)
    judge(store, row.case.case_id, "legitimate", "allow")
    assert put_flags(store, [Flag("a", 0.99, "block", WHY, "R1")]).unchanged == 1
    assert put_flags(store, [*RING, Flag("z", 0.8, "withhold", WHY, "R1")]).opened == 1
    (fresh,) = store.read(open_cases)
    assert fresh.case.users == ("z",)
    assert standing(store, "a") == "allow"


def test_a_case_is_judged_once_and_an_unknown_one_not_at_all(store: Store) -> None:
    put_flags(store, RING)
    (row,) = store.read(open_cases)
    judge(store, row.case.case_id, "abusive", "block")
    assert judge(store, row.case.case_id, "legitimate", "allow", "k2").body["code"] == "case_decided"
    assert judge(store, "case_none", "abusive", "block", "k3").body["code"] == "case_unknown"
    assert standing(store, "a") == "block"


@pytest.mark.parametrize(("verdict", "action"), [("guilty", "block"), ("abusive", "shout"), ("legitimate", "block")])
def test_a_verdict_that_makes_no_sense_is_refused(verdict: str, action: str) -> None:
    with pytest.raises(InputError, match=r"verdict|action"):
        decide("case", verdict, action, "rita")


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
