"""A ledger of the first schema, with a bit of everything in it, goes on under today's code: exact, and with its orders
open, late, paid and half refunded."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fakes.shop import Clock
from fakes.till import Till
from sqlalchemy import Engine, create_engine, func, select, update

from serving.api.sweeper import sweep
from serving.coupons.refusals import Refuse
from serving.store.engine import is_sqlite, writer_engine
from serving.store.migrate import migrate
from serving.store.schema import events, requests
from serving.store.unit import Request
from serving.store.verify import verify_ledger

GOLDEN = Path(__file__).parents[2] / "golden" / "ledger_0001" / "ledger.sql"
NAMES = json.loads(GOLDEN.read_text("utf-8").splitlines()[1].partition("names: ")[2])
OLD_TABLES = ("campaigns", "cases", "coupons", "decisions", "events", "flags", "holds", "order_slots", "outbox")
KEPT = (*OLD_TABLES, "redemptions", "requests", "template_versions", "templates", "user_claims")


def writer(url: str) -> Engine:
    return writer_engine(url) if is_sqlite(url) else create_engine(url)


def dump(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        found = {}
        for table in KEPT:
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
            found[table] = sorted((tuple(sorted(row.items())) for row in rows), key=str)
        return found


@pytest.fixture
def old_ledger(ledger_url: str) -> str:
    """A ledger as version 0001 left it."""
    engine = writer(ledger_url)
    migrate(engine, "0001")
    with engine.begin() as connection:
        for line in GOLDEN.read_text("utf-8").splitlines():
            if line.startswith("INSERT"):
                connection.exec_driver_sql(line.replace("%", "%%") if not is_sqlite(ledger_url) else line)
        if not is_sqlite(ledger_url):
            connection.exec_driver_sql("SELECT setval('events_seq_seq', (SELECT max(seq) FROM events))")
    engine.dispose()
    return ledger_url


@pytest.fixture
async def upgraded(old_ledger: str) -> Any:
    """A till that opens it, a moment after the old one was closed."""
    till = Till(old_ledger, Clock(datetime.fromisoformat(NAMES["now"])))
    yield till
    await till.close()


async def test_an_old_ledger_is_exact_after_its_upgrade(upgraded: Till) -> None:
    report = upgraded.exact()
    assert report.rows["coupons"] == 11
    assert report.rows["orders"] == report.rows["order_coupons"] == 10
    assert report.rows["order_slots"] == 5


async def test_its_orders_go_on_where_they_stood(upgraded: Till) -> None:
    till = upgraded
    paid = await till.pay("u7", NAMES["open"])
    assert (paid.status, paid.body["late"], paid.body["paid_cents"]) == (201, False, 3 * (333 + 777) - 800)
    late = await till.pay("u6", NAMES["late"])
    assert (late.status, late.body["late"]) == (201, True)
    assert (await till.pay("u4", NAMES["released"])).body["late"] is True
    assert (await till.refund("u2", NAMES["partly"], (1, 2))).body["code"] == "unit_already_refunded"
    rest = ((1, 1), (1, 3), (2, 1), (2, 2), (2, 3))
    assert (await till.refund("u2", NAMES["partly"], *rest)).body["left_cents"] == 0
    undone = await till.undo("u8", "refund_before_shipping", redemption_id=NAMES["paid"])
    assert [coupon["returned"] for coupon in undone.body["coupons"]] == [True]
    assert (await till.buy("u9", [NAMES["free"]], "o99")).status == 201
    till.exact()


async def test_a_request_of_before_is_answered_as_it_was_then(upgraded: Till) -> None:
    def holds(connection: Any) -> Any:
        found = select(requests).where(requests.c.route == "POST /v1/holds", requests.c.status == 201)
        return connection.execute(found).first()

    asked = upgraded.store.read(holds)
    same = Request(asked.principal, asked.key, asked.route, asked.fingerprint)
    again = upgraded.store.write(same, lambda _: Refuse("hold_unknown"))
    assert again.replayed
    assert again.body == json.loads(asked.body)


async def test_time_goes_on_for_its_coupons(upgraded: Till) -> None:
    upgraded.clock.forward(days=30)
    assert await sweep(upgraded.store, upgraded.redeemer) > 0
    assert upgraded.find(NAMES["free"]).state == "expired"
    upgraded.exact()


def test_going_back_gives_the_very_rows_of_before(old_ledger: str) -> None:
    engine = writer(old_ledger)
    before = dump(engine)
    migrate(engine)
    migrate(engine, "0001")
    assert dump(engine) == before
    migrate(engine)
    engine.dispose()
    assert verify_ledger(old_ledger).exact


async def test_going_back_is_refused_when_orders_would_be_lost(upgraded: Till) -> None:
    assert (await upgraded.pay("u7", NAMES["open"])).status == 201
    with pytest.raises(RuntimeError, match="cannot go back to schema 0002"):
        migrate(upgraded.store._writer, "0001")
    upgraded.exact()


async def test_a_changed_event_of_before_is_found_out(upgraded: Till) -> None:
    held = events.c.kind == "coupon.held"
    with upgraded.store._writer.begin() as connection:
        changed = update(events).where(held).values(data=func.replace(events.c.data, "800", "700"))
        assert connection.execute(changed).rowcount > 0
    assert not verify_ledger(upgraded.url).exact
