"""Commands that wait for the writer of an SQLite ledger together share a commit, and nobody can tell from an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event

from serving.coupons.refusals import Refuse
from serving.coupons.template import Campaign
from serving.store.shelf import add_campaign, find_campaign
from serving.store.unit import Answer, Command, Request, Store, Transaction
from serving.store.verify import verify_ledger


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


def asked(key: str) -> Request:
    return Request("line", key, "test", key)


def making(name: str, then: Exception | Refuse | None = None) -> Command:
    def command(tx: Transaction) -> Answer | Refuse:
        verdict = add_campaign(tx, Campaign(name, name, 100))
        if isinstance(verdict, Refuse):
            return verdict
        if isinstance(then, Exception):
            raise then
        return then or Answer(201, {"made": name})

    return command


async def together(store: Store, *works: tuple[str, Command]) -> tuple[list[Any], int]:
    """The outcomes of commands that all wait while the writer is busy, and how many commits they took."""
    busy, commits = Event(), 0

    def counted(_connection: Any) -> None:
        nonlocal commits
        commits += 1

    store._writers.submit(busy.wait)
    waiting = [asyncio.ensure_future(store.run(asked(key), command)) for key, command in works]
    await asyncio.sleep(0)
    event.listen(store._writer, "commit", counted)
    busy.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    event.remove(store._writer, "commit", counted)
    return outcomes, commits


def made(store: Store, *names: str) -> list[bool]:
    return store.read(lambda connection: [find_campaign(connection, name) is not None for name in names])


async def test_what_waits_together_is_committed_once_and_answered_each(store: Store) -> None:
    outcomes, commits = await together(store, *((f"k{n}", making(f"c{n}")) for n in range(4)))
    assert [outcome.body for outcome in outcomes] == [{"made": f"c{n}"} for n in range(4)]
    assert commits == 1
    assert verify_ledger(store.url).exact


async def test_a_refusal_undoes_its_own_part_and_is_remembered(store: Store) -> None:
    works = [("k0", making("c0")), ("k1", making("c1", Refuse("quantity_exhausted"))), ("k2", making("c2"))]
    outcomes, commits = await together(store, *works)
    assert [outcome.status for outcome in outcomes] == [201, 409, 201]
    assert (made(store, "c0", "c1", "c2"), commits) == ([True, False, True], 1)
    again = await store.run(asked("k1"), making("c1"))
    assert (again.status, again.replayed) == (409, True)
    assert verify_ledger(store.url).exact


async def test_what_breaks_fails_alone(store: Store) -> None:
    works = [("k0", making("c0")), ("k1", making("c1", ValueError("broken"))), ("k2", making("c2"))]
    outcomes, _ = await together(store, *works)
    assert [type(outcome) for outcome in outcomes] == [Answer, ValueError, Answer]
    assert made(store, "c0", "c1", "c2") == [True, False, True]
    assert (await store.run(asked("k1"), making("c1"))).status == 201
    assert verify_ledger(store.url).exact


async def test_twins_that_wait_together_have_one_effect(store: Store) -> None:
    outcomes, _ = await together(store, ("k0", making("c0")), ("k0", making("c0")))
    assert [outcome.body for outcome in outcomes] == [{"made": "c0"}] * 2
    assert [outcome.replayed for outcome in outcomes] == [False, True]


async def test_it_is_done_even_if_the_caller_goes_away(store: Store) -> None:
    busy = Event()
    store._writers.submit(busy.wait)
    waiting = asyncio.ensure_future(store.run(asked("k0"), making("c0")))
    await asyncio.sleep(0)
    waiting.cancel()
    busy.set()
    assert (await store.run(asked("k0"), making("c0"))).replayed
    assert made(store, "c0") == [True]
