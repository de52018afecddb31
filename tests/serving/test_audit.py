"""The sealed log: every kind of tampering is seen, and the first bad line is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from serving.clock import Ids
from serving.store.audit import seal, verify
from serving.store.engine import writer_engine
from serving.store.schema import events, outbox
from serving.store.unit import Answer, Request, Store, Transaction

KEY = "a key that only the sealer has"


def write_events(url: str, start: int, count: int) -> None:
    def clock() -> datetime:
        return datetime(2026, 5, 1) + timedelta(seconds=start)

    store = Store(url, clock=clock, ids=Ids(clock))
    try:
        for i in range(start, start + count):

            def command(tx: Transaction, i: int = i) -> Answer:
                tx.append(f"coupon:{i}", 1, "claimed", {"face_cents": 100 + i})
                return Answer(200, {})

            store.write(Request("test", f"key-{i}", "/v1/claims", "f"), command)
    finally:
        store.close()


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[str, Path]:
    url, path = f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "seals.jsonl"
    write_events(url, 0, 5)
    assert seal(url, path, KEY) == 5
    return url, path


def test_sealing_again_adds_only_what_is_new(sealed: tuple[str, Path]) -> None:
    url, path = sealed
    assert seal(url, path, KEY) == 0
    write_events(url, 5, 2)
    assert verify(url, path, KEY).unsealed == 2
    assert seal(url, path, KEY) == 2
    report = verify(url, path, KEY)
    assert (report.ok, report.sealed, report.unsealed) == (True, 7, 0)


def sql(statement: str) -> Callable[[str, Path], None]:
    def tamper(url: str, _path: Path) -> None:
        engine = writer_engine(url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    return tamper


def delete_third(url: str, _path: Path) -> None:
    engine = writer_engine(url)
    with engine.begin() as connection:
        gone = connection.execute(events.select().where(events.c.seq == 3)).one().event_id
        connection.execute(delete(outbox).where(outbox.c.event_id == gone))
        connection.execute(delete(events).where(events.c.event_id == gone))
    engine.dispose()


def lines(edit: Callable[[list[str]], list[str]]) -> Callable[[str, Path], None]:
    def tamper(_url: str, path: Path) -> None:
        path.write_text("".join(f"{line}\n" for line in edit(path.read_text().splitlines())))

    return tamper


def renumbered(rows: list[str]) -> list[str]:
    return [json.dumps({**json.loads(row), "n": n}) for n, row in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (sql("UPDATE events SET data = '{}' WHERE seq = 2"), 2),
        (sql("UPDATE events SET actor = 'somebody else' WHERE seq = 5"), 5),
        (sql("UPDATE events SET at = at + 1 WHERE seq = 1"), 1),
        (delete_third, 3),
        (lines(lambda rows: rows[:1] + rows[2:]), 2),
        (lines(lambda rows: renumbered(rows[:1] + rows[2:])), 2),
        (lines(lambda rows: renumbered([rows[1], rows[0], *rows[2:]])), 1),
        (lines(lambda rows: renumbered([*rows[:2], rows[1], *rows[2:]])), 3),
        (lines(lambda rows: [*rows[:4], "not json"]), 5),
    ],
    ids=["data", "actor", "time", "deleted event", "deleted line", "closed gap", "swapped", "doubled", "garbage"],
)
def test_tampering_is_seen_at_its_line(
    sealed: tuple[str, Path], tamper: Callable[[str, Path], None], line: int
) -> None:
    url, path = sealed
    tamper(url, path)
    report = verify(url, path, KEY)
    assert not report.ok
    assert report.broken is not None
    assert report.broken.startswith(f"line {line} ")


def test_a_chain_built_without_the_key_is_seen(sealed: tuple[str, Path]) -> None:
    url, path = sealed
    path.unlink()
    seal(url, path, "another key")
    assert not verify(url, path, KEY).ok


def test_a_tail_cut_off_shows_against_a_copy_of_the_head(sealed: tuple[str, Path]) -> None:
    url, path = sealed
    head = verify(url, path, KEY).head
    lines(lambda rows: rows[:-1])(url, path)
    assert verify(url, path, KEY).head != head
