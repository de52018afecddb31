"""A ring of ten thousand costs no more statements than one of four, and its totals are exact."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from fakes.ring_rows import NOW, Rows, hashed

from serving.review.case import Flag, Reason

WHY = (Reason("device_others_24h", "5 others on one device", "同一设备上有 5 个其他账号"),)


def ring(size: int) -> tuple[Rows, Any]:
    """Two claims each: forty accounts a device, two hundred an IP that 500 settled accounts share, and an order."""
    rows = Rows()
    for n in range(size):
        at = NOW - timedelta(seconds=n)
        place = {"device": hashed(n // 40), "ip": hashed(10_000 + n // 200), "address": hashed(20_000 + n)}
        rows.user(f"u{n}", NOW - timedelta(days=1))
        used = rows.coupon(f"u{n}", at, 700, uses=2, used=1, **place)
        rows.coupon(f"u{n}", at, 300, **place)
        rows.order(f"u{n}", {used: (650, 50)}, "redeemed", at)
    for n in range(500):
        rows.user(f"s{n}", NOW - timedelta(days=400), 2)
        rows.coupon(f"s{n}", NOW - timedelta(days=60), ip=hashed(10_000))
    return rows, rows.case([Flag(f"u{n}", 0.9, "hold", WHY, "R") for n in range(size)])


def test_the_number_of_statements_does_not_grow_with_the_ring(ledger: Any) -> None:
    counts = []
    for size in (3, 90):
        rows, case = ring(size)
        ledger.ask(rows, case)
        counts.append(len(ledger.statements))
    assert counts[0] == counts[1] <= 25


@pytest.mark.slow
def test_a_ring_of_ten_thousand_is_told_exactly_and_soon(ledger: Any) -> None:
    rows, case = ring(10_000)
    found = ledger.ask(rows, case)
    totals = found.totals
    assert (found.member_count, len(found.members)) == (10_000, 200)
    assert (totals.coupons, totals.unused_cents) == (20_000, 10_000 * 1000)
    assert (totals.redeemed_cents, totals.refunded_cents) == (6_500_000, 500_000)
    assert totals.things == 250 + 50
    assert len(found.things) == 60
    assert found.things_cut
    (crowded,) = (thing for thing in found.things if thing.value == hashed(10_000))
    assert (crowded.members, crowded.outsiders, crowded.at_least) == (200, 400, True)
    if ledger.engine.dialect.name == "postgresql":
        ledger.settle()
    begin = time.perf_counter()
    ledger.ask(None, case)
    assert time.perf_counter() - begin < 3, "a third of a second on an idle machine"
