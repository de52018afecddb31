"""Before a decision: who is hit by what, who of them looks legitimate, which coupons go, if one person is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from serving.console.pages.case_view import marks_of
from serving.review.case import SECOND, Case
from serving.review.decide import needs_two
from serving.review.evidence import Member, Words, evidence_of
from serving.review.judgement import WATCH, Judgement
from serving.review.money import at_risk_of_case, revocable

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """``hit`` counts accounts by action; ``doubtful`` would be hit although they look legitimate."""

    case: Case
    judgement: Judgement
    hit: Mapping[str, int]
    doubtful: tuple[tuple[Member, Words], ...]
    users: tuple[tuple[str, str], ...]
    coupons: int
    cents: int
    at_risk_cents: int
    two: bool
    nothing: bool

    @property
    def withheld(self) -> int:
        """Accounts that lose something by it."""
        return sum(count for action, count in self.hit.items() if action not in ("allow", WATCH))


def preview_of(
    connection: Connection, found: Case, judgement: Judgement, now: datetime, timezone: str, four_eyes_cents: int
) -> Preview:
    """What the judgement would do now. Who looks legitimate is told of the accounts that evidence speaks of."""
    evidence = evidence_of(connection, found, now, timezone=timezone)
    actions = {user_id: judgement.of(user_id)[1] for user_id in found.users}
    marks = {} if found.hidden else marks_of(evidence.members, evidence, now)
    hit = Counter(actions.values())
    gone = revocable(connection, [user_id for user_id, action in actions.items() if action == "revoke"])
    at_risk = at_risk_of_case(connection, found.case_id)
    doubtful = [
        (member, marks[member.user_id])
        for member in evidence.members
        if member.user_id in marks and actions.get(member.user_id) not in ("allow", WATCH)
    ]
    nothing = found.source == SECOND
    return Preview(
        found,
        judgement,
        hit,
        tuple(doubtful[:SHOWN]),
        tuple(list(actions.items())[:SHOWN]),
        0 if nothing else sum(count for count, _ in gone.values()),
        0 if nothing else sum(cents for _, cents in gone.values()),
        at_risk,
        needs_two(judgement, found.source, at_risk, four_eyes_cents),
        nothing and not found.hidden,
    )
