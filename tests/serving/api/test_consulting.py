"""Consulting scoring: within the deadline, behind a breaker, and never richer when it is knocked over."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from fakes.shop import Clock, Scoring
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from models.policy.assign import Policy, in_holdout
from models.policy.prices import Prices
from serving.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from serving.client import Fallback, ScoringClient, decide_by_rules
from serving.scoring.messages import DecisionRequest, RiskRequest

DEADLINE = 0.15
KNOWN = Fallback({"dear": 2000, "cheap": 800}, None, "salt", 0.0)


async def hang(_: httpx.Request) -> None:
    await asyncio.sleep(30)


def refuse_connection(request: httpx.Request) -> None:
    raise httpx.ConnectError("refused", request=request)


FAILURES: dict[str, Any] = {
    "down": refuse_connection,
    "late": hang,
    "500": lambda _: httpx.Response(500, text="oops"),
    "401": lambda _: httpx.Response(401, json={}),
    "not json": lambda _: httpx.Response(200, text="<html>"),
    "wrong shape": lambda _: httpx.Response(200, json={"offer": "dear"}),
    "NaN": lambda _: httpx.Response(200, text='{"propensity": NaN}'),
}


def client(scoring: Scoring, breaker: Breaker | None = None) -> ScoringClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(scoring.answer), base_url="http://scoring")
    return ScoringClient(http, DEADLINE, breaker)


def ask(user_id: str = "u1") -> DecisionRequest:
    return DecisionRequest(user_id=user_id, key="dec_1", offers=["dear", "cheap"])


@pytest.mark.parametrize("failure", FAILURES)
async def test_rules_answer_within_the_deadline_and_say_so(failure: str) -> None:
    asking = client(Scoring(offer="dear", failing=FAILURES[failure]))
    started = time.perf_counter()
    decision = await asking.decide(ask(), KNOWN)
    assert time.perf_counter() - started < DEADLINE + 0.5  # the machine of the test is busy
    assert decision.fallback
    assert decision.offer == "cheap"
    assert decision.propensity == 1.0
    assert sum(asking.fallbacks.values()) == 1
    risk = await asking.risk(RiskRequest(user_id="u1"), KNOWN)
    assert (risk.fallback, risk.action) == (True, "allow")
    await asking.close()


@pytest.mark.parametrize(
    "change",
    [
        {"offer": "gold", "eligible": ["none", "gold"]},
        {"offer": "dear", "eligible": ["none", "cheap"]},
        {"eligible": ["dear", "cheap"]},
        {"user_id": "u2"},
        {"key": "dec_2"},
        {"propensity": 0},
    ],
)
async def test_an_answer_to_another_question_is_a_failure(change: dict[str, Any]) -> None:
    good = (await client(Scoring(offer="dear")).decide(ask(), KNOWN)).model_dump(mode="json")
    scoring = Scoring(failing=lambda _: httpx.Response(200, json={**good, **change}))
    decision = await client(scoring).decide(ask(), KNOWN)
    assert (decision.offer, decision.fallback) == ("cheap", True)


async def test_a_twin_that_comes_while_scoring_is_asked_is_told_to_wait(small_shop: Any) -> None:
    await small_shop.template()
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(_: httpx.Request) -> None:
        asked.set()
        await go.wait()

    small_shop.app.state.sides.live.issuer.scoring.deadline_seconds = 30
    small_shop.scoring.failing = slow
    body = {"user_id": "u1", "template_id": "flat_8"}
    first = asyncio.create_task(small_shop.post("issuance", "/v1/claims", body, "same"))
    await asked.wait()
    twin = await small_shop.post("issuance", "/v1/claims", body, "same")
    assert (twin.status_code, twin.json()["code"]) == (409, "request_in_flight")
    go.set()
    assert (await first).status_code == 201
    again = await small_shop.post("issuance", "/v1/claims", body, "same")
    assert again.content == (await first).content, "the twin saved nothing"


async def test_a_good_answer_is_passed_on_unmarked() -> None:
    asking = client(Scoring(offer="dear"))
    decision = await asking.decide(ask(), KNOWN)
    assert (decision.offer, decision.fallback, asking.fallbacks) == ("dear", False, {})


async def test_the_breaker_opens_after_five_failures_and_heals_after_its_rest() -> None:
    now = [0.0]
    scoring = Scoring(offer="dear", failing=FAILURES["500"])
    asking = client(scoring, Breaker(monotonic=lambda: now[0]))
    for _ in range(8):
        assert (await asking.decide(ask(), KNOWN)).fallback
    assert len(scoring.asked) == 5, "an open breaker does not ask"
    assert asking.breaker.state == OPEN
    scoring.failing = None
    now[0] += 10
    assert asking.breaker.state == HALF_OPEN
    assert not (await asking.decide(ask(), KNOWN)).fallback
    assert asking.breaker.state == CLOSED


async def test_a_cancelled_question_neither_heals_nor_blocks_the_breaker() -> None:
    now = [0.0]
    scoring = Scoring(failing=FAILURES["500"])
    asking = client(scoring, Breaker(failures=1, monotonic=lambda: now[0]))
    await asking.risk(RiskRequest(user_id="u"), KNOWN)
    now[0] += 10
    scoring.failing = hang
    task = asyncio.create_task(asking.risk(RiskRequest(user_id="u"), KNOWN))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    scoring.failing = None
    assert not (await asking.risk(RiskRequest(user_id="u"), KNOWN)).fallback


class BreakerMachine(RuleBasedStateMachine):
    """The breaker against a model that keeps the whole history."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(3, 10.0, lambda: self.now)
        self.row = 0
        self.opened: float | None = None
        self.trial = False

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(outcome=st.sampled_from(["good", "bad", "gone", "open"]))
    def asked(self, outcome: str) -> None:
        rested = self.opened is not None and self.now - self.opened >= 10
        expected = self.opened is None or (rested and not self.trial)
        assert self.breaker.state == (CLOSED if self.opened is None else HALF_OPEN if rested else OPEN)
        assert self.breaker.allows() == expected
        if not expected:
            return
        trial = self.opened is not None
        if outcome == "good":
            self.breaker.succeeded()
            self.row, self.opened, self.trial = 0, None, False
        elif outcome == "bad":
            self.breaker.failed()
            self.row += 1
            if trial or self.row >= 3:
                self.opened = self.now
            self.trial = False
        elif outcome == "gone":
            self.breaker.abandoned()
        else:
            self.trial = trial
            if not trial:
                self.breaker.abandoned()


