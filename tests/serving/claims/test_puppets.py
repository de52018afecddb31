"""Puppets are stopped at the claim itself, before a coupon exists, with a model and without; neighbours are not."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.cases import open_cases
from fakes.desk import Desk
from fakes.scoring import Features, Models, booster
from fakes.shop import Clock, Scoring, cart, shop_settings
from sqlalchemy import insert, text

from models.registry import Artefact
from oracles.live import company_windows
from serving.app import Parts, scoring_app
from serving.issuer import Wanted
from serving.people.account import TAKEN
from serving.store.company import company
from serving.store.links import MOST, counts_of, seen_lately
from serving.store.schema import coupons
from serving.store.unit import Request
from serving.who import Who

PUPPET = {"device_id": "phone-1", "ip": "93.184.216.7", "address": "1 Long Street, flat 2"}


def calm() -> Artefact:
    """A model that suspects nobody: it knows nothing of what has happened since last night."""
    spec = {"features": ["device_others_24h", "ip_others_24h"], "thresholds": {"hold": 0.3, "withhold": 0.8}}
    return Artefact("abuse", spec, {"abuse": booster(0, 2, 0.01)})


class Answering(Scoring):
    """The real scoring service behind the fake one's door; a champion of abuse or none."""

    def attach(self, home: Path, url: str, clock: Clock, model: bool) -> None:
        models = Models()
        if model:
            models.put("abuse", calm())
        app = scoring_app(shop_settings(home, url), Parts(clock=clock, features=Features({}), models=models))
        app.state.parts.holder.refresh()
        self.inside = httpx.ASGITransport(app)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if self.failing is not None and (outcome := self.failing(request)) is not None:
            return outcome
        found = await self.inside.handle_async_request(request)
        content = await found.aread()
        self.asked.append({**json.loads(request.content), "answer": json.loads(content)})
        return httpx.Response(found.status_code, content=content)


@pytest.fixture(params=["with a model", "without a model", "scoring down"])
async def counter(request: Any, tmp_path: Path, sqlite_url: str, clock: Clock) -> AsyncIterator[Desk]:
    """An issuing desk that asks the real scoring service about a coupon that each account takes once."""
    scoring = Answering()
    made = Desk(tmp_path, sqlite_url, clock, scoring)
    scoring.attach(tmp_path, sqlite_url, clock, request.param == "with a model")
    if request.param == "scoring down":
        scoring.failing = lambda _: httpx.Response(503)
    made.template("welcome", per_user=1)
    made.template("everyday")
    yield made
    await made.close()


async def claims(desk: Desk, users: list[str], minutes: float, template: str = "welcome", **where: Any) -> list[int]:
    found = []
    for number, user in enumerate(users):
        given = {name: value(number) if callable(value) else value for name, value in where.items()}
        found.append((await desk.claim(user, template, **given)).status_code)
        desk.clock.forward(minutes=minutes)
    return found


def names(count: int) -> list[str]:
    return [f"u{number:02}" for number in range(count)]


@pytest.mark.requirement("F188")
async def test_the_third_puppet_on_one_device_gets_no_coupon(counter: Desk) -> None:
    assert await claims(counter, names(3), 4, **PUPPET) == [201, 201, 409]
    assert counter.issued("welcome") == 2
    assert counter.wallet("u02") == []
    (found,) = counter.store.read(open_cases)
    (flag,) = found.flags
    assert (flag.user_id, flag.reasons[0].code) == ("u02", "live_device")
    assert flag.reasons[0].en == "2 other new accounts claimed this coupon on this device within 8 minutes"
    assert flag.reasons[0].zh == "8 分钟内该设备上另有 2 个新账号领取此券"
    said = json.dumps([reason.en + reason.zh for reason in flag.reasons])
    assert not any(value in said for value in PUPPET.values())


async def test_a_burst_of_accounts_from_one_network_is_held_from_the_third_on(counter: Desk) -> None:
    burst = await claims(counter, names(6), 0.5, device_id=lambda n: f"phone-{n}", ip="93.184.216.9")
    assert burst == [201, 201, 409, 409, 409, 409]


