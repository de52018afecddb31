"""How the case was scored before, and which decided cases were like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fakes.ring_rows import NOW, Rows, hashed
from hypothesis import given
from hypothesis import strategies as st

from serving.review.case import OPENED, UPDATED, Flag, Reason, flags_to_data
from serving.review.evidence.alike import SHOWN, Past, alike
from serving.review.evidence.history import LINES

DEVICE, IP = Reason("device_others_24h", 'says "score":0.1', "设备"), Reason("ip_others_7d", "ip", "网络")
marks = st.frozensets(st.sampled_from("abcdef"))


def ring(*names: str, score: float = 0.9, reason: Reason = DEVICE, ring_id: str = "R") -> list[Flag]:
    return [Flag(name, score, "hold", (reason,), ring_id) for name in names]


def decided(rows: Rows, number: int, flags: list[Flag], verdict: str = "abusive", **more: Any) -> None:
    at = NOW - timedelta(days=number)
    rows.case(
        flags,
        f"case_p{number}",
        at,
        state="decided",
        verdict=verdict,
        action="block",
        decided_by="r",
        decided_at=at,
        **more,
    )


def test_past_cases_that_looked_alike_come_first(ledger: Any) -> None:
    rows = Rows()
    for n in range(4):
        rows.coupon(f"u{n}", device=hashed(1))
        rows.coupon(f"a{n}", device=hashed(2))
    decided(rows, 1, ring("a0", "a1", "a2", "a3", ring_id="A"))
    decided(rows, 2, ring("b0", "b1", "b2", "b3", reason=IP, ring_id="B"), "legitimate")
    decided(rows, 3, ring("c0", ring_id="C") + ring(*(f"c{n}" for n in range(1, 40)), ring_id="C"))
    decided(rows, 4, [Flag("d0", 0.9, "hold", (DEVICE,))])
    decided(rows, 5, ring("e0", "e1", "e2", "e3", ring_id="E"), source="second")
    found = ledger.ask(rows, rows.case(ring("u0", "u1", "u2", "u3")))
    assert [(past.case_id, past.verdict, past.action) for past in found.similar] == [
        ("case_p1", "abusive", "block"),
        ("case_p2", "legitimate", "block"),
    ]
    first, second = found.similar
    assert first.likeness == 1.0 > second.likeness
    assert first.why.en == "4 accounts where this has 4; both: device, device others"
    assert first.why.zh.startswith("4 个账号，本案 4 个")


def test_a_case_decided_later_is_not_past(small_ledger: Any) -> None:
    rows = Rows()
    decided(rows, -1, ring("a0", "a1", ring_id="A"))
    assert small_ledger.ask(rows, rows.case(ring("u0", "u1"))).similar == ()


@given(st.lists(st.tuples(marks, st.integers(1, 50), st.integers(0, 9)), max_size=12), marks, st.integers(1, 50))
def test_likeness_is_a_share_and_the_same_is_wholly_alike(found: list, mine: frozenset, members: int) -> None:
    past = [
        Past(f"c{n}", "abusive", "block", NOW - timedelta(days=days), size, set_)
        for n, (set_, size, days) in enumerate(found)
    ]
    told = alike(past, mine, members)
    assert len(told) <= SHOWN
    assert [one.likeness for one in told] == sorted((one.likeness for one in told), reverse=True)
    assert all(0.3 <= one.likeness <= 1 for one in told)
    if mine and past:
        twin = replace(past[0], case_id="twin", marks=mine, members=members)
        assert alike([*past, twin], mine, members)[0].likeness == 1.0


def test_scores_are_told_in_time_order_with_what_scored(ledger: Any) -> None:
    rows = Rows()
    case = rows.case(ring("u0", "u1", score=0.5))
    for day in range(30):
        data = {
            "case_id": "case_1",
            "flags": flags_to_data(ring("u0", score=0.6)),
            "source": "claim",
            "version": f"v{day}",
        }
        rows.event("case:case_1", UPDATED, data, NOW + timedelta(days=day))
    found = ledger.ask(rows, case, NOW + timedelta(days=25)).history
    assert len(found) == LINES
    assert [line.at for line in found] == [NOW + timedelta(days=day) for day in range(6, 26)]
    assert (found[-1].score, found[-1].source, found[-1].version, found[-1].members) == (0.6, "claim", "v25", 1)
    first = ledger.ask(None, case, NOW).history
    assert [(line.score, line.source, line.members) for line in first][:1] == [(0.5, "flow", 2)]


def test_the_event_of_a_huge_case_is_read_at_its_ends(ledger: Any) -> None:
    rows = Rows()
    few = rows.case(ring("u0"))
    flags = [Flag(f"u{n}", 0.9 - n / 10_000, "hold", (DEVICE, IP), "R") for n in range(1000)]
    data = {"at": "", "case_id": "case_1", "flags": flags_to_data(flags), "source": "flow", "version": 'v"1'}
    rows.event("case:case_1", UPDATED, data, NOW)
    last = ledger.ask(rows, few).history[-1]
    assert (last.score, last.members, last.source, last.version) == (0.9, 1000, "flow", 'v"1')
    assert OPENED in {row["kind"] for row in rows.rows["events"]}


def test_a_case_that_is_looked_at_blind_tells_nothing_that_anybody_thought(ledger: Any) -> None:
    rows = Rows()
    for n in range(3):
        rows.coupon(f"u{n}", device=hashed(1))
    decided(rows, 1, ring("u0", "u1", "u2"), "legitimate")
    case = rows.case(ring("u0", "u1", "u2"), subject="second:case_p1", source="second", blind=True)
    found = ledger.ask(rows, case)
    assert {(m.score, m.action, m.standing, m.reasons) for m in found.members} == {(0.0, "allow", None, ())}
    assert {line.what for line in found.timeline} == {"claim"}
    assert (found.similar, found.history, found.versions) == ((), (), ())
    assert "cleared" not in " ".join(sentence.en for sentence in found.against)
    assert len(found.holding) == 3, "what links them is what a second look is for"
