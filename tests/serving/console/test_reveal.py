"""A masked value in the clear: for leads, with a reason, once, logged, and left nowhere."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.console import Browser, hidden_of, sign_in
from fakes.lists import DEVICE, IP, PHONE, require_inert
from sqlalchemy import select

from serving.privacy import Hasher
from serving.review.reveal import MOST_PER_HOUR, Wish, find_raw
from serving.store.schema import events
from serving.store.verify import verify_ledger


@pytest.fixture
def tables(small_shop: Any) -> Path:
    """What the shop delivered: u1 and u2 with devices of their own."""
    folder = Path(small_shop.settings.tables)
    folder.mkdir(parents=True)
    at = datetime(2026, 4, 1)
    users = {
        "user_id": ["u1", "u2"],
        "registered_at": [at, at],
        "phone_token": [PHONE, "13900139000"],
    }
    orders = {
        "order_id": ["o1", "o2"],
        "user_id": ["u1", "u2"],
        "placed_at": [at, at],
        "state": ["paid", "paid"],
        **{f"{name}_cents": [1, 1] for name in ("goods", "freight", "discount", "paid", "margin")},
        "device_id": [DEVICE, "another-device"],
        "ip": [IP, None],
        "address": ["1 Long Street, flat 2", None],
    }
    for name, columns in (("users", users), ("orders", orders)):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def hashed(shop: Any, kind: str, raw: str) -> str:
    return str(Hasher(shop.settings.risk.key)(kind, raw))


async def ask(browser: Browser, kind: str, value: str, user: str = "u1", reason: str = "the bank asks") -> Any:
    page = f"/reveal?kind={kind}&value={value}&user={user}&case=case_1"
    return await browser.send(page, "/reveal", reason=reason)


def looks(shop: Any) -> list[dict[str, Any]]:
    query = select(events.c.data, events.c.actor).where(events.c.kind == "audit.revealed").order_by(events.c.seq)
    rows = shop.store.read(lambda connection: connection.execute(query).all())
    return [{**json.loads(row.data), "actor": row.actor} for row in rows]


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("device", DEVICE), ("ip", IP), ("address", "1 Long Street, flat 2"), ("phone", PHONE)],
)
async def test_a_lead_sees_a_value_and_the_log_says_who_what_and_why(
    small_shop: Any, tables: Path, kind: str, raw: str
) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    value = hashed(small_shop, kind, raw)
    shown = await ask(lead, kind, value)
    assert raw in shown.text
    assert shown.headers["cache-control"] == "no-store"
    (look,) = looks(small_shop)
    assert look["actor"] == "staff:lena"
    assert (look["kind"], look[kind], look["user_id"], look["reason"]) == (kind, value, "u1", "the bank asks")
    assert look["case_id"] == "case_1"
    assert verify_ledger(small_shop.settings.ledger_url).exact
    assert tables.is_dir()


async def test_a_revealed_value_is_left_nowhere(
    small_shop: Any, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    assert DEVICE in (await ask(lead, "device", hashed(small_shop, "device", DEVICE))).text
    small_shop.store._checkpoint("TRUNCATE")
    for path in (path for path in tmp_path.iterdir() if path.is_file()):
        assert DEVICE.encode() not in path.read_bytes()
    assert DEVICE not in "".join(capsys.readouterr())
    assert tables.is_dir()


async def test_the_value_of_somebody_else_and_one_that_is_not_there_are_not_found(
    small_shop: Any, tables: Path
) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    for value, user in (
        (hashed(small_shop, "device", "another-device"), "u1"),
        (hashed(small_shop, "device", DEVICE), "u2"),
        ("0" * 32, "u1"),
        ("0" * 32, "' OR 1=1 --".replace(" ", "")),
    ):
        shown = await ask(lead, "device", value, user)
        assert shown.status_code == 200
        assert "The ledger keeps hashes only" in shown.text
        assert "another-device" not in shown.text
    assert len(looks(small_shop)) == 4, "a look that finds nothing is logged too"
    assert tables.is_dir()


def test_without_tables_nothing_is_found(tmp_path: Path) -> None:
    wish = Wish("device", "0" * 32, "u1", "why not")
    assert find_raw(tmp_path, wish, Hasher("0123456789abcdef")) is None


@pytest.mark.parametrize("role", ["reviewer", "operator", "analyst", "admin"])
async def test_nobody_else_may(small_shop: Any, tables: Path, role: str) -> None:
    browser = await sign_in(small_shop, "rita", role)
    value = hashed(small_shop, "device", DEVICE)
    assert (await browser.get("/reveal", kind="device", value=value, user="u1")).status_code == 403
    form = {"kind": "device", "value": value, "user": "u1", "reason": "curious", "csrf": "", "key": "0" * 32}
    answer = await browser.client.post("/reveal", data=form)
    assert answer.status_code == 403
    assert DEVICE not in answer.text
    assert looks(small_shop) == []
    assert tables.is_dir()


async def test_a_reason_is_needed_and_nonsense_is_refused(small_shop: Any, tables: Path) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    value = hashed(small_shop, "device", DEVICE)
    short = await ask(lead, "device", value, reason="why")
    assert short.status_code == 422
    assert DEVICE not in short.text
    for query in ({"kind": "shoe"}, {"value": "zz"}, {"user": "two words"}, {"value": ""}):
        assert (
            await lead.get("/reveal", **{"kind": "device", "value": value, "user": "u1", **query})
        ).status_code == 422
    assert looks(small_shop) == []
    assert tables.is_dir()


async def test_one_form_stands_for_one_look(small_shop: Any, tables: Path) -> None:
    """A second click shows the same under the same event; another wish, or a later one, needs a form of its own."""
    lead = await sign_in(small_shop, "lena", "lead")
    value = hashed(small_shop, "device", DEVICE)
    page = await lead.get("/reveal", kind="device", value=value, user="u1")
    fields = {**hidden_of(page.text, "/reveal"), "reason": "the bank asks"}
    for _ in range(2):
        assert DEVICE in (await lead.client.post("/reveal", data=fields)).text
    assert len(looks(small_shop)) == 1
    phone = {**fields, "kind": "phone", "value": hashed(small_shop, "phone", PHONE)}
    for other in (phone, {**fields, "user": "u2"}, {**fields, "reason": "something else"}):
        answer = await lead.client.post("/reveal", data=other)
        assert answer.status_code == 409
        assert DEVICE not in answer.text
        assert PHONE not in answer.text
    small_shop.clock.forward(minutes=2)
    late = await lead.client.post("/reveal", data=fields)
    assert late.status_code == 403
    assert DEVICE not in late.text
    assert len(looks(small_shop)) == 1
    assert tables.is_dir()


async def test_so_many_looks_an_hour_and_no_more(small_shop: Any) -> None:
    lead = await sign_in(small_shop, "lena", "lead")
    for number in range(MOST_PER_HOUR):
        assert (await ask(lead, "device", f"{number:032x}")).status_code == 200
    refused = await ask(lead, "device", "f" * 32)
    assert refused.status_code == 429
    assert "as many raw values as an hour allows" in refused.text
    other = await sign_in(small_shop, "lutz", "lead")
    assert (await ask(other, "device", "f" * 32)).status_code == 200
    small_shop.clock.forward(hours=1)
    lead = await sign_in(small_shop, "lena", "lead")
    assert (await ask(lead, "device", "f" * 32)).status_code == 200
    assert len(looks(small_shop)) == MOST_PER_HOUR + 2
    assert verify_ledger(small_shop.settings.ledger_url).exact


async def test_what_was_delivered_is_shown_and_never_run(small_shop: Any, tables: Path) -> None:
    evil = '<img src=x onerror="alert(1)">'
    table = pq.read_table(tables / "orders.parquet").to_pydict()
    table["device_id"] = [evil, evil]
    pq.write_table(pa.table(table), tables / "orders.parquet")
    lead = await sign_in(small_shop, "lena", "lead")
    shown = await ask(lead, "device", hashed(small_shop, "device", evil), reason=f"{evil} why")
    assert "alert(1)" in shown.text
    require_inert(shown.text)