async def test_students_who_move_in_behind_one_gateway_all_get_theirs(counter: Desk) -> None:
    where = {"device_id": lambda n: f"phone-{n}", "ip": "93.184.216.9"}
    moved_in = await claims(counter, names(24), 7, **where, address=lambda n: f"Campus House, room {n + 101}")
    assert moved_in == [201] * 24


async def test_a_placeholder_or_a_private_network_links_nobody(counter: Desk) -> None:
    for user in names(5):
        assert (await counter.claim(user, "welcome", device_id="unknown", ip="10.0.0.7")).status_code == 201
        counter.clock.forward(hours=7)


async def test_a_family_on_one_tablet_is_left_alone(counter: Desk) -> None:
    assert await claims(counter, names(2), 3, **PUPPET) == [201, 201]
    counter.clock.forward(days=9)
    assert await claims(counter, ["u90", "u91"], 60 * 30, **PUPPET) == [201, 201]
    assert await claims(counter, names(4), 6, "everyday", **PUPPET) == [201] * 4


async def test_a_device_whose_accounts_live_there_is_no_farm(counter: Desk) -> None:
    for number in range(12):
        counter.user(f"old{number}", orders=9, registered_at=counter.clock.now - timedelta(days=200))
        assert (await counter.claim(f"old{number}", "everyday", device_id="lobby")).status_code == 201
        counter.clock.forward(hours=6)
    counter.clock.forward(days=1)
    assert await claims(counter, names(4), 4, device_id="lobby") == [201] * 4


async def test_a_new_account_on_the_device_of_a_blocked_one_is_held(counter: Desk) -> None:
    assert await claims(counter, ["u00"], 5, **PUPPET) == [201]
    blocked = await counter.post("reviewer", "/v1/users/u00/actions", {"action": "block", "reason": "farm"})
    assert blocked.status_code == 201, blocked.text
    assert counter.events(TAKEN)
    assert await claims(counter, ["u01"], 5, **PUPPET) == [409]


async def test_of_two_puppets_at_one_instant_the_later_one_sees_the_earlier(counter: Desk) -> None:
    assert await claims(counter, ["u00"], 1, **PUPPET) == [201]
    commands = [await counter.issuer.claim(Who(user, *PUPPET.values()), Wanted("welcome")) for user in ("u01", "u02")]
    answers = [
        counter.store.write(Request("desk", f"at-once-{number}", "claims", str(number)), command)
        for number, command in enumerate(commands)
    ]
    assert [answer.status for answer in answers] == [201, 409]
    assert counter.issued("welcome") == 2


async def test_later_claims_change_no_earlier_answer(counter: Desk) -> None:
    await claims(counter, names(2), 4, **PUPPET)
    moment, who = counter.clock.now, Who("u02", *PUPPET.values())
    before = await counter.issuer.gate.ask(who, "claim", "welcome")
    counter.clock.forward(minutes=3)
    for number in range(30, 36):
        counter.user(f"u{number}", orders=5, registered_at=counter.clock.now - timedelta(days=99))
        await counter.claim(f"u{number}", "everyday", **PUPPET)
    await counter.post("reviewer", "/v1/users/u00/actions", {"action": "block", "reason": "farm"})
    counter.clock.now = moment
    assert await counter.issuer.gate.ask(who, "claim", "welcome") == before


async def test_an_old_account_that_is_drained_from_a_new_device_has_to_prove_itself(counter: Desk) -> None:
    owned = [(await counter.claim("owner", "everyday", device_id="own-phone")).json()["coupon_id"] for _ in range(3)]
    counter.clock.forward(days=2)

    async def pay(number: int, **more: Any) -> httpx.Response:
        order = {"coupon_ids": [owned[number]], "order_id": f"o{number}", "cart": cart(5000)}
        body = {"user_id": "owner", "device_id": "thief-phone", **order, **more}
        held = await counter.post("checkout", "/v1/holds", body)
        if held.status_code == 201:
            paid = {"user_id": "owner", "hold_id": held.json()["hold_id"]}
            assert (await counter.post("checkout", "/v1/redemptions", paid)).status_code == 201
        counter.clock.forward(minutes=5)
        return held

    assert [(await pay(number)).status_code for number in range(2)] == [201, 201]
    stopped = await pay(2)
    assert (stopped.status_code, stopped.json()["code"]) == (409, "step_up_required")
    assert (await pay(2, stepped_up=True)).status_code == 201


