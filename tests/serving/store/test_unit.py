"""One transaction per command: all of it or none, whatever stops it, and the same answer for the same key."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock, cart, seeded_ids
from sqlalchemy import bindparam, create_engine, func, select, text, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.store import schema
from serving.store.engine import durability, reader_engine, writer_engine
from serving.store.faults import armed
from serving.store.migrate import current, head, migrate, upgrade
from serving.store.rows import Prepared, count_up, insert_new, insert_rows
from serving.store.turn import Turn
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


def test_a_dry_run_answers_what_the_write_would_and_keeps_nothing(store: Store) -> None:
    request = Request("p", "k", "r", "f")
    dry = store.write(request, note, dry_run=True)
    assert (dry.status, dry.body["dry_run"], dry.replayed) == (201, True, False)
    refused = store.write(request, lambda _: Refuse("quantity_exhausted"), dry_run=True)
    assert (refused.status, refused.body["code"], refused.body["dry_run"]) == (409, "quantity_exhausted", True)
    assert [count(store, table) for table in (schema.requests, schema.events, schema.outbox)] == [0, 0, 0]

    first = store.write(request, note)
    assert "dry_run" not in first.body
    assert not store.write(request, lambda _: Answer(200, {}), dry_run=True).replayed, "the key is not looked up"
    assert store.write(request, note).replayed


async def test_every_write_can_be_rehearsed_over_http(shop: Any) -> None:
    await shop.template(quantity=1)
    body = {"user_id": "u1", "template_id": "flat_8"}
    headers = {"Authorization": f"Bearer {shop.keys['issuance']}"}
    for _ in range(2):
        dry = await shop.http.post("/v1/claims?dry_run=true", json=body, headers=headers)  # it needs no key
        assert (dry.status_code, dry.json()["dry_run"], dry.json()["user_id"]) == (201, True, "u1")
    assert (await shop.get("issuance", "/v1/users/u1/wallet")).json()["data"] == []

    won = await shop.claim("u1")
    assert won.status_code == 201
    assert "dry_run" not in won.json()
    over = await shop.post("issuance", "/v1/claims?dry_run=true", body)
    assert (over.status_code, over.json()["code"], over.json()["dry_run"]) == (409, "quantity_exhausted", True)
    assert (await shop.http.post("/v1/claims", json=body, headers=headers)).json()["code"] == "idempotency_key_missing"


async def test_a_dry_run_under_a_used_key_is_neither_a_replay_nor_another_request(shop: Any) -> None:
    await shop.template()
    body = {"user_id": "u1", "template_id": "flat_8"}
    first = await shop.post("issuance", "/v1/claims", body, "same")
    dry = await shop.post("issuance", "/v1/claims?dry_run=true", {**body, "user_id": "u2"}, "same")
    again = await shop.post("issuance", "/v1/claims", body, "same")
    assert (dry.status_code, dry.json()["dry_run"]) == (201, True)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert verify_ledger(shop.settings.ledger_url).exact


def test_what_is_left_for_last_runs_in_order_after_the_events_and_can_still_undo_everything(store: Store) -> None:
    seen: list[str] = []

    def command(tx: Transaction) -> Answer:
        tx.last(("templates", "b"), lambda: seen.append("b"))
        tx.last(("templates", "a"), lambda: seen.append("a"))
        tx.last(("campaigns", "z"), lambda: seen.append(f"z after {events_of(tx)} event"))
        return note(tx)

    assert store.write(Request("p", "k", "r", "f"), command).status == 201
    assert seen == ["z after 1 event", "a", "b"]

    def refused(tx: Transaction) -> Answer:
        tx.last(("templates", "a"), lambda: Refuse("quantity_exhausted"))
        return note(tx)

    assert store.write(Request("p", "k2", "r", "f"), refused).body["code"] == "quantity_exhausted"
    assert store.write(Request("p", "k2", "r", "f"), note).replayed
    assert count(store, schema.events) == count(store, schema.outbox) == 1


def events_of(tx: Transaction) -> int:
    return int(tx.connection.execute(select(func.count()).select_from(schema.events)).scalar_one())


def test_a_key_that_a_twin_wrote_meanwhile_undoes_the_second_and_gives_it_the_first_answer(postgres_url: str) -> None:
    """Two processes on PostgreSQL: both begin, one commits first."""
    one, other = Store(postgres_url), Store(postgres_url)
    request = Request("p", "k", "r", "f")
    answers = []

    def overtaken(tx: Transaction) -> Answer:
        if not answers:
            answers.append(other.write(request, note))
        tx.append("note:second", 1, "note", {})
        return Answer(201, {"number": "second"})

    second = one.write(request, overtaken)
    assert (second.replayed, second.body) == (True, answers[0].body)
    assert count(one, schema.events) == count(one, schema.outbox) == count(one, schema.requests) == 1
    for store in (one, other):
        store.close()


def test_two_stores_on_one_embedded_ledger_queue_and_none_starves(sqlite_url: str) -> None:
    busy, patient = Store(sqlite_url), Store(sqlite_url)
    stop_now = threading.Event()
    done: list[int] = []

    def hammer() -> None:
        while not stop_now.is_set():
            busy.write(Request("busy", f"k{len(done)}", "r", "f"), note_of_its_own("busy", len(done)))
            done.append(1)

    thread = threading.Thread(target=hammer)
    thread.start()
    while not done:
        time.sleep(0.001)
    before = len(done)
    for number in range(50):
        patient.write(Request("patient", f"k{number}", "r", "f"), note_of_its_own("patient", number))
    between = len(done) - before
    stop_now.set()
    thread.join()
    assert between <= 50 * 10, f"{between} turns of a busy writer passed by 50 of a waiting one"
    for store in (busy, patient):
        store.close()


def note_of_its_own(who: str, number: int) -> Any:
    def command(tx: Transaction) -> Answer:
        tx.append(f"{who}:{number}", 1, "note", {})
        return Answer(201, {})

    return command


def test_bringing_the_schema_up_to_date_waits_for_its_turn(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    turn = Turn(sqlite_url)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(upgrade(sqlite_url)))
    with turn:
        thread.start()
        thread.join(0.3)
        assert found == []
    thread.join(10)
    assert found == [head()]
    turn.close()


def test_a_forked_child_neither_uses_the_ledger_nor_keeps_the_turn(tmp_path: Path) -> None:
    script = FORKED.format(url=f"sqlite:///{tmp_path}/ledger.db")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=os.getcwd())
    assert done.returncode == 0, done.stderr


FORKED = """
import os, signal, sys, time
from serving.store.rows import Prepared, count_up, insert_new, insert_rows
from serving.store.turn import Turn
from serving.store.rows import Prepared, count_up, insert_new, insert_rows
from serving.store.turn import Turn
from serving.store.unit import Answer, Request, Store

