"""The life of a case in any order against a plain model: who holds it, what stands, what coupons are left."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fakes.cases import FOUR_EYES, do, judgement, open_cases
from fakes.shop import Clock, seeded_ids
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from serving.review.case import Flag
from serving.review.flags import standing_of
from serving.review.push import put_flags
from serving.review.work import approve, claim, decline, judge, let_go, release_member, snooze, undo
from serving.store.schema import cases
from serving.store.unit import Answer, Command, Store
from serving.store.verify import verify_ledger

PEOPLE = ("staff:rita", "staff:sam", "staff:lena")
USERS = ("a", "b", "c")
people, users = st.sampled_from(PEOPLE), st.sampled_from(USERS)
decisions = st.sampled_from([("legitimate", "allow"), *(("abusive", action) for action in ("watch", "hold", "revoke"))])


class CaseLife(RuleBasedStateMachine):
    """One ring of two or three; the model keeps what a person at the desk would write on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.store = Store(f"sqlite:///{Path(self.folder.name) / 'l.db'}", self.clock, seeded_ids(self.clock))

    @initialize()
    def ring(self) -> None:
        put_flags(self.store, [Flag(user, 0.9, "withhold", (), "R") for user in "ab"])
        (case,) = self.store.read(open_cases)
        self.case_id = case.case_id
        self.members = {"a", "b"}
        self.state = "open"
        self.lease: tuple[str, datetime] | None = None
        self.asleep_until: datetime | None = None
        self.proposal: tuple[str, dict[str, tuple[str, str]]] | None = None
        self.decision: dict[str, tuple[str, str]] = {}
        self.released: set[str] = set()

    # -- what people do ----------------------------------------------------------------------------------------------

    @rule(by=people)
    def claims(self, by: str) -> None:
        refused = self._closed(by)
        assert self._do(by, claim(self.case_id, by, 15)) == (refused or "done")
        if refused is None:
            self.lease, self.asleep_until = (by, self.clock.now + timedelta(minutes=15)), None

    @rule(by=people)
    def lets_go(self, by: str) -> None:
        assert self._do(by, let_go(self.case_id, by)) == "done"
        if self.lease is not None and self.lease[0] == by:
            self.lease = None

    @rule(by=people, hours=st.integers(1, 3))
    def snoozes(self, by: str, hours: int) -> None:
        refused, until = self._closed(by), self.clock.now + timedelta(hours=hours)
        assert self._do(by, snooze(self.case_id, by, until, "later")) == (refused or "done")
        if refused is None:
            self.lease, self.asleep_until = None, until

    @rule(by=people, said=decisions, other=st.none() | st.tuples(users, decisions), two=st.booleans())
    def judges(self, by: str, said: tuple[str, str], other: tuple[str, tuple[str, str]] | None, two: bool) -> None:
        members = dict([other]) if other is not None else {}
        command = judge(self.case_id, by, judgement(*said, members=members), 0 if two else FOUR_EYES)
        refused = self._not_in_hand(by) or (None if set(members) <= self.members else "case_changed")
        assert self._do(by, command) == (refused or "done")
        if refused is not None:
            return
        decision = {user: members.get(user, said) for user in self.members}
        self.lease = None
        if two and {said[1], *(pair[1] for pair in members.values())} != {"watch"}:
            self.proposal = (by, decision)
        else:
            self._decided(decision)

    @rule(by=people, yes=st.booleans())
    def answers(self, by: str, yes: bool) -> None:
        refused = None
        if self.state == "decided":
            refused = "case_decided"
        elif self.proposal is None:
            refused = "not_proposed"
        elif self.proposal[0] == by:
            refused = "case_not_yours"
        command = approve(self.case_id, by) if yes else decline(self.case_id, by, "no")
        assert self._do(by, command) == (refused or "done")
        if refused is None and self.proposal is not None:
            decision, self.proposal = self.proposal[1], None
            if yes:
                self._decided(decision)

    @rule(by=people)
    def undoes(self, by: str) -> None:
        expected = "done" if self.state == "decided" else "case_not_decided"
        assert self._do(by, undo(self.case_id, by, "slip", "")) == expected
        self.state, self.decision = "open", {}

    @rule(user=users)
    def an_appeal_is_granted(self, user: str) -> None:
        def command(tx: Any) -> Any:
            return release_member(tx, self.case_id, user, "appeal") or Answer(200, {})

        assert self._do(PEOPLE[0], command) == ("done" if user in self.members else "case_unknown")
        self.released |= {user} & self.members

    # -- what happens by itself --------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 14, 15, 61]))
    def time_goes_by(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @precondition(lambda self: self.state == "open")
    @rule()
    def the_flow_finds_one_more(self) -> None:
        put_flags(self.store, [Flag(user, 0.9, "withhold", (), "R") for user in USERS])
        if "c" not in self.members:
            self.members.add("c")
            self.proposal = None

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_desk_says_what_the_paper_says(self) -> None:
        row = self.store.read(lambda c: c.execute(select(cases).where(cases.c.case_id == self.case_id)).one())
        now = self.clock.now
        holder = row.lease_by if row.lease_until is not None and now < row.lease_until else None
        held = self.lease[0] if self.lease is not None and now < self.lease[1] else None
        asleep = self.asleep_until is not None and now < self.asleep_until
        assert (row.state, holder) == (self.state, held)
        assert (row.snoozed_until is not None and now < row.snoozed_until) == asleep
        assert row.proposed_by == (self.proposal[0] if self.proposal else None)
        for user in USERS:
            assert self.store.read(lambda c, user=user: standing_of(c, user)) == self._stands(user)

    def teardown(self) -> None:
        report = verify_ledger(self.store.url)
        self.store.close()
        self.folder.cleanup()
        assert report.exact, report.differences

    # -- the model ---------------------------------------------------------------------------------------------------

    def _do(self, by: str, command: Command) -> str:
        return str(do(self.store, by, command).body.get("code", "done"))

    def _closed(self, by: str) -> str | None:
        if self.state == "decided":
            return "case_decided"
        if self.proposal is not None:
            return "case_proposed"
        held = self.lease is not None and self.clock.now < self.lease[1]
        return "case_leased" if held and self.lease is not None and self.lease[0] != by else None

    def _not_in_hand(self, by: str) -> str | None:
        refused = self._closed(by)
        if refused is not None:
            return refused
        held = self.lease is not None and self.clock.now < self.lease[1]
        return None if held else "lease_over"

    def _decided(self, decision: dict[str, tuple[str, str]]) -> None:
        self.state, self.decision = "decided", decision
        self.lease, self.asleep_until, self.proposal = None, None, None

    def _stands(self, user: str) -> str | None:
        if user not in self.members:
            return None
        if user in self.released:
            return "allow"
        return self.decision[user][1] if user in self.decision else "withhold"


CaseLife.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCaseLife = CaseLife.TestCase