async def test_the_rules_read_the_same_on_both_databases(desk: Desk) -> None:
    desk.scoring.failing = lambda _: httpx.Response(503)
    desk.template("welcome", per_user=1)
    desk.user("u00", orders=0, registered_at=desk.clock.now - timedelta(days=1))
    assert await claims(desk, names(3), 4, **PUPPET) == [201, 201, 409]
    parts = {case.flags[0].reasons[0].code for case in desk.store.read(open_cases)}
    assert parts == {"live_device"}
    desk.verify()


def _plain(made: Any, moment: Any) -> dict[str, Any]:
    """What the rows of coupons have in common that are put into the ledger as they are."""
    return {
        "template_id": made.template_id, "template_version": made.version, "face_cents": 800, "state": "unused",
        "uses": 1, "used": 0, "source": "claim", "n": 1, "valid_from": moment, "valid_until": moment,
    }  # fmt: skip


async def test_the_company_of_a_claim_equals_plain_loops(small_desk: Desk) -> None:
    desk, rng = small_desk, random.Random(4)
    made = [desk.template(name, per_user=1) for name in ("a", "b")]
    now = desk.clock.now
    days = [rng.choice([0.002, 0.02, 0.5, 3.0, 12.0, 45.0]) * rng.random() for _ in range(160)]
    rows = [
        {
            **_plain(rng.choice(made), now),
            "coupon_id": f"c{number}",
            "user_id": f"u{rng.randrange(25)}",
            "claimed_at": now - timedelta(days=ago),
            **{kind: f"{kind}{rng.randrange(6)}" for kind in ("device", "address", "ip")},
        }
        for number, ago in enumerate(days)
    ]
    asks = [rows[number] for number in range(0, 160, 8)]
    windows = {f"{kind}_{step}" for kind in ("device", "address", "ip") for step in ("10m", "1h", "24h", "7d")}
    with desk.store._writer.begin() as connection:
        connection.execute(insert(coupons), rows)
        for ask in asks:
            at = max(ask["claimed_at"], now - timedelta(days=2))
            hashed = {kind: ask[kind] for kind in ("device", "address", "ip")}
            seen = seen_lately(connection, ask["user_id"], hashed, at - timedelta(days=7), at)
            template = next(one for one in made if one.template_id == ask["template_id"])
            found = company(connection, ask["user_id"], seen, at, ask["address"], template)
            told = {name: value for name, value in found.items() if name in windows}
            assert told == pytest.approx(company_windows(rows, ask, at))
        connection.rollback()


async def test_a_claim_behind_a_busy_gateway_reads_no_more_than_a_few_claims(small_desk: Desk) -> None:
    desk = small_desk
    made = desk.template("welcome", per_user=1)
    gateway, moment = desk.hasher("ip", "93.184.216.9"), desk.clock.now
    plain = {**_plain(made, moment), "ip": gateway}
    rows = [
        {**plain, "coupon_id": f"c{n}", "user_id": f"u{n}", "claimed_at": moment - timedelta(seconds=n)}
        for n in range(5000)
    ]
    hashed = {"ip": gateway, "device": None, "address": None}

    with desk.store._writer.begin() as connection:
        connection.execute(insert(coupons), rows)
        seen = seen_lately(connection, "u0", hashed, moment - timedelta(days=7), moment)
        explain = "EXPLAIN QUERY PLAN SELECT 1 FROM coupons WHERE ip = 'x' AND claimed_at >= 0 ORDER BY claimed_at DESC"
        plan = [row.detail for row in connection.execute(text(explain))]
        connection.rollback()
    assert [row.user_id for row in seen] == [f"u{n}" for n in range(1, MOST + 1)]
    assert "ix_coupons_ip_claimed_at" in plan[0]
    assert counts_of(seen, hashed, moment)["ip_others_1h"] == MOST
