"""Cents, counts and company to the last one, against plain Python, on ledgers nobody would think of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fakes.ring_rows import NOW, Rows, hashed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles import evidence as oracle
from serving.review.case import Flag

USERS = [f"u{n}" for n in range(7)]
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
maybe_hash = st.none() | st.integers(1, 4).map(hashed)
cents = st.integers(0, 10**9)
hours = st.integers(-1000, 50)


@st.composite
def ledgers(draw: Any) -> Rows:
    rows = Rows()
    for user in draw(st.lists(st.sampled_from(USERS), max_size=7, unique=True)):
        registered = draw(st.none() | hours.map(lambda h: NOW + timedelta(hours=h)))
        rows.user(user, registered, draw(st.integers(0, 3)))
    for user in draw(st.lists(st.sampled_from(USERS), max_size=12)):
        uses = draw(st.integers(1, 4))
        state = draw(st.sampled_from(["unused", "held", "used", "expired", "revoked"]))
        used = uses if state == "used" else draw(st.integers(0, uses - 1))
        at = NOW + timedelta(hours=draw(hours))
        things = {kind: draw(maybe_hash) for kind in ("device", "ip", "address")}
        coupon = rows.coupon(user, at, draw(cents), uses, used, state=state, **things)
        if draw(st.booleans()):
            took = draw(cents)
            given_back = draw(st.integers(0, took))
            kind = draw(st.sampled_from(["open", "released", "redeemed", "undone"]))
            rows.order(user, {coupon: (took, given_back)}, kind, at + timedelta(hours=1))
    pairs = st.tuples(st.sampled_from(USERS), st.sampled_from(["phone", "identity", "device", "address"]))
    for user, kind in draw(st.lists(pairs, max_size=6, unique=True)):
        rows.link(user, kind, hashed(draw(st.integers(1, 3))), NOW + timedelta(hours=draw(hours)))
    return rows


@QUICK
@given(rows=ledgers(), size=st.integers(1, 5))
def test_the_figures_are_exact(small_ledger: Any, rows: Rows, size: int) -> None:
    members = USERS[:size]
    case = rows.case([Flag(user, 0.9, "hold", (), "R") for user in members])
    found = small_ledger.ask(rows, case)
    expected = oracle.totals(rows.rows, members, NOW)
    assert {name: asdict(found.totals)[name] for name in expected} == expected
    assert sum(member.at_risk_cents for member in found.members) == expected["at_risk_cents"]
    assert sum(member.coupons for member in found.members) == expected["coupons"]
    assert found.totals.accounts == found.member_count == size
    on = oracle.accounts_on(rows.rows, NOW)
    least = 1 if size == 1 else 2
    shared = {
        thing: users
        for thing, users in on.items()
        if len(users & set(members)) >= least and (least > 1 or len(users) > 1)
    }
    assert {(t.kind, t.value) for t in found.things} == set(shared)
    assert found.totals.things == len(shared)
    for thing in found.things:
        users = shared[thing.kind, thing.value]
        assert (thing.members, thing.outsiders) == (len(users & set(members)), len(users - set(members)))
        assert 0 <= thing.settled <= thing.outsiders
    sights = {(s.user_id, s.kind, s.value) for s in found.sights}
    assert sights == {(user, *thing) for thing, users in on.items() for user in users & set(members)}


@QUICK
@given(rows=ledgers())
def test_what_comes_later_changes_no_earlier_evidence(small_ledger: Any, rows: Rows) -> None:
    case = rows.case([Flag(user, 0.9, "hold", (), "R") for user in USERS[:4]])
    before = small_ledger.ask(rows, case)
    later = NOW + timedelta(seconds=1)
    for user in USERS:
        coupon = rows.coupon(user, later, 500, device=hashed(1), ip=hashed(2), address=hashed(3))
        rows.order(user, {coupon: (100, 0)}, "redeemed", later)
    known = {(row["kind"], row["value"], row["user_id"]) for row in rows.rows["user_links"]}
    for user in USERS:
        if ("phone", hashed(1), user) not in known:
            rows.link(user, "phone", hashed(1), later)
    assert small_ledger.ask(rows, case) == before


def test_a_lone_account_shows_what_it_shares_with_others(ledger: Any) -> None:
    rows = Rows()
    for n in range(3):
        rows.coupon(f"u{n}", device=hashed(1), ip=hashed(9 + n))
    case = rows.case([Flag("u0", 0.7, "hold")])
    found = ledger.ask(rows, case)
    assert [(t.kind, t.members, t.outsiders) for t in found.things] == [("device", 1, 2)]
    assert found.headline.en == "1 account, 1 device, 1 coupon"
    assert found.holding == ()


def test_an_account_that_did_nothing_is_answered_too(ledger: Any) -> None:
    rows = Rows()
    found = ledger.ask(rows, rows.case([Flag("u0", 0.7, "hold")]))
    assert (found.totals.coupons, found.things, found.sights, found.totals.minutes) == (0, (), (), 0)
    assert found.headline.en == "1 account"
    assert [line.what for line in found.timeline] == ["flag"]
    nobody = ledger.ask(None, rows.case([Flag("u0", 0.7, "hold")], case_id="case_2"))
    assert nobody.totals.accounts == 0, "a case that has no rows yet"


def test_ids_that_look_like_commands_are_ids(ledger: Any) -> None:
    odd = ["x'); DROP TABLE coupons; --", 'a"b', "%", "_", ":of_case", "u\\u0000", "é中"]
    rows = Rows()
    for n, user in enumerate(odd):
        rows.coupon(user, device=hashed(1), coupon_id=f"c'{n}\";--")
    case = rows.case([Flag(user, 0.9, "hold", (), "R") for user in odd[:5]], case_id="case'--")
    found = ledger.ask(rows, case)
    assert {member.user_id for member in found.members} == set(odd[:5])
    assert [(t.members, t.outsiders) for t in found.things] == [(5, 2)]
    assert len(found.timeline) == 10


def test_a_claim_with_a_settled_crowd_behind_it_is_told_so(ledger: Any) -> None:
    rows = Rows()
    for n in range(61):
        rows.user(f"old{n}", NOW - timedelta(days=400), 3)
        for day in range(3):
            at = NOW - timedelta(days=3 * day, hours=8)
            rows.coupon(f"old{n}", at, ip=hashed(7), address=hashed(100 + n % 5))
    for n in range(4):
        at = NOW - timedelta(minutes=11 - n * 11 // 3)
        rows.coupon(f"u{n}", at, device=hashed(1), ip=hashed(7))
    case = rows.case([Flag(f"u{n}", 0.9, "hold", (), "R") for n in range(4)])
    found = ledger.ask(rows, case)
    by_kind = {thing.kind: thing for thing in found.things}
    assert (by_kind["ip"].outsiders, by_kind["ip"].settled, by_kind["ip"].hub.code) == (61, 61, "campus")
    assert found.headline.en == "4 accounts, 1 device, 11 minutes, same coupon"
    assert found.against[0].en == "this IP is shared by 61 older accounts: likely a campus gateway"
    assert found.against[0].zh == "该 IP 还有 61 个老账号在用：可能是校园出口"
    assert {hold.kind for hold in found.holding} == {"device"}
    assert len(found.holding) == 4


def test_accounts_that_are_held_themselves_speak_for_nobody(ledger: Any) -> None:
    rows = Rows()
    for n in range(6):
        rows.user(f"old{n}", NOW - timedelta(days=400))
        rows.coupon(f"old{n}", NOW - timedelta(days=90), ip=hashed(7))
    rows.case([Flag(f"old{n}", 0.9, "withhold", (), "R0") for n in range(6)], case_id="case_0")
    for n in range(2):
        rows.coupon(f"u{n}", ip=hashed(7))
    found = ledger.ask(rows, rows.case([Flag(f"u{n}", 0.9, "hold", (), "R") for n in range(2)]))
    assert [(thing.outsiders, thing.settled, thing.hub) for thing in found.things] == [(6, 0, None)]
    assert found.against == ()


def test_every_line_of_the_timeline_is_in_time_order_and_the_newest_are_kept(small_ledger: Any) -> None:
    rows = Rows()
    for n in range(600):
        rows.coupon("u0", NOW - timedelta(minutes=n), device=hashed(1))
    found = small_ledger.ask(rows, rows.case([Flag("u0", 0.9, "hold")]))
    assert len(found.timeline) == 500
    assert found.timeline_cut
    assert [line.at for line in found.timeline] == sorted(line.at for line in found.timeline)
    assert found.timeline[-1].what == "flag"
    assert found.totals.coupons == 600


def test_only_the_first_are_told_one_by_one_and_all_are_counted(small_ledger: Any) -> None:
    rows, counts = Rows(), defaultdict(int)
    for n in range(30):
        rows.coupon(f"u{n:02}", device=hashed(n // 10), face=100)
        counts[n // 10] += 1
    case = rows.case([Flag(f"u{n:02}", 0.9, "hold", (), "R") for n in range(30)])
    found = small_ledger.ask(rows, case, limit=5)
    assert [member.user_id for member in found.members] == [f"u{n:02}" for n in range(5)]
    assert (found.member_count, found.totals.unused_cents) == (30, 3000)
    assert sorted(thing.members for thing in found.things) == [10, 10, 10]
    assert {sight.user_id for sight in found.sights} == {f"u{n:02}" for n in range(5)}
