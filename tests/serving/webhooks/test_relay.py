"""The relay: every event to everybody who wants it, at least once, under one id, whatever stops it."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.shop import START, Clock
from sqlalchemy import select

from serving.store import schema
from serving.store.faults import armed
from serving.store.schema_webhooks import webhook_deliveries as book
from serving.webhooks.lane import WIDTH
from serving.webhooks.relay import LANE, LEASE, relay_for_ever


class StopError(Exception):
    """What a test lets happen at a fault point."""


def stop() -> None:
    raise StopError


def pending_outbox(hooks: Any) -> int:
    query = select(schema.outbox.c.event_id).where(schema.outbox.c.published_at.is_(None))
    return len(hooks.store.read(lambda connection: connection.execute(query).all()))


async def test_an_event_goes_once_to_each_endpoint_that_wants_its_kind(hooks: Any) -> None:
    await hooks.endpoint("all.example")
    await hooks.endpoint("held.example", ["coupon.held"])
    redeemed, held = await hooks.happen("coupon.redeemed"), await hooks.happen("coupon.held")
    await hooks.rounds(3, seconds=60)
    assert hooks.receiver.by_endpoint() == {
        ("all.example", redeemed): 1,
        ("all.example", held): 1,
        ("held.example", held): 1,
    }
    assert pending_outbox(hooks) == 0, "those about endpoints are off the outbox too"
    event = (await hooks.get(f"/v1/events/{held}")).json()
    assert [row["state"] for row in event["deliveries"]] == ["delivered", "delivered"]


async def test_what_happened_before_an_endpoint_existed_is_not_sent_to_it(hooks: Any) -> None:
    await hooks.happen()
    hooks.clock.forward(microseconds=1)
    await hooks.endpoint()
    after = await hooks.happen()
    await hooks.rounds()
    assert hooks.receiver.ids == [after]


async def test_events_of_one_coupon_arrive_in_their_order_and_numbered(hooks: Any) -> None:
    await hooks.endpoint()
    sent = [await hooks.happen(subject="cpn_1", n=n + 1) for n in range(LANE + 5)]
    await hooks.rounds()
    assert hooks.receiver.ids == sent
    assert [
        request.content.count(f'"sequence":{n + 1},'.encode()) for n, request in enumerate(hooks.receiver.seen)
    ] == ([1] * len(sent))


async def test_coupons_go_side_by_side_and_each_in_its_order(hooks: Any) -> None:
    await hooks.endpoint()
    order: dict[str, list[int]] = {}
    at_once, most = 0, 0

    async def jumbled(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        body = json.loads(request.content)
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.004 if body["sequence"] % 2 else 0.0)
        order.setdefault(body["data"]["coupon_id"], []).append(body["sequence"])
        at_once -= 1
        return httpx.Response(200)

    hooks.receiver.answer = jumbled
    for n in range(1, 5):
        for coupon in range(12):
            await hooks.happen(subject=f"cpn_{coupon}", n=n)
    await hooks.rounds()
    assert order == {f"cpn_{coupon}": [1, 2, 3, 4] for coupon in range(12)}
    assert most == WIDTH


async def test_a_stop_between_post_and_commit_sends_the_same_id_and_body_again(hooks: Any) -> None:
    await hooks.endpoint()
    event = await hooks.happen()
    with armed("after_post", stop), pytest.raises(StopError):
        await hooks.relay.once()
    await hooks.rounds()
    assert hooks.receiver.ids == [event, event]
    assert hooks.receiver.seen[0].content == hooks.receiver.seen[1].content


def test_a_killed_relay_is_followed_by_one_that_sends_the_same_id_after_the_lease(
    ledger_url: str, make_hooks: Any, tmp_path: Path
) -> None:
    log = tmp_path / "received"

    async def killed() -> None:
        hooks = make_hooks(ledger_url, Clock())
        await hooks.endpoint()
        log.write_text(f"expected {await hooks.happen()}\n")

        def write(request: httpx.Request) -> int:
            with log.open("a") as file:
                file.write(f"got {request.headers['webhook-id']}\n")
            return 200

        hooks.receiver.answer = write
        with armed("after_post", lambda: os._exit(9)):
            await hooks.relay.once()

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            asyncio.run(killed())
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    expected, got = (line.split()[1] for line in log.read_text().splitlines())
    assert got == expected

    async def next_one() -> tuple[list[str], list[str]]:
        hooks = make_hooks(ledger_url, Clock(START + LEASE - timedelta(microseconds=1)), seed=2)
        await hooks.rounds(microseconds=1)
        early = hooks.receiver.ids.copy()
        await hooks.rounds(2)
        await hooks.close()
        return early, hooks.receiver.ids

    assert asyncio.run(next_one()) == ([], [expected])


async def test_two_relays_of_one_process_send_each_event_once(hooks: Any) -> None:
    await side_by_side(hooks, hooks.another_relay())


async def test_relays_of_two_stores_send_each_event_once(ledger_url: str, make_hooks: Any, clock: Clock) -> None:
    """As two processes on one ledger have them."""
    hooks = make_hooks(ledger_url, clock)
    other = make_hooks(ledger_url, clock, 2, hooks.receiver)
    await side_by_side(hooks, other.relay)
    await other.close()
    await hooks.close()


async def side_by_side(hooks: Any, other: Any) -> None:
    async def slowly(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        return httpx.Response(200)

    hooks.receiver.answer = slowly
    for host in ("a.example", "b.example"):
        await hooks.endpoint(host)
    sent = [await hooks.happen() for _ in range(50)]
    for _ in range(6):
        await asyncio.gather(*(relay.once() for relay in (hooks.relay, other) * 2))
    assert hooks.receiver.by_endpoint() == Counter(
        {(host, event): 1 for host in ("a.example", "b.example") for event in sent}
    )
    assert hooks.store.read(lambda c: c.execute(select(book.c.lease).where(book.c.lease.is_not(None))).all()) == []


async def test_a_lease_that_ran_out_is_claimed_again_and_the_late_one_changes_nothing(hooks: Any) -> None:
    made = await hooks.endpoint()
    event = await hooks.happen()
    second = hooks.another_relay()

    async def overtaken(_: httpx.Request) -> httpx.Response:
        hooks.receiver.answer = lambda _: 200
        hooks.clock.forward(minutes=2)
        await second.once()
        return httpx.Response(500)

    hooks.receiver.answer = overtaken
    await hooks.relay.once()
    assert hooks.receiver.ids == [event, event]
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["state"], row["attempts"], row["status"]) == ("delivered", 1, 200)


# Written out, not computed: how long after each failed attempt the next one comes.
WAITS = [10, 40, 160, 640, 2560, 10240, 40960, 43200, 43200, 43200, 43200, 43200]


async def test_retries_back_off_over_three_days_and_then_endpoint_and_event_are_given_up(hooks: Any) -> None:
    made = await hooks.endpoint()
    event = await hooks.happen()
    hooks.receiver.answer = lambda _: 503
    for number, wait in enumerate(WAITS, 1):
        await hooks.relay.once()
        assert len(hooks.receiver.seen) == number
        hooks.clock.forward(seconds=wait, microseconds=-1)
        await hooks.relay.once()
        assert len(hooks.receiver.seen) == number, "not before its time"
        hooks.clock.forward(microseconds=1)
    assert timedelta(days=3) < hooks.clock() - START < timedelta(days=3.5)
    assert (await hooks.get(f"/v1/webhooks/{made['webhook_id']}")).json()["state"] == "active"
    await hooks.relay.once()
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["event_id"], row["state"], row["attempts"], row["status"]) == (event, "failed", 13, 503)
    endpoint = (await hooks.get(f"/v1/webhooks/{made['webhook_id']}")).json()
    assert (endpoint["state"], endpoint["reason"]) == ("disabled", "failing")
    failed = await hooks.get(f"/v1/webhooks/{made['webhook_id']}/deliveries?state=failed")
    assert [item["event_id"] for item in failed.json()["data"]] == [event]
    hooks.receiver.answer = lambda _: 200
    await hooks.rounds(3, days=1)
    assert len(hooks.receiver.seen) == 13
    assert set(hooks.receiver.ids) == {event}


async def test_an_event_that_a_receiver_cannot_take_does_not_end_its_endpoint(small_hooks: Any) -> None:
    hooks = small_hooks
    made = await hooks.endpoint()
    poison = await hooks.happen("coupon.held")
    hooks.receiver.answer = lambda request: 500 if request.headers["webhook-id"] == poison else 200
    for wait in (*WAITS, 0):
        await hooks.happen()
        await hooks.rounds(2)
        hooks.clock.forward(seconds=wait)
        await hooks.rounds(2, seconds=11)
    for _ in range(8):
        await hooks.rounds(days=1)
    states = {row["event_id"]: row["state"] for row in await hooks.deliveries(made["webhook_id"])}
    assert states.pop(poison) == "failed"
    assert set(states.values()) == {"delivered"}
    assert (await hooks.get(f"/v1/webhooks/{made['webhook_id']}")).json()["state"] == "active"


async def test_of_a_receiver_that_is_down_one_event_finds_out_and_others_are_not_held_up(hooks: Any) -> None:
    down, up = await hooks.endpoint("down.example"), await hooks.endpoint("up.example")
    hooks.receiver.answer = lambda request: (
        httpx.ConnectError("refused") if request.headers["host"] == "down.example" else 200
    )
    sent = [await hooks.happen() for _ in range(10)]
    await hooks.rounds(3)  # at one moment: the others wait too
    found = hooks.receiver.by_endpoint()
    assert [found["up.example", event] for event in sent] == [1] * 10
    assert [found["down.example", event] for event in sent] == [1] + [0] * 9
    rows = await hooks.deliveries(down["webhook_id"])
    assert sorted(row["attempts"] for row in rows) == [0] * 9 + [1]
    assert {row["state"] for row in await hooks.deliveries(up["webhook_id"])} == {"delivered"}
    hooks.receiver.answer = lambda _: 200
    hooks.clock.forward(seconds=10)
    await hooks.rounds()
    assert {row["state"] for row in await hooks.deliveries(down["webhook_id"])} == {"delivered"}


async def test_an_event_that_is_refused_by_its_kind_does_not_hold_up_the_next(small_hooks: Any) -> None:
    await small_hooks.endpoint()
    small_hooks.receiver.answer = lambda request: 400 if b"coupon.held" in request.content else 200
    await small_hooks.happen("coupon.held")
    await small_hooks.happen("coupon.redeemed")
    await small_hooks.rounds()
    assert len(small_hooks.receiver.seen) == 2


async def test_a_disabled_endpoint_gets_nothing_and_what_was_under_way_is_kept_as_failed(hooks: Any) -> None:
    made = await hooks.endpoint()
    path = f"/v1/webhooks/{made['webhook_id']}"
    hooks.receiver.answer = lambda _: 500
    first = await hooks.happen()
    await hooks.rounds()
    assert (await hooks.post(f"{path}/disable")).json()["reason"] == "by_hand"
    assert [row["state"] for row in await hooks.deliveries(made["webhook_id"])] == ["failed"], "at once"
    await hooks.happen()
    hooks.receiver.answer = lambda _: 200
    await hooks.rounds(3, days=1)
    assert hooks.receiver.ids == [first]
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["event_id"], row["state"], row["error"]) == (first, "failed", "endpoint_disabled")
    assert (await hooks.post(f"{path}/enable")).json()["state"] == "active"
    third = await hooks.happen()
    await hooks.rounds(2, days=1)
    assert hooks.receiver.ids == [first, third]


async def test_a_delivery_written_down_as_its_endpoint_was_disabled_is_not_sent(small_hooks: Any) -> None:
    made = await small_hooks.endpoint()
    await small_hooks.happen()
    assert await small_hooks.relay.waiting() == [made["webhook_id"]]
    with small_hooks.store._writer.begin() as connection:  # the other process's half of the race
        connection.execute(
            schema.metadata.tables["webhook_endpoints"].update().values(state="disabled", reason="by_hand")
        )
    assert await small_hooks.relay.lane(made["webhook_id"]) == 0
    assert small_hooks.receiver.seen == []
    (row,) = await small_hooks.deliveries(made["webhook_id"])
    assert row["state"] == "failed"


async def test_a_receiver_that_says_gone_is_not_asked_again(hooks: Any) -> None:
    made = await hooks.endpoint()
    hooks.receiver.answer = lambda _: 410
    await hooks.happen()
    await hooks.rounds(3, days=1)
    assert len(hooks.receiver.seen) == 1
    assert (await hooks.get(f"/v1/webhooks/{made['webhook_id']}")).json()["reason"] == "gone"
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["state"], row["attempts"], row["status"], row["error"]) == ("failed", 1, 410, None)


async def test_an_idle_relay_writes_nothing(hooks: Any) -> None:
    await hooks.endpoint()
    await hooks.happen()
    await hooks.rounds(2)

    def written(connection: Any) -> int:
        return len(connection.execute(select(schema.requests.c.key)).all())

    before = hooks.store.read(written)
    await hooks.rounds(20, hours=1)
    assert hooks.store.read(written) == before


async def test_the_relay_in_the_background_delivers_survives_errors_and_settles_when_it_is_stopped(
    hooks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.webhooks.relay.POLL_SECONDS", 0.01)
    await hooks.endpoint()
    first = await hooks.happen()
    hanging = asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        hanging.set()
        await asyncio.sleep(60)
        return httpx.Response(200)

    with armed("after_post", stop):
        task = asyncio.create_task(relay_for_ever(hooks.relay))
        while len(hooks.receiver.seen) < 2:
            await asyncio.sleep(0.01)
    while (await hooks.get(f"/v1/events/{first}")).json()["deliveries"][0]["state"] != "delivered":
        await asyncio.sleep(0.01)
    hooks.receiver.answer = hang
    second = await hooks.happen()
    await asyncio.wait_for(hanging.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hooks.store.read(lambda c: c.execute(select(book.c.lease).where(book.c.lease.is_not(None))).all()) == []
    hooks.receiver.answer = lambda _: 200
    await hooks.relay.once()
    assert (await hooks.get(f"/v1/events/{second}")).json()["deliveries"][0]["state"] == "delivered"