store = Store({url!r})
child = os.fork()
if child == 0:
    try:
        store.write(Request("p", "k", "r", "f"), lambda tx: Answer(201, {{}}))
    except RuntimeError as error:
        os._exit(7 if "fork" in str(error) else 1)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

middle = os.fork()
if middle == 0:  # dies with the turn in its hands while a child of its own lives on
    turn = Turn({url!r})
    turn.__enter__()
    if os.fork() == 0:
        time.sleep(2)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(middle, 0)
started = time.monotonic()
assert store.write(Request("p", "k", "r", "f"), lambda tx: Answer(201, {{}})).status == 201
assert time.monotonic() - started < 1.5
store.close()
"""


def test_a_ledger_that_could_lose_what_it_acknowledged_is_not_opened(postgres_url: str) -> None:
    with pytest.raises(InputError, match="synchronous_commit"):
        Store(f"{postgres_url}&options=-csynchronous_commit%3Doff")


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
    body = {{"user_id": "u1", "coupon_ids": [coupon], "order_id": "o1", "cart": cart(5000)}}
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
        assert report.rows["orders"] == (1 if point == "after_commit" else 0), point
        engine = reader_engine(url)
        with engine.connect() as connection:
            keys = connection.execute(select(func.count()).where(schema.requests.c.key == "the-key")).scalar_one()
            assert keys == report.rows["orders"], point
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        engine.dispose()


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

    for part in ("claims", "people", "shelf", "webhooks"):
        import_module(f"serving.store.schema_{part}")  # each declares its tables on the same metadata
    upgrade(ledger_url)
    url = ledger_url
    engine = create_engine(url) if url.startswith("postgresql") else reader_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()
    writer = writer_engine(ledger_url)
    migrate(writer, "base")
    assert current(writer) is None
    migrate(writer)
    assert current(writer) == head()
    writer.dispose()


TAMPERINGS = {
    "a coupon unused again": update(schema.coupons).values(state="unused", used=0),
    "a larger discount": update(schema.orders).values(discount_cents=801),
    "a coupon of somebody else": update(schema.coupons).values(user_id="thief"),
    "budget given back": update(schema.campaigns).values(committed_cents=0),
    "one fewer issued": update(schema.templates).values(issued=0),
    "an event about another sum": update(schema.events)
    .where(schema.events.c.kind == "coupon.held")
    .values(data=func.replace(schema.events.c.data, "800", "700")),
    "an event taken out": schema.events.delete().where(schema.events.c.kind == "coupon.redeemed"),
    "an outbox row taken out": schema.outbox.delete().where(schema.outbox.c.kind == "coupon.claimed"),
    "an order taken out": schema.orders.delete(),
    "a coupon of an order taken out": schema.order_coupons.delete(),
    "a share changed in a receipt": update(schema.orders).values(
        receipt=func.replace(schema.orders.c.receipt, "800", "700")
    ),
    "an order that nobody holds": schema.order_slots.delete(),
    "an event that cannot be read": update(schema.events)
    .where(schema.events.c.kind == "coupon.claimed")
    .values(data="{"),
    "a receipt that cannot be read": update(schema.orders).values(receipt="{"),
    "refunds that cannot be read": update(schema.orders).values(refunded='[[1, "x"]]'),
    "an event announced as another": update(schema.outbox)
    .where(schema.outbox.c.kind == "coupon.redeemed")
    .values(kind="coupon.expired"),
    "an outbox row of no event": schema.outbox.insert().values(
        event_id="evt_x", kind="x", created_at=datetime(2026, 5, 1)
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_tampered_ledger_is_found_out(small_shop: Any, name: str) -> None:
    await small_shop.template()
    coupon = await small_shop.coupon("u1")
    paid = await small_shop.post(
        "checkout", "/v1/redemptions", {"user_id": "u1", "coupon_ids": [coupon], "order_id": "o", "cart": cart(5000)}
    )
    assert paid.status_code == 201
    url = small_shop.settings.ledger_url
    assert verify_ledger(url).exact
    with small_shop.store._writer.begin() as connection:
        changed = connection.execute(TAMPERINGS[name])
        assert changed.rowcount >= 1
    report = verify_ledger(url, secret=b"any")
    assert not report.exact
    assert all(str(difference) for difference in report.differences)


def test_a_prepared_statement_says_on_both_databases_what_the_statement_says(ledger_url: str) -> None:
    upgrade(ledger_url)
    engine = writer_engine(ledger_url)
    at = datetime(2026, 5, 1, 4, 0, 0, 123456)
    row = {"principal": "p", "key": "50% :off?", "route": "r", "fingerprint": "f", "created_at": at}
    with engine.begin() as connection:
        assert insert_new(connection, schema.requests, {**row, "status": 1, "body": ""})
        assert not insert_new(connection, schema.requests, {**row, "status": 2, "body": ""})
        insert_rows(connection, schema.requests, [{**row, "key": key, "status": 3, "body": ""} for key in "ab"])
        table = schema.requests.c
        asked = select(schema.requests).where(table.status >= bindparam("least")).order_by(table.key)
        raised = update(schema.requests).where(table.key == bindparam("name")).values(status=table.status + 10)
        assert Prepared(raised).count(connection, {"name": "a"}) == 1
        assert Prepared(raised).count(connection, {"name": "nobody"}) == 0
        assert Prepared(raised.returning(table.status)).one(connection, {"name": "b"}).status == 13
        found = Prepared(asked).all(connection, {"least": 1})
        assert [tuple(one) for one in found] == [tuple(one) for one in connection.execute(asked, {"least": 1})]
        assert [(one.key, one.status, one.created_at) for one in found] == [
            ("50% :off?", 1, at),
            ("a", 13, at),
            ("b", 13, at),
        ]
        assert Prepared(asked).one(connection, {"least": 99}) is None
        with pytest.raises(ValueError, match="3 rows"):
            Prepared(asked).one(connection, {"least": 1})
        key = {"template_id": "t", "user_id": "u", "day": ""}
        assert [count_up(connection, schema.user_claims, key, "claimed", 2) for _ in range(3)] == [True, True, False]
    engine.dispose()


async def test_a_failed_prepared_statement_is_an_error_of_the_store(small_shop: Any) -> None:
    """So that the caller is told to try again (503) and not that we are broken (500)."""
    await small_shop.template()
    with small_shop.store._writer.begin() as connection:
        connection.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
    answer = await small_shop.claim("u1")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    with small_shop.store._writer.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO outbox"))
    assert (await small_shop.claim("u1")).status_code == 201
    assert verify_ledger(small_shop.settings.ledger_url).exact, "nothing of the failed claim was kept"
