"""A case in somebody's hand: leases, snoozes, proposals and second persons, undoing; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from fakes.cases import FOUR_EYES, case_of, decided, do, judgement, open_cases
from fakes.shop import Clock, seeded_ids

from features.errors import InputError
from serving.review.case import Flag, Reason
from serving.review.flags import standing_of
from serving.review.push import put_flags
from serving.review.report import verdict_rows
from serving.review.work import approve, claim, decline, judge, let_go, release_member, snooze, undo
from serving.store.unit import Answer, Command, Store
from serving.store.verify import verify_ledger

RITA, SAM, LENA = "staff:rita", "staff:sam", "staff:lena"
WHY = (Reason("ring", "3 accounts on one device", "同一设备 3 个账号"),)
RING = [Flag(user, score, "withhold", WHY, "R1") for user, score in (("a", 0.9), ("b", 0.8), ("c", 0.7))]


@pytest.fixture
def case_id(store: Store) -> str:
    put_flags(store, RING)
    (case,) = store.read(open_cases)
    return case.case_id


def code(answer: Answer) -> str:
    return str(answer.body.get("code", "done"))


def standings(store: Store, users: str = "abc") -> list[str | None]:
    return [store.read(lambda c, user=user: standing_of(c, user)) for user in users]


def test_a_case_is_in_one_hand_until_the_lease_is_over(store: Store, clock: Clock, case_id: str) -> None:
    assert do(store, RITA, claim(case_id, RITA, 15)).status == 200
    assert code(do(store, SAM, claim(case_id, SAM, 15))) == "case_leased"
    assert code(do(store, SAM, judge(case_id, SAM, judgement(), FOUR_EYES))) == "case_leased"
    clock.forward(minutes=14)
    assert do(store, RITA, claim(case_id, RITA, 15)).status == 200, "who works on goes on"
    clock.forward(minutes=14)
    assert case_of(store, case_id).holder(clock.now) == RITA
    clock.forward(minutes=1)
    assert case_of(store, case_id).holder(clock.now) is None
    assert code(do(store, RITA, judge(case_id, RITA, judgement(), FOUR_EYES))) == "lease_over"
    assert do(store, SAM, claim(case_id, SAM, 15)).status == 200
    assert code(do(store, RITA, judge(case_id, RITA, judgement(), FOUR_EYES))) == "case_leased"
    assert standings(store) == ["withhold"] * 3
    assert verify_ledger(store.url).exact


def test_letting_go_gives_a_case_to_others_and_a_foreign_lease_stays(store: Store, case_id: str) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    assert do(store, SAM, let_go(case_id, SAM)).status == 200
    assert code(do(store, SAM, claim(case_id, SAM, 15))) == "case_leased"
    do(store, RITA, let_go(case_id, RITA))
    assert code(do(store, SAM, claim(case_id, SAM, 15))) == "done"
    assert code(do(store, SAM, let_go("case_none", SAM))) == "case_unknown"


def test_a_snoozed_case_sleeps_until_its_end_or_until_somebody_takes_it(
    store: Store, clock: Clock, case_id: str
) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    assert code(do(store, SAM, snooze(case_id, SAM, clock.now + timedelta(hours=2), "later"))) == "case_leased"
    assert do(store, RITA, snooze(case_id, RITA, clock.now + timedelta(hours=2), "asked the shop")).status == 200
    case = case_of(store, case_id)
    assert (case.asleep(clock.now), case.holder(clock.now), case.snooze_reason) == (True, None, "asked the shop")
    clock.forward(hours=2)
    assert not case_of(store, case_id).asleep(clock.now)
    do(store, SAM, snooze(case_id, SAM, clock.now + timedelta(days=1), "x"))
    do(store, SAM, claim(case_id, SAM, 15))
    assert not case_of(store, case_id).asleep(clock.now)
    for wrong in (clock.now, clock.now + timedelta(days=91)):
        assert code(do(store, SAM, snooze(case_id, SAM, wrong, "x"))) == "snooze_end"
    with pytest.raises(InputError, match="reason"):
        snooze(case_id, SAM, clock.now, " ")
    assert verify_ledger(store.url).exact


def test_a_flow_changes_the_members_under_a_lease_and_leaves_the_lease(
    store: Store, clock: Clock, case_id: str
) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    put_flags(store, [Flag("d", 0.95, "withhold", WHY, "R1")])
    case = case_of(store, case_id)
    assert (case.holder(clock.now), case.users) == (RITA, ("d", "a", "b", "c"))
    assert code(do(store, RITA, judge(case_id, RITA, judgement(seen=3), FOUR_EYES))) == "case_changed"
    assert code(do(store, RITA, judge(case_id, RITA, judgement(seen=4), FOUR_EYES))) == "done"


def test_exceptions_for_strangers_are_refused(store: Store, case_id: str) -> None:
    answer = decided(store, case_id, members={"stranger": ("legitimate", "allow")})
    assert code(answer) == "case_changed"


def test_a_form_that_comes_twice_is_told_the_same_and_counts_once(store: Store, case_id: str) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    command = judge(case_id, RITA, judgement(), FOUR_EYES)
    first, again = do(store, RITA, command, "form"), do(store, RITA, command, "form")
    assert (again.body, again.replayed, first.replayed) == (first.body, True, False)
    assert case_of(store, case_id).n == 3


@pytest.mark.parametrize("what", ["claim", "judge", "approve"])
def test_of_many_who_reach_for_a_case_one_wins(
    ledger_url: str, store: Store, clock: Clock, case_id: str, what: str
) -> None:
    """Several stores on one ledger are several processes: each has its own connections and its own turn."""
    people = [f"staff:p{n}" for n in range(6)]
    if what == "judge":
        do(store, RITA, claim(case_id, RITA, 15))
    if what == "approve":
        do(store, RITA, claim(case_id, RITA, 15))
        do(store, RITA, judge(case_id, RITA, judgement(), 0))
    stores = [Store(ledger_url, clock, seeded_ids(clock, 10 + n)) for n in range(3)]
    together = Barrier(len(people))

    def go(n: int) -> str:
        together.wait()
        by = people[n]
        commands: dict[str, Command] = {
            "claim": claim(case_id, by, 15),
            "judge": judge(case_id, RITA, judgement(), FOUR_EYES),
            "approve": approve(case_id, by),
        }
        return code(do(stores[n % 3], by, commands[what], f"race-{n}"))

    try:
        with ThreadPoolExecutor(len(people)) as pool:
            found = sorted(pool.map(go, range(len(people))))
    finally:
        for other in stores:
            other.close()
    lost = {"claim": "case_leased", "judge": "case_decided", "approve": "case_decided"}[what]
    assert found == [lost] * 5 + ["done"]
    assert verify_ledger(store.url).exact


def test_above_an_amount_a_second_person_decides(store: Store, clock: Clock, case_id: str) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    asked = do(store, RITA, judge(case_id, RITA, judgement("abusive", "freeze", note="look"), 0))
    assert asked.body["state"] == "proposed"
    case = case_of(store, case_id)
    assert (case.state, case.proposed_by, case.proposal) == ("open", RITA, judgement("abusive", "freeze", note="look"))
    assert standings(store) == ["withhold"] * 3, "a proposal changes nothing"
    assert store.read(verdict_rows) == []
    for refused in (claim(case_id, SAM, 15), snooze(case_id, SAM, clock.now + timedelta(hours=1), "x")):
        assert code(do(store, SAM, refused)) == "case_proposed"
    assert code(do(store, RITA, judge(case_id, RITA, judgement(), 0))) == "case_proposed"
    assert code(do(store, RITA, approve(case_id, RITA))) == "case_not_yours"
    assert code(do(store, RITA, decline(case_id, RITA, "no"))) == "case_not_yours"
    clock.forward(hours=1)
    assert do(store, LENA, approve(case_id, LENA)).body["state"] == "decided"
    case = case_of(store, case_id)
    assert (case.decided_by, case.approved_by, case.note, case.proposal) == (RITA, LENA, "look", None)
    assert standings(store) == ["freeze"] * 3
    assert code(do(store, LENA, approve(case_id, LENA))) == "case_decided"
    assert verify_ledger(store.url).exact


def test_a_declined_proposal_leaves_the_case_open_with_a_note(store: Store, clock: Clock, case_id: str) -> None:
    assert code(do(store, LENA, approve(case_id, LENA))) == "not_proposed"
    do(store, RITA, claim(case_id, RITA, 15))
    do(store, RITA, judge(case_id, RITA, judgement("legitimate", "allow"), 0))
    with pytest.raises(InputError, match="note"):
        decline(case_id, LENA, "")
    assert do(store, LENA, decline(case_id, LENA, "ask the school first")).status == 200
    case = case_of(store, case_id)
    assert case.declined is not None
    assert (case.declined.by, case.declined.proposer, case.declined.note) == (LENA, RITA, "ask the school first")
    assert (case.proposal, case.proposed_by, case.holder(clock.now)) == (None, None, None)
    assert do(store, SAM, claim(case_id, SAM, 15)).status == 200
    assert verify_ledger(store.url).exact


def test_watching_needs_one_person_and_new_members_make_a_proposal_void(store: Store, case_id: str) -> None:
    do(store, RITA, claim(case_id, RITA, 15))
    do(store, RITA, judge(case_id, RITA, judgement("abusive", "block"), 0))
    put_flags(store, [Flag("d", 0.95, "withhold", WHY, "R1")])
    case = case_of(store, case_id)
    assert case.proposal is None
    assert case.declined is not None
    assert (case.declined.by, case.declined.proposer) == ("", RITA)
    do(store, RITA, claim(case_id, RITA, 15))
    assert do(store, RITA, judge(case_id, RITA, judgement("abusive", "watch"), 0)).body["state"] == "decided"
    assert verify_ledger(store.url).exact


def test_undoing_opens_the_case_with_the_standings_of_its_flags(store: Store, clock: Clock, case_id: str) -> None:
    before = case_of(store, case_id)
    assert code(do(store, SAM, undo(case_id, SAM, "slip", ""))) == "case_not_decided"
    decided(store, case_id, "abusive", "block", members={"c": ("legitimate", "allow")})
    assert standings(store) == ["block", "block", "allow"]
    for wrong in (("nonsense", ""), ("other_undo", " ")):
        with pytest.raises(InputError):
            undo(case_id, SAM, *wrong)
    assert do(store, SAM, undo(case_id, SAM, "new_evidence", "they are a family")).status == 200
    assert standings(store) == ["withhold"] * 3
    case = case_of(store, case_id)
    assert (case.flags, case.state, case.verdict, case.exceptions) == (before.flags, "open", None, {})
    assert case.undone is not None
    assert (case.undone.by, case.undone.note) == (SAM, "they are a family")
    assert store.read(verdict_rows) == []
    assert decided(store, case_id, "legitimate", "allow", by=SAM).status == 200
    assert standings(store) == ["allow"] * 3
    assert verify_ledger(store.url).exact


def test_a_case_can_be_undone_while_a_newer_one_of_its_ring_is_open(store: Store, case_id: str) -> None:
    decided(store, case_id, "abusive", "block")
    put_flags(store, [*RING, Flag("z", 0.8, "withhold", WHY, "R1")])
    assert do(store, SAM, undo(case_id, SAM, "slip", "")).status == 200
    assert sorted(case.users for case in store.read(open_cases)) == [("a", "b", "c"), ("z",)]
    assert put_flags(store, [*RING, Flag("z", 0.8, "withhold", WHY, "R1")]).updated == 1
    assert verify_ledger(store.url).exact


def test_an_appeal_clears_one_member_for_good(store: Store, case_id: str) -> None:
    released: Any = lambda tx: release_member(tx, case_id, "b", "appeal:our_error") or Answer(200, {})  # noqa: E731
    assert do(store, LENA, released).status == 200
    assert standings(store) == ["withhold", "allow", "withhold"], "in an open case too"
    decided(store, case_id, "abusive", "block")
    assert standings(store) == ["block", "allow", "block"]
    verdicts = {row[0]: (row[2], row[4]) for row in store.read(verdict_rows)}
    assert verdicts == {"a": ("abusive", RITA), "b": ("legitimate", LENA), "c": ("abusive", RITA)}
    do(store, SAM, undo(case_id, SAM, "slip", ""))
    assert standings(store) == ["withhold", "allow", "withhold"]
    assert do(store, LENA, released).status == 200, "once more changes nothing"
    stranger: Any = lambda tx: release_member(tx, case_id, "z", "x") or Answer(200, {})  # noqa: E731
    assert code(do(store, LENA, stranger)) == "case_unknown"
    assert verify_ledger(store.url).exact