TestBreaker = BreakerMachine.TestCase


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**6), max_size=5),
    st.sampled_from([None, "allow", "cap", "hold", "withhold", "block"]),
    st.floats(0, 0.99),
    st.integers(0, 50),
)
def test_rules_are_never_richer_than_scoring_could_be(
    most: dict[str, int], standing: str | None, holdout: float, user: int
) -> None:
    known = Fallback(most, standing, "salt", holdout)
    request = DecisionRequest(user_id=f"u{user}", key="k", offers=sorted(most))
    decision = decide_by_rules(request, known)
    held_out = in_holdout(Policy(("none",), Prices.of_cost(0, 1), 0.0, holdout, "salt"), [f"u{user}"])[0]
    assert decision.holdout == held_out
    if held_out or standing not in (None, "allow") or not most:
        assert decision.offer == "none"
    else:
        assert most[decision.offer] == min(most.values())
    assert decision.propensity == 1.0


async def test_without_scoring_the_loop_goes_on_under_the_same_limits(small_shop: Any) -> None:
    shop = small_shop
    await shop.template("dear", deduction={"kind": "no_threshold", "face_cents": 2000}, access="decision")
    await shop.template("cheap", access="decision", quantity=1)
    shop.scoring.failing = FAILURES["down"]
    first = (await shop.post("issuance", "/v1/triggers", {"user_id": "u1"})).json()
    assert (first["offer"], first["fallback"], first["propensity"]) == ("cheap", True, 1.0)
    second = (await shop.post("issuance", "/v1/triggers", {"user_id": "u2"})).json()
    claims = [
        await shop.post("issuance", "/v1/claims", {"user_id": user, "decision_id": made["decision_id"]})
        for user, made in (("u1", first), ("u2", second))
    ]
    assert claims[0].status_code == 201
    assert claims[0].json()["fallback"] is True
    assert claims[1].json()["code"] == "quantity_exhausted"


async def test_a_device_with_too_many_accounts_is_withheld_even_without_scoring(small_shop: Any) -> None:
    shop = small_shop
    await shop.template()
    shop.scoring.failing = FAILURES["down"]
    answers = [await shop.claim(f"u{n}", device_id="phone-1") for n in range(7)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [409] * 2
    assert answers[-1].json()["code"] == "under_review"


async def test_live_counts_and_raw_identifiers_go_to_scoring_and_hashes_to_the_ledger(
    small_shop: Any, clock: Clock
) -> None:
    shop = small_shop
    await shop.template()
    where = {"device_id": "phone-1", "ip": "203.0.113.9", "address": "1 Long Street"}
    await shop.claim("u1", **where)
    clock.forward(hours=2)
    await shop.claim("u2", **where)
    asked = shop.scoring.asked[-1]
    assert (asked["device_id"], asked["ip"]) == ("phone-1", "203.0.113.9")
    assert asked["counts"]["device_accounts_1h"] == 1
    assert asked["counts"]["device_accounts_24h"] == 2
    assert asked["counts"]["ip_others_24h"] == 1
    shop.store._checkpoint("TRUNCATE")
    stored = (shop.settings.home / "ledger.db").read_bytes()
    for value in where.values():
        assert value.encode() not in stored


@pytest.mark.parametrize(
    ("action", "code"), [("withhold", "under_review"), ("hold", "under_review"), ("step_up", "step_up_required")]
)
async def test_a_risky_claim_is_refused_without_reasons_and_a_person_gets_a_case(
    small_shop: Any, action: str, code: str
) -> None:
    shop = small_shop
    await shop.template()
    shop.scoring.action = action
    answer = await shop.claim("u1")
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    said = {"type", "title", "status", "code", "detail", "detail_zh", "request_id", "instance"}
    assert set(answer.json()) == said
    from fakes.cases import open_cases

    cases = shop.store.read(open_cases)
    assert [(case.subject, case.suggested) for case in cases] == [("user:u1", action)]


async def test_the_scoring_service_is_told_how_many_coupons_the_user_took_lately(shop: Any) -> None:
    """Contact limits look at counts that the nightly features cannot know yet."""
    await shop.template("cut")
    shop.scoring.offer = "none"
    await shop.coupon("u1", "cut")
    shop.clock.forward(days=8)
    await shop.coupon("u1", "cut")
    await shop.coupon("u2", "cut")
    await shop.post("issuance", "/v1/triggers", {"user_id": "u1", "campaign_id": "spring"})
    counts = shop.scoring.asked[-1]["counts"]
    assert {name: counts[name] for name in ("claims_7d", "claims_30d", "claims_90d")} == {
        "claims_7d": 1,
        "claims_30d": 2,
        "claims_90d": 2,
    }
