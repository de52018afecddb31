"""Endpoints over HTTP: what is answered, kept and told, and that a secret is shown in one answer only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from serving.store import schema
from serving.store.rebuild import EventRow, Rows, reads
from serving.store.schema_webhooks import webhook_deliveries, webhook_endpoints
from serving.webhooks.rebuild import Webhooks

URL = "https://hooks.example/in"


def rebuilt(happened: Iterable[EventRow]) -> Rows:
    """The table of endpoints out of events alone."""
    rows: dict[str, Rows] = {"webhook_endpoints": {}}
    rebuilder = Webhooks(UTC)
    for row in happened:
        if reads(rebuilder, row.kind):
            rebuilder.take(rows, row)
    return rows["webhook_endpoints"]


async def test_a_secret_is_in_the_answer_that_makes_it_and_in_no_other(hooks: Any) -> None:
    made = await hooks.endpoint()
    assert made["secret"].startswith("whsec_")
    assert made["webhook_id"].startswith("whk_")
    path = f"/v1/webhooks/{made['webhook_id']}"
    others = [
        await hooks.get("/v1/webhooks"),
        await hooks.get(path),
        await hooks.post(f"{path}/disable"),
        await hooks.post(f"{path}/enable"),
        await hooks.get(f"{path}/deliveries"),
        await hooks.get("/v1/events"),
    ]
    for answer in others:
        assert answer.status_code == 200, answer.text
        assert "secret" not in answer.text.replace("old_secret_until", "")
        assert "whsec" not in answer.text


async def test_no_table_and_no_log_ever_has_a_secret(hooks: Any) -> None:
    with capture_logs() as logs:
        made = await hooks.endpoint()
        rotated = (await hooks.post(f"/v1/webhooks/{made['webhook_id']}/rotate")).json()
        hooks.receiver.answer = lambda _: 500
        await hooks.happen()
        await hooks.rounds(2, seconds=10)
        await hooks.post(f"/v1/webhooks/{made['webhook_id']}/disable")
    tables = (*schema.metadata.sorted_tables,)
    kept = hooks.store.read(
        lambda c: "\n".join(str(tuple(row)) for table in tables for row in c.execute(select(table)))
    )
    assert made["webhook_id"] in kept
    assert logs, "a failure is logged"
    for secret in (made["secret"], rotated["secret"]):
        bare = secret.removeprefix("whsec_")
        assert bare not in kept
        assert bare not in str(logs)
    assert "whsec_" not in kept
    assert "t=1" not in str(logs), "addresses may carry a token"


async def test_the_same_key_is_answered_with_the_same_bytes_and_makes_one_endpoint(hooks: Any) -> None:
    body = {"url": URL, "events": ["*"]}
    first = await hooks.post("/v1/webhooks", body, "one")
    hooks.addresses["hooks.example"] = ["10.0.0.1"]  # a replay asks nobody
    again = await hooks.post("/v1/webhooks", body, "one")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await hooks.get("/v1/webhooks")).json()["data"]) == 1
    path = f"/v1/webhooks/{first.json()['webhook_id']}"
    rotated = await hooks.post(f"{path}/rotate", key="two")
    assert (await hooks.post(f"{path}/rotate", key="two")).content == rotated.content
    assert rotated.json()["secret"] != first.json()["secret"]
    assert (await hooks.post("/v1/webhooks", {**body, "events": ["coupon.held"]}, "one")).json()["code"] == "key_reused"


async def test_a_dry_run_shows_the_endpoint_without_a_secret_and_keeps_nothing(small_hooks: Any) -> None:
    answer = await small_hooks.post("/v1/webhooks?dry_run=true", {"url": URL, "events": ["*"]})
    assert (answer.status_code, answer.json()["dry_run"]) == (201, True)
    assert "whsec" not in answer.text
    assert (await small_hooks.get("/v1/webhooks")).json()["data"] == []


async def test_lists_go_both_ways_by_cursor(small_hooks: Any) -> None:
    hooks = small_hooks
    made = [(await hooks.endpoint(f"h{n}.example"))["webhook_id"] for n in range(5)]
    made.sort()
    first = (await hooks.get("/v1/webhooks?limit=2")).json()
    assert ([row["webhook_id"] for row in first["data"]], first["has_more"]) == (made[:2], True)
    rest = (await hooks.get(f"/v1/webhooks?limit=3&starting_after={made[1]}")).json()
    assert ([row["webhook_id"] for row in rest["data"]], rest["has_more"]) == (made[2:], False)
    events = [await hooks.happen() for _ in range(5)][::-1]
    newest = (await hooks.get("/v1/events?limit=2")).json()
    assert ([row["id"] for row in newest["data"]], newest["has_more"]) == (events[:2], True)
    older = (await hooks.get(f"/v1/events?limit=9&starting_after={events[1]}")).json()
    assert ([row["id"] for row in older["data"]], older["has_more"]) == (events[2:], False)
    newer = (await hooks.get(f"/v1/events?limit=2&ending_before={events[3]}")).json()
    assert ([row["id"] for row in newer["data"]], newer["has_more"]) == (events[1:3], True)


async def test_events_can_be_listed_by_kind_and_those_about_endpoints_are_not_among_them(small_hooks: Any) -> None:
    await small_hooks.endpoint()
    held = await small_hooks.happen("coupon.held")
    await small_hooks.happen("coupon.redeemed")
    found = (await small_hooks.get("/v1/events?kind=coupon.held")).json()["data"]
    assert [row["id"] for row in found] == [held]
    assert {row["type"] for row in (await small_hooks.get("/v1/events")).json()["data"]} == {
        "coupon.held",
        "coupon.redeemed",
    }
    assert (await small_hooks.get("/v1/events?kind=webhook.created")).json()["data"] == []
    hidden = small_hooks.store.read(
        lambda c: c.execute(select(schema.events.c.event_id).where(schema.events.c.kind == "webhook.created")).scalar()
    )
    assert (await small_hooks.get(f"/v1/events/{hidden}")).json()["code"] == "event_unknown"
    assert (await small_hooks.post(f"/v1/events/{hidden}/resend", {})).json()["code"] == "event_unknown"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["webhook"]}, "events.0"),
        ({"url": URL, "events": ["*", "webhook.created"]}, "events.1"),
        ({"url": URL, "events": ["coupon.held; DROP"]}, "events.0"),
        ({"url": URL}, "events"),
        ({"events": ["*"]}, "url"),
        ({"url": URL, "events": ["*"], "secret": "mine"}, "(extra field)"),
        ({"url": URL, "events": ["*"], "state": "active"}, "(extra field)"),
        ({"url": "https://hooks.example/" + "a" * 500, "events": ["*"]}, "url"),
        ({"url": "https://hooks.example/\nx", "events": ["*"]}, "url"),
        ({"url": 7, "events": ["*"]}, "url"),
        ({"url": URL, "events": ["*"], "description": "a\x00b"}, "description"),
    ],
)
async def test_what_cannot_be_an_endpoint_is_refused_by_field(small_hooks: Any, body: Any, field: str) -> None:
    answer = await small_hooks.post("/v1/webhooks", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await small_hooks.get("/v1/webhooks")).json()["data"] == []


async def test_routes_are_for_the_scope_alone_and_unknown_ids_are_404(small_hooks: Any) -> None:
    paths = ("/v1/webhooks", "/v1/webhooks/whk_0", "/v1/webhooks/whk_0/deliveries", "/v1/events", "/v1/events/evt_0")
    for path in paths:
        assert (await small_hooks.get(path, role="checkout")).status_code == 403
        assert (await small_hooks.get(path, role="nobody")).status_code == 401
    for path in ("/v1/webhooks", "/v1/webhooks/whk_0/rotate", "/v1/events/evt_0/resend"):
        assert (await small_hooks.post(path, {}, role="checkout")).status_code == 403
    for verb in ("rotate", "disable", "enable"):
        answer = await small_hooks.post(f"/v1/webhooks/whk_0/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_unknown")
    assert (await small_hooks.get("/v1/webhooks/whk_0")).json()["code"] == "webhook_unknown"
    assert (await small_hooks.get("/v1/events/evt_0")).json()["code"] == "event_unknown"
    event = await small_hooks.happen()
    answer = await small_hooks.post(f"/v1/events/{event}/resend", {"webhook_id": "whk_0"})
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook_unknown")


async def test_endpoints_are_rebuilt_from_events_alone(hooks: Any) -> None:
    first, second = await hooks.endpoint("a.example"), await hooks.endpoint("b.example", ["coupon.held", "*"])
    third = await hooks.endpoint("c.example", ["coupon.held", "coupon.claimed", "coupon.held"])
    event = await hooks.happen("coupon.held")
    for webhook_id, verbs in ((first["webhook_id"], ("rotate", "rotate")), (second["webhook_id"], ("disable",) * 2)):
        for verb in verbs:
            hooks.clock.forward(seconds=1)
            assert (await hooks.post(f"/v1/webhooks/{webhook_id}/{verb}")).status_code == 200
    await hooks.post(f"/v1/webhooks/{second['webhook_id']}/enable")
    await hooks.post(f"/v1/events/{event}/resend", {"webhook_id": third["webhook_id"]})
    hooks.receiver.answer = lambda request: 410 if "c.example" in request.headers["host"] else 200
    await hooks.rounds()

    def read(connection: Any) -> Any:
        rows = connection.execute(select(schema.events).order_by(schema.events.c.seq)).all()
        happened = [EventRow(row.stream, row.n, row.kind, row.at, row.actor, json.loads(row.data)) for row in rows]
        stored = {(row["webhook_id"],): dict(row) for row in connection.execute(select(webhook_endpoints)).mappings()}
        return happened, stored

    happened, stored = hooks.store.read(read)
    assert rebuilt(happened) == stored
    assert stored[third["webhook_id"],]["reason"] == "gone"
    assert json.loads(stored[third["webhook_id"],]["events"]) == ["coupon.claimed", "coupon.held"]
    assert json.loads(stored[second["webhook_id"],]["events"]) == ["*"]
    assert stored[first["webhook_id"],]["generation"] == 3
    forgotten = [row for row in happened if row.kind != "webhook.rotated"]
    rotated = {"webhook_id": first["webhook_id"], "generation": 3}
    late = EventRow(f"webhook:{first['webhook_id']}", 9, "webhook.rotated", hooks.clock(), "operator", rotated)
    with pytest.raises(ValueError, match=r"secret 3 follows 1"):
        rebuilt([*forgotten, late])
    assert hooks.store.read(lambda c: c.execute(select(webhook_deliveries.c.lease)).scalars().all()) != []
