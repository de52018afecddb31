"""Which offer for this user, if any: the same effects and the same ``choose`` as the batch flow, for one or many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.policy.assign import REASONS, Assigned, Case, explain_decisions, settle
from models.policy.draws import Draws
from models.policy.expected import expected_profit
from models.policy.explain import Explained
from models.policy.reasons import Why
from models.registry import Effects, effects
from serving.scoring.champions import UPLIFT, Champions
from serving.scoring.messages import KEEPS_COUPONS, Decision, DecisionRequest, Explanation, OfferScore, Risk
from serving.scoring.risk import assess
from serving.scoring.sources import FeatureReader, Standings
from serving.scoring.vectors import Facts, gather

NONE = "none"


class NotReadyError(RuntimeError):
    """No uplift model or no policy has been promoted yet."""


def decide(
    champions: Champions, features: FeatureReader, standings: Standings, asks: Sequence[DecisionRequest]
) -> list[Decision]:
    """One decision per request, in order. An unknown user is answered too (``cold_start``), with missing features."""
    policy, uplift = champions.policy, champions.uplift
    if policy is None or uplift is None:
        raise NotReadyError("no champion of uplift and policy")
    facts = gather(features, asks)
    risks = assess(champions, asks, facts, standings([ask.user_id for ask in asks]))
    X = np.stack([fact.vector(uplift.features) for fact in facts])
    effect = _in_policy_order(effects(uplift, X), policy.arms)
    profit = expected_profit(effect, [_p_abuse(risk) for risk in risks])
    case = Case.of(
        policy,
        profit,
        effect.cost,
        np.array([[arm == NONE or arm in ask.offers for arm in policy.arms] for ask in asks]),
        np.array([risk.action in KEEPS_COUPONS for risk in risks]),
        dict(zip(policy.needs, np.stack([fact.vector(policy.needs) for fact in facts]).T, strict=True)),
    )
    draws = Draws.of(policy.salt, [ask.user_id for ask in asks], [ask.key for ask in asks])
    assigned = settle(policy, case, draws)
    settled = _Settled(effect, profit, assigned, explain_decisions(policy, case, assigned))
    return [
        _decision(champions, ask, fact, risk, settled, i)
        for i, (ask, fact, risk) in enumerate(zip(asks, facts, risks, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class _Settled:
    """The decisions of a request with what they rest on; ``profit`` (n, K) is after the chance of abuse."""

    effect: Effects
    profit: NDArray[np.float64]
    assigned: Assigned
    explained: Explained


def _p_abuse(risk: Risk) -> float:
    """The chance of abuse that discounts the value; 0 where nothing is known and for whom a person has cleared."""
    cleared = risk.flagged and risk.action == "allow"
    return 0.0 if risk.score is None or cleared else risk.score


def _in_policy_order(effect: Effects, arms: tuple[str, ...]) -> Effects:
    """Effect columns in the order of the policy's arms; a policy for offers that the model never saw is refused."""
    if effect.arms == arms:
        return effect
    missing = [arm for arm in arms if arm not in effect.arms]
    if missing:
        raise InputError("policy arms", missing, f"offers of the uplift model: {', '.join(effect.arms)}")
    order = [effect.arms.index(arm) for arm in arms]
    return Effects(arms, effect.value[:, order], effect.cost[:, order], effect.redeem[:, order])


def _decision(
    champions: Champions, ask: DecisionRequest, fact: Facts, risk: Risk, settled: _Settled, i: int
) -> Decision:
    effect, assigned = settled.effect, settled.assigned
    arms, open_ = effect.arms, assigned.eligible[i]
    tables = (effect.value, effect.cost, effect.redeem, assigned.score, assigned.probabilities, settled.profit)
    value, cost, redeem, score, chance, profit = (table[i].tolist() for table in tables)
    versions = champions.version_of
    if not champions.policy_fits and champions.policy is not None:
        versions["policy_made_for_uplift"] = champions.policy.uplift_version
    policy_version = champions.policy.version if champions.policy is not None else ""
    if policy_version:
        versions["policy_round"] = policy_version
    if risk.versions:
        versions.update(risk.versions)
    versions.setdefault(UPLIFT, "")
    return Decision(
        key=ask.key,
        user_id=ask.user_id,
        eligible=[arm for k, arm in enumerate(arms) if open_[k]],
        offer=arms[int(assigned.offer[i])],
        propensity=float(assigned.propensity[i]),
        holdout=bool(assigned.holdout[i]),
        explored=bool(assigned.explored[i]),
        reason=REASONS[assigned.reason[i]],
        offers=[
            OfferScore(
                offer=arm,
                value_cents=value[k],
                cost_cents=cost[k],
                redeem_probability=redeem[k],
                score=_finite(score[k]),
                probability=chance[k],
                profit_cents=profit[k],
            )
            for k, arm in enumerate(arms)
            if arm == NONE or arm in ask.offers
        ],
        risk=risk,
        cold_start=not fact.known,
        features_as_of=fact.as_of,
        versions=versions,
        explanation=_explanation(settled, i),
    )


def _explanation(settled: _Settled, i: int) -> Explanation:
    assigned = settled.assigned
    why = Why.of(settled.explained, settled.effect.arms, settled.profit, settled.effect.cost, i)
    english, chinese = why.sentences(REASONS[assigned.reason[i]])
    return Explanation.model_construct(**vars(why), en=english, zh=chinese)  # checked values


def _finite(score: float) -> float | None:
    """An offer that is not eligible for this user has no score."""
    return score if math.isfinite(score) else None
