"""The audit log: what is found, what is exported, and whether the chain holds."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fakes.console import Browser, hidden_of, sign_in
from fakes.shop import START, Clock, Shop
from sqlalchemy import select, text

from features.errors import InputError
from serving.staff.log import Filters, actors, kinds, search
from serving.staff.notes import noted
from serving.staff.sealer import VERIFIED
from serving.staff.sheet import sheet
from serving.store.audit import last_link, seal, verify
from serving.store.engine import writer_engine
from serving.store.schema import events
from serving.store.unit import Answer, Request, Store, Transaction
from serving.store.verify import verify_ledger

KEY = "a key that only the sealer has"


def write(store: Store, actor: str, kind: str, stream: str, data: dict[str, Any], n: int = 1) -> None:
    def command(tx: Transaction) -> Answer:
        tx.append(stream, n, kind, data)
        return Answer(200, {})

    key = store.ids("tst")
    store.write(Request(actor, key, "test", key), command)


@pytest.fixture
def log(ledger_url: str, clock: Clock) -> Iterator[Store]:
    """Three hundred events, one a minute."""
    store = Store(ledger_url, clock)
    for number in range(100):
        write(store, "checkout", "coupon.redeemed", f"coupon:c{number}", {"coupon_id": f"c{number}", "cents": number})
        clock.forward(minutes=1)
        write(store, "issuance", "coupon.claimed", f"coupon:d{number}", {"note": "100%_sure", "user_id": f"u{number}"})
        clock.forward(minutes=1)
        write(store, "staff:rita", "case.decided", f"case:k{number}", {"note": f"Look at {number}"})
        clock.forward(minutes=1)
    yield store
    store.close()


def found(store: Store, before: int | None = None, limit: int = 50, window: int = 100_000, **filters: Any) -> Any:
    return store.read(lambda connection: search(connection, Filters(**filters), before, limit, window))


def every(store: Store, limit: int = 50, window: int = 100_000, **filters: Any) -> list[int]:
    """All pages, one after the other."""
    seqs: list[int] = []
    before = None
    for _ in range(400):
        page = found(store, before, limit, window, **filters)
        seqs.extend(row.seq for row in page.events)
        before = page.earlier
        if before is None:
            return seqs
    raise AssertionError("the pages never end")


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda row: True),
    ({"actor": "staff:rita"}, lambda row: row.actor == "staff:rita"),
    ({"kind": "coupon.claimed"}, lambda row: row.kind == "coupon.claimed"),
    ({"kind": "coupon."}, lambda row: row.kind.startswith("coupon.")),
    ({"kind": "nothing."}, lambda row: False),
    ({"subject": "coupon:c7"}, lambda row: row.stream == "coupon:c7"),
    ({"subject": "k7"}, lambda row: row.stream == "case:k7"),
    ({"subject": "7"}, lambda row: False),
    ({"text": "look AT 4"}, lambda row: "Look at 4" in row.data),
    ({"text": "0%_s"}, lambda row: "0%_s" in row.data),
    ({"actor": "checkout", "kind": "coupon.redeemed"}, lambda row: row.actor == "checkout"),
    ({"actor": "checkout", "kind": "coupon.claimed"}, lambda row: False),
    ({"kind": "coupon.", "text": "c9"}, lambda row: row.kind == "coupon.redeemed" and '"c9' in row.data),
    ({"subject": "k7", "actor": "checkout"}, lambda row: False),
    ({"since": START + timedelta(minutes=100)}, lambda row: row.at >= START + timedelta(minutes=100)),
    ({"until": START + timedelta(minutes=100)}, lambda row: row.at < START + timedelta(minutes=100)),
    (
        {"actor": "staff:rita", "since": START + timedelta(minutes=50), "until": START + timedelta(minutes=60)},
        lambda row: row.actor == "staff:rita" and 50 <= (row.at - START) // timedelta(minutes=1) < 60,
    ),
    ({"since": START + timedelta(days=9)}, lambda row: False),
    ({"until": START}, lambda row: False),
]


def test_the_pages_hold_what_fits_newest_first_and_nothing_twice(log: Store) -> None:
    rows = log.read(lambda connection: connection.execute(select(events).order_by(events.c.seq.desc())).all())
    for filters, fits in FILTERS:
        expected = [row.seq for row in rows if fits(row)]
        for limit, window in ((50, 100_000), (7, 100_000), (7, 20), (1, 3)):
            assert every(log, limit, window, **filters) == expected, (filters, limit, window)


def test_a_search_that_gave_up_says_how_far_it_looked(log: Store) -> None:
    page = found(log, text="Look at 0", window=60)
    assert page.events == ()
    assert page.searched is not None
    assert page.searched == START + timedelta(minutes=300 - 60)
    assert found(log, text="Look at 0").searched is None


def test_kinds_and_actors_are_those_that_there_are(log: Store) -> None:
    assert log.read(kinds) == ["case.decided", "coupon.claimed", "coupon.redeemed"]
    assert log.read(actors) == ["checkout", "issuance", "staff:rita"]


def test_a_note_changes_nothing_and_is_in_the_ledger(ledger_url: str, clock: Clock) -> None:
    store = Store(ledger_url, clock)
    for number in range(3):
        store.write(Request("staff:ana", f"k{number}", "x", "f"), noted("audit.exported", "audit", {"rows": number}))
    store.write(Request("staff:ana", "k0", "x", "f"), noted("audit.exported", "audit", {"rows": 9}))
    rows = store.read(lambda connection: connection.execute(select(events).order_by(events.c.seq)).all())
    assert [(row.stream, row.n, row.kind, row.actor) for row in rows] == [
        ("note:audit", n, "audit.exported", "staff:ana") for n in (1, 2, 3)
    ]
    store.close()
    assert verify_ledger(ledger_url).exact


@pytest.mark.parametrize("kind", ["coupon.claimed", "audited", "", "staff.added"])
def test_a_note_cannot_pass_for_another_event(kind: str) -> None:
    with pytest.raises(InputError):
        noted(kind, "x", {})


# -- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def ana(small_shop: Shop) -> Browser:
    return await sign_in(small_shop, "ana", "analyst")


async def test_the_page_shows_events_and_filters_them(small_shop: Shop, ana: Browser) -> None:
    await small_shop.template()
    await small_shop.coupon("u1")
    page = (await ana.get("/audit")).text
    assert "campaign.created" in page
    assert "staff.added" in page
    assert "&#34;campaign_id&#34;: &#34;spring&#34;" in page
    filtered = (await ana.get("/audit", subject="spring")).text
    assert "campaign:spring" in filtered
    assert "staff:ana</a> <span" not in filtered
    assert "Nothing fits." in (await ana.get("/audit", actor="nobody")).text
    zone = {"since": "2026-05-01T11:59", "until": "2026-05-01T12:01"}  # noon in the shop
    assert "campaign:spring" in (await ana.get("/audit", **zone)).text
    assert "Nothing fits." in (await ana.get("/audit", since="2026-05-01T12:01")).text


@pytest.mark.parametrize(
    "query",
    [{"since": "yesterday"}, {"until": "9999-99-99"}, {"before": "x"}, {"before": "-1"}, {"text": "x" * 201},
     {"actor": "x" * 81}, {"since": "0001-01-01T00:00"}],
)  # fmt: skip
async def test_a_filter_that_cannot_be_is_named(ana: Browser, query: dict[str, str]) -> None:
    assert (await ana.get("/audit", **query)).status_code == 422


async def test_what_events_hold_is_shown_and_never_run(small_shop: Shop, ana: Browser) -> None:
    payload = '"><script>alert(1)</script>'
    command = noted("audit.test", payload, {"note": payload})
    small_shop.store.write(Request("staff:ana", payload, "x", "f"), command)
    page = (await ana.get("/audit")).text
    assert "<script>alert" not in page
    page = (await ana.get("/audit", text=payload, actor=payload, subject=payload)).text
    assert "<script>alert" not in page


async def test_pages_go_back_to_the_first_event(small_shop: Shop, ana: Browser) -> None:
    for number in range(120):
        small_shop.store.write(Request("bot", f"k{number}", "x", "f"), noted("audit.test", f"s{number}", {}))
    seen: list[str] = []
    page = (await ana.get("/audit", actor="bot")).text
    while True:
        seen += re.findall(r">note:(s\d+)</a>", page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        if further is None:
            break
        page = (await ana.get(html.unescape(further.group(1)))).text
        assert "Newest" in page
    assert seen == [f"s{number}" for number in reversed(range(120))]


async def test_the_csv_is_harmless_and_noted(small_shop: Shop, ana: Browser) -> None:
    for number, payload in enumerate(("=1+1", "+1", "-1", "@x", "\t=1", "＝1")):
        small_shop.store.write(Request(payload, f"k{number}", "x", "f"), noted("audit.test", "s", {}))
    answer = await ana.send("/audit?kind=audit.test", "/audit/export")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 6
    assert all(row["actor"].startswith("'") for row in rows)
    assert json.loads(rows[0]["data"])["subject"] == "s"
    query = select(events).where(events.c.kind == "audit.exported")
    notes = small_shop.store.read(lambda connection: connection.execute(query).all())
    assert [(row.actor, json.loads(row.data)["rows"]) for row in notes] == [("staff:ana", 6)]
    assert json.loads(notes[0].data)["kind"] == "audit.test"
    assert verify_ledger(small_shop.settings.ledger_url).exact


async def test_two_downloads_are_two_notes_and_one_form_is_one(small_shop: Shop, ana: Browser) -> None:
    form = hidden_of((await ana.get("/audit")).text, "/audit/export")
    for _ in range(2):
        assert (await ana.client.post("/audit/export", data=form)).status_code == 200
    await ana.send("/audit", "/audit/export")
    query = select(events.c.n).where(events.c.kind == "audit.exported")
    assert small_shop.store.read(lambda connection: connection.execute(query).scalars().all()) == [1, 2]


def test_a_sheet_keeps_numbers_and_quotes_the_rest() -> None:
    made = sheet(["a", "b"], [["=x", -1], ["a,b\n", 1.5], ["", None]]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(made))) == [["a", "b"], ["'=x", "-1"], ["a,b\n", "1.5"], ["", ""]]


# -- the chain -------------------------------------------------------------------------------------------------------


async def test_the_button_verifies_and_the_page_says_the_result(small_shop: Shop, ana: Browser) -> None:
    sealer = small_shop.console.state.desk.sealer
    assert "never" in (await ana.get("/audit")).text
    assert "Verifying has begun" in (await ana.send("/audit", "/audit/verify")).text
    await sealer._verifying
    page = (await ana.get("/audit")).text
    assert "intact" in page
    assert "by staff:ana" in page
    assert last_link(small_shop.settings.seals).chain in page
    engine = writer_engine(small_shop.settings.ledger_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE events SET data = '{}' WHERE kind = 'campaign.created'"))
    engine.dispose()
    await sealer.verify("staff:ana")
    page = (await ana.get("/audit")).text
    assert "broken" in page
    assert "its event was changed" in page


async def test_a_console_that_runs_seals_by_itself_and_stops_cleanly(small_shop: Shop, clock: Clock) -> None:
    async with small_shop.console.router.lifespan_context(small_shop.console):
        for _ in range(200):
            if last_link(small_shop.settings.seals).n:
                break
            await asyncio.sleep(0.02)
        small_shop.console.state.desk.sealer.verify("staff:ana")
    report = verify(small_shop.settings.ledger_url, small_shop.settings.seals, small_shop.settings.risk.key)
    assert report.ok
    assert report.sealed >= 1
    query = select(events.c.data).where(events.c.kind == VERIFIED)
    assert small_shop.store.read(lambda c: json.loads(c.execute(query).scalar()))["ok"] is True, "finished what began"


def test_sealing_from_the_tail_is_the_same_chain(log: Store, ledger_url: str, tmp_path: Any, clock: Clock) -> None:
    whole, tail = tmp_path / "whole.jsonl", tmp_path / "tail.jsonl"
    seal(ledger_url, tail, KEY, 20)
    for number in range(5):
        write(log, "x", "case.decided", f"case:n{number}", {})
        assert seal(ledger_url, tail, KEY, 20) == 1
    assert seal(ledger_url, tail, KEY, 20) == 0
    seal(ledger_url, whole, KEY)
    assert whole.read_text() == tail.read_text()
    assert last_link(tail).n == 305
    assert verify(ledger_url, tail, KEY).ok


def test_an_event_that_is_numbered_late_is_sealed_by_the_next_look(log: Store, ledger_url: str, tmp_path: Any) -> None:
    path = tmp_path / "seals.jsonl"
    engine = writer_engine(ledger_url)
    with engine.begin() as connection:
        late = connection.execute(select(events).where(events.c.seq == 290)).mappings().one()
        connection.execute(events.delete().where(events.c.seq == 290))
    assert seal(ledger_url, path, KEY, 20) == 299
    with engine.begin() as connection:
        connection.execute(events.insert().values(**late))
    engine.dispose()
    assert seal(ledger_url, path, KEY, 20) == 1
    assert verify(ledger_url, path, KEY).ok
    assert seal(ledger_url, path, KEY) == 0


def sql(statement: str) -> Any:
    def tamper(url: str) -> None:
        engine = writer_engine(url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    return tamper


def swap(url: str) -> None:
    """Two events change places, each whole."""
    engine = writer_engine(url)
    with engine.begin() as connection:
        for before, after in ((5, -1), (6, 5), (-1, 6)):
            connection.execute(
                text("UPDATE events SET seq = :after WHERE seq = :before"), {"before": before, "after": after}
            )
        rows = {row.seq: row for row in connection.execute(select(events).where(events.c.seq.in_([5, 6])))}
        connection.execute(events.update().where(events.c.seq == 5).values(event_id="evt_swap"))
        connection.execute(events.update().where(events.c.seq == 6).values(event_id=rows[5].event_id))
        connection.execute(events.update().where(events.c.seq == 5).values(event_id=rows[6].event_id))
    engine.dispose()


@pytest.mark.parametrize(
    "tamper",
    [
        sql("UPDATE events SET data = '{}' WHERE seq = 5"),
        sql("UPDATE events SET actor = 'staff:lena' WHERE actor = 'staff:rita'"),
        sql("DELETE FROM events WHERE seq = 300"),
        swap,
    ],
    ids=["edit", "actor", "delete", "swap"],
)
def test_tampering_with_events_is_seen(log: Store, ledger_url: str, tmp_path: Any, tamper: Any) -> None:
    path = tmp_path / "seals.jsonl"
    seal(ledger_url, path, KEY)
    assert verify(ledger_url, path, KEY).ok
    tamper(ledger_url)
    assert not verify(ledger_url, path, KEY).ok


def test_an_event_put_in_by_hand_is_seen_by_the_ledger(ledger_url: str, tmp_path: Any) -> None:
    path = tmp_path / "seals.jsonl"
    Store(ledger_url).close()
    seal(ledger_url, path, KEY)
    sql(
        "INSERT INTO events (event_id, stream, n, kind, at, actor, request_key, data) VALUES "
        "('evt_x', 'note:x', 1, 'audit.test', 0, 'staff:rita', 'k', '{\"subject\": \"x\"}')"
    )(ledger_url)
    assert verify(ledger_url, path, KEY).unsealed == 1
    differences = [str(difference) for difference in verify_ledger(ledger_url).differences]
    assert any("evt_x" in difference and "outbox" in difference for difference in differences)


def test_a_chain_hashed_anew_is_seen_by_its_head(log: Store, ledger_url: str, tmp_path: Any) -> None:
    """Who has the key and the database can build another chain; only a head kept elsewhere tells."""
    path = tmp_path / "seals.jsonl"
    seal(ledger_url, path, KEY)
    head = verify(ledger_url, path, KEY).head
    assert verify(ledger_url, path, KEY, head).ok
    sql("UPDATE events SET data = '{}' WHERE seq = 5")(ledger_url)
    path.unlink()
    seal(ledger_url, path, KEY)
    assert verify(ledger_url, path, KEY).ok
    report = verify(ledger_url, path, KEY, head)
    assert not report.ok
    assert report.broken is not None
    assert "cut off or sealed anew" in report.broken
