"""One transaction per command: all of it or none, whatever stops it, and the same answer for the same key."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock, cart, seeded_ids
from sqlalchemy import create_engine, func, select, text, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.store import schema
from serving.store.engine import durability, reader_engine
from serving.store.faults import armed
from serving.store.migrate import current, head, migrate, upgrade
from serving.store.unit import Answer, KeyReusedError, Request, Store, Transaction
from serving.store.verify import verify_ledger

POINTS = ("after_key", "after_state", "after_event", "after_outbox", "before_commit")


class StopError(Exception):
    """What a test lets happen at a fault point."""


def stop() -> None:
    raise StopError


@pytest.fixture
def store(ledger_url: str, clock: Clock) -> Any:
    opened = Store(ledger_url, clock, seeded_ids(clock))
    yield opened
    opened.close()


def note(tx: Transaction) -> Answer:
    tx.append(f"note:{tx.request.key}", 1, "note", {"said": tx.request.key})
    return Answer(201, {"number": tx.ids("n")})


def count(store: Store, table: Any) -> int:
    return int(store.read(lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one()))


def test_the_same_key_gets_the_first_answer_and_runs_once(store: Store) -> None:
    request = Request("p", "k", "r", "f")
    first = store.write(request, note)
    again = store.write(request, note)
    assert (again.status, again.body, again.replayed) == (201, first.body, True)
    assert count(store, schema.events) == count(store, schema.outbox) == 1


def test_another_body_under_a_used_key_is_an_error_and_another_principal_is_somebody_else(store: Store) -> None:
    store.write(Request("p", "k", "r", "f"), note)
    with pytest.raises(KeyReusedError):
        store.write(Request("p", "k", "r", "other"), note)
    with pytest.raises(Exception, match=r"(?i)unique"):  # the test's event stream, not the key
        store.write(Request("q", "k", "r", "f"), note)


def test_a_refusal_writes_nothing_but_is_remembered(store: Store) -> None:
    def refuse(tx: Transaction) -> Refuse:
        note(tx)
        return Refuse("quantity_exhausted")

    request = Request("p", "k", "r", "f")
    assert store.write(request, refuse).body["code"] == "quantity_exhausted"
    assert store.write(request, note).body["code"] == "quantity_exhausted"
    assert count(store, schema.events) == count(store, schema.outbox) == 0


@pytest.mark.parametrize("point", ["after_key", "after_event", "after_outbox", "before_commit"])
def test_an_error_at_any_point_leaves_nothing_and_the_key_may_be_used_again(store: Store, point: str) -> None:
    request = Request("p", "k", "r", "f")
    with armed(point, stop), pytest.raises(StopError):
        store.write(request, note)
    assert [count(store, table) for table in (schema.requests, schema.events, schema.outbox)] == [0, 0, 0]
    assert not store.write(request, note).replayed


def test_an_error_after_the_commit_does_not_undo_it(store: Store) -> None:
    request = Request("p", "k", "r", "f")
    with armed("after_commit", stop), pytest.raises(StopError):
        store.write(request, note)
    assert store.write(request, note).replayed


async def test_a_cancelled_caller_does_not_cut_a_command_in_half(store: Store) -> None:
    started, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(tx: Transaction) -> Answer:
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result(10)
        return note(tx)

    request = Request("p", "k", "r", "f")
    task = asyncio.create_task(store.run(request, slow))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    again = await store.run(Request("p", "k2", "r", "f"), note)
    assert again.status == 201
    for _ in range(100):
        if count(store, schema.events) == 2:
            break
        await asyncio.sleep(0.01)
    assert store.write(request, note).replayed, "the cancelled request had committed whole"


KILLED = """
import asyncio, os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from fakes.shop import Clock, Scoring, Shop, cart
from serving.store.faults import armed

async def main(home, point):
    shop = Shop(home, f"sqlite:///{{home}}/ledger.db", Clock(), Scoring())
    await shop.campaign()
    await shop.template()
    coupon = await shop.coupon("u1")
    body = {{"user_id": "u1", "coupon_id": coupon, "order_id": "o1", "cart": cart(5000)}}
    with armed(point, lambda: os._exit(9)):
        await shop.post("checkout", "/v1/redemptions", body, "the-key")

