"""A queue as large as a busy shop's, written in bulk: every row with the event that explains it.

Nothing is claimed one by one; rows and events are made by the functions of the ledger itself, so that ``verify_ledger``
stays exact.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from serving.review.case import OPENED, Case, Flag, Reason, flags_to_data, strongest_first
from serving.review.case_rows import case_row, flag_rows
from serving.review.life import apply
from serving.store.rows import insert_rows
from serving.store.schema import cases as case_table
from serving.store.schema import coupons, events, flags, outbox
from serving.store.unit import Answer, Request, Store, Transaction, canonical

WHY = (
    Reason("device_others_24h", "4 accounts on one device within a day", "一天内同一设备有 4 个账号"),
    Reason("age_days", "registered 11 minutes before the claim", "注册 11 分钟后即领券"),
)
_SUGGESTED = ("hold", "withhold", "block", "cap")
_CHUNK = 20_000


def fill(store: Store, cases: int = 10_000, ring: int = 10_000, seed: int = 1, *, claimed: bool = True) -> None:
    """Open ``cases`` cases of about three members each, and one ring of ``ring`` members if that is above 0.

    Each member has two coupons, straight into the table (a coupon's story needs its template and campaign: without
    ``claimed`` none are written, and the ledger verifies as exact).
    """
    rng = random.Random(seed)
    sizes = [rng.choice((1, 1, 2, 3, 5, 6)) for _ in range(cases)] + ([ring] if ring else [])
    key = store.ids("fill")

    def command(tx: Transaction) -> Answer:
        made = [_case(tx, n, size, rng) for n, size in enumerate(sizes)]
        _write(tx, made)
        if claimed:
            _insert(tx, coupons, itertools.chain.from_iterable(_coupons(tx, case, rng) for case in made))
        return Answer(200, {"cases": len(made)})

    store.write(Request("flow", key, "fill", key), command)


def _case(tx: Transaction, n: int, size: int, rng: random.Random) -> tuple[Case, dict[str, Any]]:
    at = tx.now - timedelta(minutes=rng.randrange(1, 60 * 48))
    ring_id = f"R{n:05d}" if size > 1 else None
    found = strongest_first(
        Flag(f"u{n:05d}_{m}", round(rng.betavariate(3, 2), 4), rng.choice(_SUGGESTED), WHY, ring_id)
        for m in range(size)
    )
    data = {
        "case_id": tx.ids("case"),
        "subject": found[0].subject,
        "source": rng.choice(("flow", "claim", "check:device_accounts")),
        "flags": flags_to_data(found),
        "at": at.isoformat(),
    }
    return apply(None, OPENED, data), data


def _write(tx: Transaction, made: list[tuple[Case, dict[str, Any]]]) -> None:
    _insert(tx, case_table, ({"case_id": case.case_id, **case_row(case)} for case, _ in made))
    _insert(tx, flags, (row for case, _ in made for row in flag_rows(case, case.opened_at)))
    told = [(case, data, tx.ids("evt")) for case, data in made]
    _insert(tx, events, (_event(tx, event_id, case, data) for case, data, event_id in told))
    _insert(
        tx,
        outbox,
        ({"event_id": event_id, "kind": OPENED, "created_at": case.opened_at} for case, _, event_id in told),
    )


def _event(tx: Transaction, event_id: str, case: Case, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "stream": f"case:{case.case_id}",
        "n": 1,
        "kind": OPENED,
        "at": case.opened_at,
        "actor": tx.request.principal,
        "request_key": tx.request.key,
        "data": canonical(data),
    }


def _coupons(tx: Transaction, made: tuple[Case, dict[str, Any]], rng: random.Random) -> Iterator[dict[str, Any]]:
    case, _ = made
    for flag, _ in itertools.product(case.flags, range(2)):
        yield _coupon(tx.ids("cpn"), flag.user_id, case.opened_at, rng.choice((500, 800, 2000)))


def _coupon(coupon_id: str, user_id: str, at: datetime, face_cents: int) -> dict[str, Any]:
    return {
        "coupon_id": coupon_id,
        "user_id": user_id,
        "template_id": "newcomer",
        "template_version": 1,
        "campaign_id": None,
        "decision_id": None,
        "face_cents": face_cents,
        "claimed_at": at,
        "valid_from": at,
        "valid_until": at + timedelta(days=30),
        "state": "unused",
        "hold_id": None,
        "uses": 1,
        "used": 0,
        "source": "claim",
        "ref": None,
        "place": None,
        "device": None,
        "ip": None,
        "address": None,
        "n": 1,
    }


def _insert(tx: Transaction, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(itertools.islice(rows, _CHUNK)):
        insert_rows(tx.connection, table, chunk)
