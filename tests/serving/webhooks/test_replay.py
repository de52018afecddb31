"""Replay by hand: the same id and bytes again, to one endpoint or to all, whatever became of the event before."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from serving.store.schema import events


@pytest.mark.parametrize("state", ["delivered", "pending", "failed"])
async def test_a_replay_sends_the_same_id_whatever_became_of_the_event(hooks: Any, state: str) -> None:
    made = await hooks.endpoint()
    event = await hooks.happen()
    hooks.receiver.answer = lambda _: {"delivered": 200, "pending": 500, "failed": 410}[state]
    await hooks.rounds()
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert row["state"] == state
    if state == "failed":
        refused = await hooks.post(f"/v1/events/{event}/resend", {"webhook_id": made["webhook_id"]})
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
        assert (await hooks.post(f"/v1/events/{event}/resend", {})).json()["webhook_ids"] == []
        await hooks.post(f"/v1/webhooks/{made['webhook_id']}/enable")
    hooks.receiver.answer = lambda _: 200
    answer = await hooks.post(f"/v1/events/{event}/resend", {}, "again")
    assert answer.json() == {"event_id": event, "webhook_ids": [made["webhook_id"]]}
    assert (await hooks.post(f"/v1/events/{event}/resend", {}, "again")).content == answer.content
    await hooks.rounds(3, seconds=1)
    assert hooks.receiver.ids == [event, event], "the key was used twice, the event sent once more"
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["state"], row["attempts"]) == ("delivered", 1)


async def test_an_old_event_can_be_replayed_to_a_new_endpoint_alone(hooks: Any) -> None:
    await hooks.endpoint("old.example")
    event = await hooks.happen()
    await hooks.rounds()
    hooks.clock.forward(seconds=1)
    made = await hooks.endpoint("new.example", ["coupon.held"])
    answer = await hooks.post(f"/v1/events/{event}/resend", {"webhook_id": made["webhook_id"]})
    assert answer.json()["webhook_ids"] == [made["webhook_id"]]
    await hooks.rounds(2)
    assert hooks.receiver.by_endpoint() == {("old.example", event): 1, ("new.example", event): 1}
    query = select(events.c.actor, events.c.data).where(events.c.kind == "webhook.resent")
    ((actor, data),) = hooks.store.read(lambda connection: connection.execute(query).all())
    assert (actor, json.loads(data)) == ("operator", {"webhook_id": made["webhook_id"], "event_id": event})


async def test_a_replay_while_the_event_is_being_sent_is_sent_after_it(hooks: Any) -> None:
    await hooks.endpoint()
    event = await hooks.happen()

    async def resent(_: httpx.Request) -> httpx.Response:
        hooks.receiver.answer = lambda _: 200
        assert (await hooks.post(f"/v1/events/{event}/resend", {})).status_code == 200
        return httpx.Response(200)

    hooks.receiver.answer = resent
    await hooks.rounds(2)
    assert hooks.receiver.ids == [event, event]
