"""Codes: random, kept as hashes, good once, and of no use to somebody who guesses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fakes.desk import tally, told
from sqlalchemy import text

from serving.coupons.codes import RANDOM_BYTES, GuessLimit


async def test_a_code_gives_its_coupon_once(desk: Any) -> None:
    desk.template("gift", delivery="code")
    first, second = await desk.codes("gift", 2)
    found = await asyncio.gather(*(desk.code(f"u{n}", first, ip=f"203.0.113.{n}") for n in range(8)))
    assert tally(found) == {"won": 1, "code_unknown": 7}
    won = next(answer.json() for answer in found if answer.status_code == 201)
    assert (won["source"], won["template"]["template_id"]) == ("code", "gift")
    assert told(await desk.code("u9", f" {second.lower().replace('-', '')} ")) == "won"
    assert told(await desk.claim("u9", "gift")) == "not_claimable"
    desk.verify()


async def test_codes_that_have_run_out_already_are_not_made(small_desk: Any) -> None:
    small_desk.template("gift", delivery="code")
    body = {"count": 1, "expires_at": f"{small_desk.clock.now.isoformat()}Z"}
    answer = await small_desk.post("operator", "/v1/templates/gift/codes", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "expires_at")


async def test_codes_are_shown_once_and_stored_nowhere(small_desk: Any) -> None:
    small_desk.template("gift", delivery="code")
    body = {"count": 50}
    made = (await small_desk.post("operator", "/v1/templates/gift/codes", body, "once")).json()
    again = await small_desk.post("operator", "/v1/templates/gift/codes", body, "once")
    assert len(set(made["codes"])) == 50
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "codes" not in again.json()
    assert again.json()["count"] == 50
    await small_desk.code("u1", made["codes"][0])

    def dump(connection: Any) -> str:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return "\n".join(str(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}")))

    stored = small_desk.store.read(dump)
    assert not any(code in stored or code.replace("-", "") in stored for code in made["codes"])


def test_a_million_live_codes_are_not_hit_by_guessing_all_day() -> None:
    bits, guesses = RANDOM_BYTES * 8, GuessLimit().wrong * 60 * 24
    assert bits >= 60
    assert guesses * 10**6 / 2**bits < 1e-4


async def test_ten_thousand_codes_are_made_at_once_and_more_are_refused(small_desk: Any) -> None:
    small_desk.template("gift", delivery="code")
    assert len(set(await small_desk.codes("gift", 10_000))) == 10_000
    refused = await small_desk.post("operator", "/v1/templates/gift/codes", {"count": 10_001})
    assert refused.status_code == 422
    small_desk.verify()


async def test_codes_are_made_for_templates_that_give_by_code(small_desk: Any) -> None:
    small_desk.template("open")
    refused = (await small_desk.post("operator", "/v1/templates/open/codes", {"count": 1})).json()
    assert refused["errors"][0]["expected"] == "a template whose delivery is code"
    assert told(await small_desk.post("operator", "/v1/templates/none_such/codes", {"count": 1})) == "template_unknown"


async def test_unknown_used_foreign_and_expired_codes_have_one_answer(small_desk: Any) -> None:
    desk = small_desk
    desk.template("gift", delivery="code")
    (used,) = await desk.codes("gift", 1)
    (expired,) = await desk.codes("gift", 1, expires_at="2026-05-01T04:00:01Z")
    assert told(await desk.code("u1", used)) == "won"
    desk.clock.forward(seconds=1)
    tried = {
        "unknown": await desk.code("a", "0000-0000-0000-0000"),
        "nonsense": await desk.code("b", "';--"),
        "used by another": await desk.code("c", used),
        "used by oneself": await desk.code("u1", used),
        "expired": await desk.code("d", expired),
    }
    own = ("request_id", "instance")  # what names the request and nothing else
    said = [{name: value for name, value in answer.json().items() if name not in own} for answer in tried.values()]
    assert all(one == said[0] for one in said)
    assert {answer.status_code for answer in tried.values()} == {404}
    assert told(tried["unknown"]) == "code_unknown"
    desk.verify()


async def test_ten_wrong_codes_a_minute_and_then_a_lock(desk: Any) -> None:
    desk.template("gift", delivery="code")
    (good,) = await desk.codes("gift", 1)
    answers = await asyncio.gather(*(desk.code("u1", f"WRONG-{n}") for n in range(30)))
    assert tally(answers) == {"code_unknown": 10, "code_locked": 20}
    locked = await desk.code("u1", good)
    assert locked.status_code == 429
    assert locked.json()["distance"] == {"amount": 60, "unit": "seconds"}
    assert locked.headers["Retry-After"] == "60"
    desk.clock.forward(seconds=59)
    assert told(await desk.code("u1", good)) == "code_locked"
    desk.clock.forward(seconds=1)
    assert told(await desk.code("u1", good)) == "won"
    desk.verify()


@pytest.mark.parametrize("thing", ["device_id", "ip"])
async def test_many_accounts_on_one_thing_share_the_guesses(desk: Any, thing: str) -> None:
    answers = await asyncio.gather(*(desk.code(f"u{n}", "WRONG", **{thing: "203.0.113.7"}) for n in range(15)))
    assert tally(answers) == {"code_unknown": 10, "code_locked": 5}
    assert told(await desk.code("u1", "WRONG")) == "code_unknown"  # without the thing only the user counts
    desk.verify()


async def test_who_is_locked_again_and_again_becomes_a_case(small_desk: Any) -> None:
    desk = small_desk
    for _ in range(3):
        assert len(desk.events("case.opened")) == 0
        for n in range(10):
            assert told(await desk.code("u1", f"WRONG-{n}")) == "code_unknown"
        desk.clock.forward(seconds=61)
    (case,) = desk.events("case.opened")
    assert case["flags"][0]["reasons"][0]["code"] == "code_guessing"
    desk.template()
    assert told(await desk.claim("u1")) == "step_up_required"
    assert told(await desk.claim("u1", stepped_up=True)) == "won"
    desk.verify()


async def test_a_right_code_leaves_no_trace_among_the_guesses_and_a_refused_one_stays_good(small_desk: Any) -> None:
    desk = small_desk
    desk.template("gift", delivery="code", per_user=1)
    first, second = await desk.codes("gift", 2)
    assert told(await desk.code("u1", first, device_id="d1")) == "won"
    assert told(await desk.code("u1", second, device_id="d1")) == "user_limit_total"
    assert told(await desk.code("u2", second, device_id="d1")) == "won"
    assert desk.verify().rows["code_guesses"] == 0


async def test_a_wrong_guess_sent_again_under_its_key_is_one_guess(small_desk: Any) -> None:
    body = {"user_id": "u1", "code": "WRONG"}
    for _ in range(20):
        assert told(await small_desk.post("issuance", "/v1/claims", body, "same")) == "code_unknown"
    assert len(small_desk.events("code.guessed")) == 1


async def test_a_code_cannot_be_tried_without_being_counted_and_codes_of_a_rehearsal_are_not_shown(
    small_desk: Any,
) -> None:
    small_desk.template("gift", delivery="code")
    tried = await small_desk.post("issuance", "/v1/claims?dry_run=true", {"user_id": "u1", "code": "WRONG"})
    assert (tried.status_code, tried.json()["errors"][0]["field"]) == (422, "dry_run")
    made = await small_desk.post("operator", "/v1/templates/gift/codes?dry_run=true", {"count": 3})
    assert (made.json()["count"], made.json()["dry_run"], "codes" in made.json()) == (3, True, False)
    assert small_desk.verify().rows["codes"] == 0