for point in {points!r}:
    child = os.fork()
    if child == 0:
        asyncio.run(main(Path({home!r}) / point, point))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, point
"""


def test_a_process_killed_at_any_point_has_redeemed_wholly_or_not_at_all(tmp_path: Path) -> None:
    points = [*POINTS, "after_commit"]
    script = KILLED.format(tests=str(Path(__file__).parents[2]), points=points, home=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=os.getcwd())
    assert done.returncode == 0, done.stderr
    for point in points:
        url = f"sqlite:///{tmp_path}/{point}/ledger.db"
        report = verify_ledger(url)
        assert report.exact, (point, report.differences)
        assert report.rows["redemptions"] == (1 if point == "after_commit" else 0), point
        engine = reader_engine(url)
        with engine.connect() as connection:
            keys = connection.execute(select(func.count()).where(schema.requests.c.key == "the-key")).scalar_one()
            assert keys == report.rows["redemptions"], point
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        engine.dispose()


def test_one_process_writes_to_an_embedded_ledger(sqlite_url: str) -> None:
    first = Store(sqlite_url)
    try:
        with pytest.raises(InputError, match="no other writing process"):
            Store(sqlite_url)
        with pytest.raises(InputError, match="no other writing process"):
            upgrade(sqlite_url)
    finally:
        first.close()
    assert upgrade(sqlite_url) == head()


def test_the_embedded_ledger_survives_power_loss_by_its_settings(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    found = durability(store._writer)
    store.close()
    assert tuple(map(int, found["version"].split("."))) >= (3, 51, 3)
    assert (found["journal_mode"], found["synchronous"], found["foreign_keys"]) == ("wal", "2", "1")
    assert found["wal_autocheckpoint"] == "0"


def test_readers_of_an_embedded_ledger_cannot_write(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    try:
        with pytest.raises(Exception, match="readonly"):
            store.read(lambda connection: connection.execute(update(schema.outbox).values(kind="x")))
    finally:
        store.close()


def test_an_address_that_is_no_ledger_is_refused() -> None:
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://localhost/x"):
        with pytest.raises(InputError, match="ledger_url"):
            Store(url)


def test_the_schema_goes_up_down_and_up_and_equals_what_the_code_declares(ledger_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    upgrade(ledger_url)
    url = ledger_url
    engine = create_engine(url) if url.startswith("postgresql") else reader_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()
    from serving.store.engine import writer_engine

    writer = writer_engine(ledger_url)
    migrate(writer, "base")
    assert current(writer) is None
    migrate(writer)
    assert current(writer) == head()
    writer.dispose()


TAMPERINGS = {
    "a coupon unused again": update(schema.coupons).values(state="unused", redemption_id=None),
    "a larger discount": update(schema.redemptions).values(discount_cents=801),
    "a coupon of somebody else": update(schema.coupons).values(user_id="thief"),
    "budget given back": update(schema.campaigns).values(committed_cents=0),
    "one fewer issued": update(schema.templates).values(issued=0),
    "an event about another sum": update(schema.events)
    .where(schema.events.c.kind == "coupon.held")
    .values(data=func.replace(schema.events.c.data, "800", "700")),
    "an event taken out": schema.events.delete().where(schema.events.c.kind == "coupon.redeemed"),
    "an outbox row taken out": schema.outbox.delete().where(schema.outbox.c.kind == "coupon.claimed"),
    "a redemption taken out": schema.redemptions.delete(),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_tampered_ledger_is_found_out(small_shop: Any, name: str) -> None:
    await small_shop.template()
    coupon = await small_shop.coupon("u1")
    paid = await small_shop.post(
        "checkout", "/v1/redemptions", {"user_id": "u1", "coupon_id": coupon, "order_id": "o", "cart": cart(5000)}
    )
    assert paid.status_code == 201
    url = small_shop.settings.ledger_url
    assert verify_ledger(url).exact
    with small_shop.store._writer.begin() as connection:
        changed = connection.execute(TAMPERINGS[name])
        assert changed.rowcount >= 1
    report = verify_ledger(url)
    assert not report.exact
    assert all(str(difference) for difference in report.differences)
