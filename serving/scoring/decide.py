"""Which offer for this user, if any: the same effects and the same ``choose`` as the batch flow, for one or many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from features.errors import InputError
from models.policy.assign import Assigned, choose
from models.registry import Effects, effects
from serving.scoring.champions import UPLIFT, Champions
from serving.scoring.messages import Decision, DecisionRequest, OfferScore, Risk
from serving.scoring.risk import assess
from serving.scoring.sources import FeatureReader, Standings
from serving.scoring.vectors import Facts, gather

NONE = "none"
_WITHHOLDING = ("withhold", "revoke", "freeze", "block")


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
    eligible = np.array([[arm == NONE or arm in ask.offers for arm in policy.arms] for ask in asks])
    assigned = choose(
        policy,
        effect.profit,
        effect.cost,
        [ask.user_id for ask in asks],
        [ask.key for ask in asks],
        eligible,
        np.array([risk.action in _WITHHOLDING for risk in risks]),
    )
    return [
        _decision(champions, ask, fact, risk, effect, assigned, i)
        for i, (ask, fact, risk) in enumerate(zip(asks, facts, risks, strict=True))
    ]


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
    champions: Champions,
    ask: DecisionRequest,
    fact: Facts,
    risk: Risk,
    effect: Effects,
    assigned: Assigned,
    i: int,
) -> Decision:
    arms = effect.arms
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
        eligible=[arm for arm in arms if arm == NONE or arm in ask.offers],
        offer=arms[int(assigned.offer[i])],
        propensity=float(assigned.propensity[i]),
        holdout=bool(assigned.holdout[i]),
        explored=bool(assigned.explored[i]),
        reason=assigned.reasons[i],
        offers=[
            OfferScore(
                offer=arm,
                value_cents=float(effect.value[i, k]),
                cost_cents=float(effect.cost[i, k]),
                redeem_probability=float(effect.redeem[i, k]),
                score=_finite(float(assigned.score[i, k])),
                probability=float(assigned.probabilities[i, k]),
            )
            for k, arm in enumerate(arms)
            if arm == NONE or arm in ask.offers
        ],
        risk=risk,
        cold_start=not fact.known,
        features_as_of=fact.as_of,
        versions=versions,
    )


def _finite(score: float) -> float | None:
    """An offer that is not eligible for this user has no score."""
    return score if math.isfinite(score) else None
