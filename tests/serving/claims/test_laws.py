"""Random templates and random claims: what is told, and what is counted, is what a count of the past says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.desk import ZONE, Desk
from fakes.shop import Clock, Scoring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles.claims import Past, Rules, drawn, seven_in_a_row, verdict
from serving.coupons.audience import Shopper
from serving.coupons.codes import MINUTE, Guesses, GuessLimit, normal, write_code
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import RandomAmount
from serving.coupons.refusals import Refuse
from serving.coupons.rewards import RewardRules, days_left, next_streak
from serving.coupons.windows import Slot
from serving.issue import Grant, issue
from serving.store.claimable import claimable
from serving.store.unit import Answer

FEW = st.none() | st.integers(1, 4)
SLOTS = st.sampled_from([(), ((600, 630, 2), (1200, 1230, 2)), ((0, 720, 3), (720, 1439, 1))])
RULES = st.builds(
    lambda quantity, per_user, per_day, device, address, day_quota, slots, carry, pool: Rules(
        quantity,
        per_user,
        per_day,
        {kind: limit for kind, limit in (("device", device), ("address", address)) if limit is not None},
        day_quota,
        slots,
        carry and bool(slots),
        pool,
    ),
    st.none() | st.integers(1, 8),
    FEW,
    FEW,
    FEW,
    FEW,
    st.none() | st.integers(1, 5),
    SLOTS,
    st.booleans(),
    st.none() | st.integers(100, 2000),
)
CLAIMS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3"]),
        st.fixed_dictionaries({}, optional={"device": st.sampled_from("de"), "address": st.sampled_from("ab")}),
        st.sampled_from([0, 0, 5, 20, 45, 300, 720]),  # minutes that go by before the claim
    ),
    min_size=1,
    max_size=25,
)
NUMBERS = itertools.count()


def clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("laws")
    desk = Desk(home, f"sqlite:///{home / 'ledger.db'}", Clock(), Scoring())
    yield desk
    desk.verify()
    desk.store.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RULES, CLAIMS)
def test_every_claim_is_told_what_a_count_of_the_past_says(ledger: Desk, rules: Rules, claims: Any) -> None:
    template_id = f"t{next(NUMBERS)}"
    template = ledger.template(
        template_id,
        kind=RandomAmount(100, 300),
        quantity=rules.quantity,
        per_user=rules.per_user,
        per_user_day=rules.per_user_day,
        day_quota=rules.day_quota,
        slots=tuple(Slot(clock(first), clock(end), quota) for first, end, quota in rules.slots),
        carry=rules.carry,
        pool_cents=rules.pool,
        **{f"per_{kind}": limit for kind, limit in (rules.per_thing or {}).items()},
    )
    past: list[Past] = []
    for user, things, minutes in claims:
        ledger.clock.forward(minutes=minutes)
        at = ledger.clock.now.replace(tzinfo=UTC).astimezone(ZONE).replace(tzinfo=None)
        ids: list[str] = []

        def command(tx: Any, user: str = user, things: Any = things, ids: list[str] = ids) -> Answer | Refuse:
            plain = tx.ids

            def noted(prefix: str) -> str:
                made = str(plain(prefix))
                if prefix == "cpn":
                    ids.append(made)
                return made

            tx.ids = noted
            outcome = issue(tx, Grant(template, user, Shopper(user), things), ZONE, ledger.issuer.secret)
            return Answer(201, {"face": outcome.face_cents}) if isinstance(outcome, Coupon) else outcome

        offered = ledger.store.read(lambda c, u=user, t=things: claimable(c, [template], u, ledger.clock.now, ZONE, t))
        answer = ledger.write(command)
        promised = drawn(ledger.issuer.secret, template_id, ids[0], 100, 300) if ids else 0
        expected = verdict(rules, past, user, things, at, promised)
        assert ("won" if answer.status == 201 else answer.body["code"]) == expected
        if expected != "pool_exhausted" and not expected.endswith("_required"):
            assert bool(offered) == (expected == "won")  # what is offered is what a claim would grant
        if expected == "won":
            assert answer.body["face"] == promised
            past.append(Past(user, things, at, promised))
    assert ledger.issued(template_id) == len(past)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_runs_of_sign_ins_are_runs_of_days(offsets: list[int]) -> None:
    days = sorted({date(2026, 2, 20) + timedelta(days=offset) for offset in offsets})
    last, streak, found = None, 0, []
    for day in days:
        now = next_streak(last, streak, day)
        assert now is not None
        assert next_streak(day, now, day) is None
        last, streak = day, now
        found.append(days_left(streak, RewardRules()) == 0)
    assert found == seven_in_a_row(days)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 30_000), min_size=1, max_size=60))
def test_no_minute_ever_has_more_than_ten_guesses(gaps: list[int]) -> None:
    now, limit, guesses, allowed = datetime(2026, 5, 1), GuessLimit(), Guesses(), []
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        wait = guesses.locked_seconds(now, limit)
        recent = [at for at in allowed if at > now - MINUTE]
        assert (wait > 0) == (len(recent) >= 10)
        if wait:
            assert guesses.locked_seconds(now + timedelta(seconds=wait), limit) == 0
        else:
            guesses = guesses.wrong(now, limit)
            allowed.append(now)
    assert guesses.times == tuple(allowed[-10:])


@given(st.binary(min_size=10, max_size=10))
def test_a_code_is_read_back_however_it_is_typed(random: bytes) -> None:
    code = write_code(random)
    assert len(normal(code)) == 16
    assert normal(code.lower().replace("-", " ").replace("0", "o").replace("1", "l")) == normal(code)
    number = 0
    for letter in normal(code):
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    assert number.to_bytes(10, "big") == random
