"""The law of the outbox under everything that can happen between a relay and a receiver."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fakes.shop import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from serving.store.faults import armed
from serving.store.schema_webhooks import webhook_deliveries as book


class StopError(Exception):
    """What the test lets happen between a POST and the commit that records it."""


def stop() -> None:
    raise StopError


SIGHTS = st.sampled_from([200, 200, 204, 302, 400, 429, 500, "lost", "crash"])


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    sights=st.lists(SIGHTS, max_size=12),
    kinds=st.lists(st.sampled_from(["coupon.held", "coupon.redeemed"]), max_size=8),
)
def test_whatever_happens_on_the_way_every_event_arrives_at_all_who_want_it(
    tmp_path_factory: pytest.TempPathFactory, make_hooks: Any, sights: list[Any], kinds: list[str]
) -> None:
    """The law of the outbox: at least once to each, never to others, the same bytes under the same id each time."""

    async def live() -> None:
        hooks = make_hooks(f"sqlite:///{tmp_path_factory.mktemp('relay') / 'ledger.db'}", Clock())
        ahead = iter(sights)
        crash = False

        def answer(_: httpx.Request) -> Any:
            nonlocal crash
            sight = next(ahead, 200)
            crash = sight == "crash"
            return httpx.ReadError("reset") if sight == "lost" else 200 if crash else sight

        def maybe() -> None:
            if crash:
                stop()

        hooks.receiver.answer = answer
        await hooks.endpoint("all.example")
        await hooks.endpoint("held.example", ["coupon.held"])
        wanted = set()
        for kind in kinds:
            event = await hooks.happen(kind)
            wanted |= {("all.example", event)} | ({("held.example", event)} if kind == "coupon.held" else set())
            with armed("after_post", maybe), suppress(StopError):
                await hooks.relay.once()
        for _ in range(16):
            with armed("after_post", maybe), suppress(StopError):
                await hooks.relay.once()
            hooks.clock.forward(hours=6)
        assert set(hooks.receiver.by_endpoint()) == wanted
        assert len({request.content for request in hooks.receiver.seen}) == len(kinds)
        rows = hooks.store.read(lambda c: c.execute(select(book)).all())
        assert {row.state for row in rows} <= {"delivered"}
        assert len(rows) == len(wanted)
        await hooks.close()

    asyncio.run(live())
