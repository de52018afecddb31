"""How the issuer and the redeemer consult scoring: over HTTP, within a deadline, behind a circuit breaker.

When scoring is late, down or answers nonsense, rules answer in its place, marked ``fallback``. The rules are never
richer than scoring could be: the cheapest eligible offer, nothing for the holdout and nothing for anybody who is
flagged. The coupon is claimed like any other and spends the same limits and the same budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from models.policy.assign import Policy, in_holdout
from models.policy.prices import Prices
from serving.breaker import Breaker
from serving.scoring.messages import Decision, DecisionRequest, OfferScore, Reason, Risk, RiskRequest

NONE = "none"
FALLBACK_VERSION = "fallback-1"
# Without a model only what no household does is stopped: this many accounts on one device within a day.
FALLBACK_DEVICE_ACCOUNTS = 5
# What a person may have said of a user who gets coupons like anybody.
PASSING = (None, "allow", "watch")

Body = TypeVar("Body", bound=BaseModel)


class UnavailableError(RuntimeError):
    """Scoring did not give a usable answer in time; ``cause`` says how."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Fallback:
    """What the rules need to know: price of each eligible offer (most it can cost), flags, and the holdout draw."""

    most_cents: Mapping[str, int] = field(default_factory=dict)
    standing: str | None = None
    salt: str = ""
    holdout: float = 0.0


class ScoringClient:
    """Asks the scoring service; ``http`` may carry an in-process transport (``httpx.ASGITransport``)."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float, breaker: Breaker | None = None) -> None:
        self.http = http
        self.deadline_seconds = deadline_seconds
        self.breaker = breaker or Breaker()
        self.fallbacks: dict[str, int] = {}

    async def decide(self, ask: DecisionRequest, fallback: Fallback) -> Decision:
        """Scoring's decision, or the rules' decision marked ``fallback``."""
        try:
            decision = await self._ask("/v1/decisions", ask, Decision)
            if not _answers(ask, decision):
                raise UnavailableError("an answer to another question")
        except UnavailableError as error:
            self._count(error.cause)
            return decide_by_rules(ask, fallback)
        return decision

    async def risk(self, ask: RiskRequest, fallback: Fallback) -> Risk:
        """Scoring's risk, or the rules' risk marked ``fallback``."""
        try:
            return await self._ask("/v1/risk", ask, Risk)
        except UnavailableError as error:
            self._count(error.cause)
            return risk_by_rules(ask, fallback)

    def _count(self, cause: str) -> None:
        self.fallbacks[cause] = self.fallbacks.get(cause, 0) + 1

    async def _ask(self, path: str, ask: BaseModel, shape: type[Body]) -> Body:
        if not self.breaker.allows():
            raise UnavailableError("breaker open")
        try:
            async with asyncio.timeout(self.deadline_seconds):
                response = await self.http.post(path, json=ask.model_dump(mode="json"))
            if response.status_code != httpx.codes.OK:
                raise UnavailableError(f"status {response.status_code}")
            answer = shape.model_validate_json(response.content)
        except TimeoutError as error:
            self.breaker.failed()
            raise UnavailableError("deadline") from error
        except (httpx.HTTPError, ValidationError) as error:
            self.breaker.failed()
            raise UnavailableError(type(error).__name__) from error
        except UnavailableError:
            self.breaker.failed()
            raise
        except BaseException:
            self.breaker.abandoned()  # the caller was cancelled: no verdict on scoring
            raise
        self.breaker.succeeded()
        return answer

    async def close(self) -> None:
        await self.http.aclose()


def _answers(ask: DecisionRequest, decision: Decision) -> bool:
    """Whether the decision is about this user and chooses among what was asked for."""
    known = {NONE, *ask.offers}
    return (
        (decision.user_id, decision.key) == (ask.user_id, ask.key)
        and decision.offer in decision.eligible
        and NONE in decision.eligible
        and known.issuperset(decision.eligible)
    )


def decide_by_rules(ask: DecisionRequest, known: Fallback) -> Decision:
    """The cheapest eligible offer, unless the user is held out or flagged; no chance in it, so its propensity is 1."""
    held_out = is_held_out(known, ask.user_id)
    flagged = known.standing not in PASSING
    offer = NONE if held_out or flagged else cheapest(ask.offers, known.most_cents)
    reason = "holdout" if held_out else "withheld" if flagged else "fallback"
    eligible = [NONE, *(name for name in ask.offers if name != NONE)]
    return Decision(
        key=ask.key,
        user_id=ask.user_id,
        eligible=eligible,
        offer=offer,
        propensity=1.0,
        holdout=held_out,
        explored=False,
        reason=reason,
        offers=[
            OfferScore(
                offer=name,
                value_cents=None,
                cost_cents=None,
                redeem_probability=None,
                score=None,
                probability=1.0 if name == offer else 0.0,
            )
            for name in eligible
        ],
        risk=risk_by_rules(RiskRequest(user_id=ask.user_id, counts=ask.counts, occasion="trigger"), known),
        cold_start=True,
        features_as_of=None,
        versions={"policy": FALLBACK_VERSION},
        fallback=True,
    )


def is_held_out(known: Fallback, user_id: str) -> bool:
    """The same draw as the policy's, so that a fallback never gives a coupon to the holdout."""
    policy = Policy((NONE,), Prices.of_cost(0.0, 1), 0.0, known.holdout, known.salt)
    return bool(in_holdout(policy, [user_id])[0])


def cheapest(offers: Sequence[str], most_cents: Mapping[str, int]) -> str:
    """The eligible offer that can cost least; ties by id.

    >>> cheapest(["none", "b", "a"], {"a": 500, "b": 300})
    'b'
    """
    known = [name for name in offers if name in most_cents]
    return min(known, key=lambda name: (most_cents[name], name), default=NONE)


def risk_by_rules(ask: RiskRequest, known: Fallback) -> Risk:
    """What stands on file, or a withheld claim where a device carries more accounts than a household has."""
    accounts = ask.counts.get("device_accounts_24h", 0.0)
    reasons: list[Reason] = []
    action = "allow"
    if known.standing not in PASSING:
        action = str(known.standing)
        reasons.append(Reason(code="flagged", en="flagged before", zh="此前已被标记"))
    elif accounts > FALLBACK_DEVICE_ACCOUNTS:
        action = "withhold"
        en = f"{accounts:.0f} accounts on this device within a day"
        reasons.append(Reason(code="device_accounts_24h", en=en, zh=f"一天内该设备上有 {accounts:.0f} 个账号"))
    return Risk(
        user_id=ask.user_id,
        score=None,
        action=action,
        reasons=reasons,
        flagged=known.standing not in (None, "watch"),
        cold_start=True,
        versions={"risk": FALLBACK_VERSION},
        fallback=True,
    )
