"""What a run brings with its flags: kept once, rebuilt from events, and put together with what the ledger knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes.ring_rows import NOW, hashed
from fakes.shop import Clock, seeded_ids
from sqlalchemy import select

from serving.review.case import Case, Flag
from serving.review.case_rows import read_case
from serving.review.evidence import Evidence, evidence_of
from serving.review.evidence.brought import (
    Account,
    Brought,
    Cents,
    Place,
    Sums,
    brought_from_data,
    brought_to_data,
)
from serving.review.evidence.keeping import BROUGHT
from serving.review.evidence.parts import Moment, Sight
from serving.review.push import put_flags
from serving.store.schema import cases, events
from serving.store.schema_evidence import case_evidence
from serving.store.unit import Store
from serving.store.verify import verify_ledger
from serving.webhooks.endpoint import is_sent

EARLY = NOW - timedelta(days=20)
RING = [Flag(f"u{n}", 0.9 - n / 100, "hold", (), "R1") for n in range(3)]


def told(**more: Any) -> Brought:
    """Three accounts on one device with four coupons, of which two were used."""
    made = Brought(
        "ring:R1",
        NOW - timedelta(hours=1),
        (("detector", "fairdeal 1"),),
        tuple(Account(f"u{n}", EARLY - timedelta(days=1), n) for n in range(3)),
        (
            Cents("k0", "u0", 0, 500, 100),
            Cents("k1", "u1", 800, 0, 0),
            Cents("k2", "u2", 0, 300, 0),
            Cents("k3", "u2", 0, 0, 0),
        ),
        tuple(Sight(f"u{n}", "device", hashed(7), EARLY, EARLY + timedelta(hours=n), 2) for n in range(3)),
        (Place("device", hashed(7), 3, 5, 4, "kiosk", EARLY, EARLY + timedelta(hours=3)),),
        tuple(Moment(EARLY, f"u{n}", "claim", f"k{n}", "welcome", None, 800) for n in range(3)),
        False,
        Sums(3, 0, 1, 4, 800, 800, 100, 1, 1, EARLY, EARLY + timedelta(minutes=30)),
    )
    return replace(made, **more)


@pytest.fixture
def store(ledger_url: str, clock: Clock) -> Any:
    opened = Store(ledger_url, clock, seeded_ids(clock))
    yield opened
    opened.close()


def look(store: Store, subject: str = "ring:R1") -> Evidence:
    def query(connection: Any) -> Evidence:
        row = connection.execute(select(cases).where(cases.c.subject == subject)).one()
        case: Case = read_case(row)
        return evidence_of(connection, case, store.clock())

    return store.read(query)


def test_history_of_the_tables_is_told_with_the_case(store: Store) -> None:
    put_flags(store, RING, version="v1", evidence=[told()])
    found = look(store)
    assert found.totals.coupons == 4
    assert (found.totals.unused_cents, found.totals.redeemed_cents, found.totals.refunded_cents) == (800, 800, 100)
    assert found.totals.at_risk_cents == 1500
    assert [(m.user_id, m.coupons, m.at_risk_cents, m.orders) for m in found.members] == [
        ("u0", 1, 400, 0),
        ("u1", 1, 800, 1),
        ("u2", 2, 300, 2),
    ]
    (thing,) = found.things
    assert (thing.members, thing.outsiders, thing.settled, thing.hub.code if thing.hub else "") == (3, 5, 4, "kiosk")
    assert len(found.holding) == 3
    assert [line.what for line in found.timeline] == ["claim"] * 3 + ["flag"] * 3
    assert found.versions == (("detector", "fairdeal 1"),)
    assert found.history[0].version == "v1"
    assert "this device is shared by 4 older accounts: likely a terminal in a store" in [s.en for s in found.against]
    assert verify_ledger(store.url).exact


def test_the_same_again_writes_nothing_and_news_replace_it(store: Store) -> None:
    put_flags(store, RING, evidence=[told()])
    put_flags(store, RING, evidence=[told(as_of=NOW)])
    put_flags(store, RING, evidence=[told(coupons=(), as_of=NOW - timedelta(days=3))])
    query = select(events.c.n).where(events.c.kind == BROUGHT)
    assert store.read(lambda c: c.execute(query).scalars().all()) == [1], "nothing new, or older than what is known"
    put_flags(store, RING, evidence=[told(coupons=told().coupons[:1], as_of=NOW)])
    assert store.read(lambda c: c.execute(query.order_by(events.c.n)).scalars().all()) == [1, 2]
    assert store.read(lambda c: c.execute(select(case_evidence.c.n)).scalars().all()) == [2]
    assert verify_ledger(store.url).exact


def test_a_refused_command_keeps_nothing_and_a_changed_row_is_found(store: Store) -> None:
    put_flags(store, RING, evidence=[told()])
    with store._writer.begin() as connection:
        connection.execute(case_evidence.update().values(data="{}"))
    assert {difference.table for difference in verify_ledger(store.url).differences} == {"case_evidence"}


def test_members_of_an_earlier_case_are_no_part_of_a_later_one(store: Store) -> None:
    put_flags(store, RING[:2], evidence=[told()])
    found = look(store)
    assert {sight.user_id for sight in found.sights} == {"u0", "u1"}
    assert (found.things[0].members, found.things[0].outsiders) == (2, 6)
    assert (found.totals.coupons, found.totals.unused_cents, found.totals.redeemed_cents) == (2, 800, 500)
    assert {line.user_id for line in found.timeline} == {"u0", "u1"}


def test_it_goes_through_json_unchanged() -> None:
    assert brought_from_data(brought_to_data(told())) == told()


def test_links_between_accounts_are_never_sent_out() -> None:
    assert not is_sent(BROUGHT)


async def test_the_api_takes_evidence_and_a_claim_is_not_counted_twice(small_shop: Any, monkeypatch: Any) -> None:
    shop = small_shop
    await shop.template()
    coupon = await shop.coupon("u0")
    answer = await shop.post(
        "reviewer", "/v1/flags", body(coupons=[coupon_row(coupon, "u0", 800), coupon_row("k1", "u1", 500)])
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"opened": 1, "updated": 0, "unchanged": 0}
    found = look(shop.store)
    assert (found.totals.coupons, found.totals.unused_cents, found.totals.exact) == (2, 1300, True)
    again = await shop.post("reviewer", "/v1/flags", body(coupons=[coupon_row(coupon, "u0", 800)], cut=3))
    assert again.status_code == 200, again.text
    found = look(shop.store)
    assert (found.totals.coupons, found.totals.unused_cents, found.totals.exact) == (1, 800, False)
    assert verify_ledger(shop.store.url).exact


def coupon_row(coupon_id: str, user_id: str, unused: int) -> dict[str, Any]:
    return {"coupon_id": coupon_id, "user_id": user_id, "unused_cents": unused}


def body(cut: int = 0, **more: Any) -> dict[str, Any]:
    flags = [{"user_id": f"u{n}", "score": 0.9, "action": "hold", "ring_id": "R1"} for n in range(2)]
    rows = more.get("coupons", [])
    evidence = {
        "ring_id": "R1",
        "as_of": "2026-05-01T12:00:00+08:00",
        "members": [{"user_id": "u0"}, {"user_id": "u1"}],
        "totals": {"accounts": 2, "coupons": len(rows) + cut, "unused_cents": 100},
        **more,
    }
    return {"flags": flags, "version": "v7", "evidence": [evidence]}


SIGHT = {"user_id": "u0", "kind": "device", "value": hashed(1), "first_seen": "2026-05-01T12:00:00Z"}
WHEN = {"first_seen": "2026-05-01T12:00:00Z", "last_seen": "2026-05-01T12:00:00Z"}


@pytest.mark.parametrize(
    "more",
    [
        {"sights": [{**SIGHT, **WHEN, "value": "13800138000"}]},
        {"sights": [{**SIGHT, **WHEN, "value": "A" * 32}]},
        {"sights": [{**SIGHT, **WHEN, "kind": "cookie"}]},
        {"sights": [{**SIGHT, **WHEN, "times": 0}]},
        {"sights": [{**SIGHT, **WHEN, "first_seen": "2026-05-01"}]},
        {"sights": [{**SIGHT, **WHEN}] * 2001},
        {"members": []},
        {"members": [{"user_id": "u0", "phone": "138"}]},
        {"user_id": "u0"},
        {"ring_id": None},
        {"coupons": [coupon_row("k", "u0", -1)]},
        {"coupons": [coupon_row("k", "u0", 1.5)]},  # type: ignore[arg-type]
        {"timeline": [{"at": "2026-05-01T12:00:00Z", "user_id": "u0", "what": "hacked"}]},
        {"things": [{"kind": "ip", "value": hashed(1), "members": 1, **WHEN, "hub": "<b>"}]},
        {"totals": {"accounts": 0}},
        {"as_of": "yesterday"},
        {"models": {"a": "b\x00"}},
    ],
)
async def test_evidence_that_cannot_be_is_refused_and_nothing_is_kept(small_shop: Any, more: dict[str, Any]) -> None:
    answer = await small_shop.post("reviewer", "/v1/flags", body(**more))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "13800138000" not in answer.text
    kept = small_shop.store.read(lambda c: (c.execute(select(cases)).all(), c.execute(select(case_evidence)).all()))
    assert kept == ([], [])
