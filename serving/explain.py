"""Why a user got this coupon: one stored decision taken apart, for the API, the console and the command line alike.

What the decision stored is the truth: nothing is scored again, so an explanation says what was known then. Only what
happened afterwards is read from the coupons' events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from serving.explain_words import KEPT, NONE, flips_of, reason_words, step_words
from serving.store.decisions import find_decision
from serving.store.schema import coupons, decisions, events, template_versions, templates
from serving.views import moment

LATEST = 20
"""As many decisions of a user as a list shows."""


def explain(connection: Connection, decision_id: str, now: datetime) -> dict[str, Any] | None:
    """The explanation as JSON values, amounts in cents; None when there is no such decision."""
    row = find_decision(connection, decision_id)
    if row is None:
        return None
    detail = _json(row.detail, {})
    explanation = detail.get("explanation") or {}
    kept = _kept(row, detail)
    offers = _offers(row, detail, explanation, _names(connection, row, detail))
    second = explanation.get("runner_up") if explanation else _second(offers)
    code = str(detail.get("reason") or "")
    said = reason_words(code)
    return {
        "decision_id": row.decision_id,
        "user_id": row.user_id,
        "decided_at": moment(row.decided_at),
        "trigger": row.trigger,
        "campaign_id": row.campaign_id,
        "offer": row.offer,
        "reason": {"code": code, **said.view()},
        "stored": {"code": kept, **KEPT[kept].view()},
        "en": explanation.get("en") or said.en,
        "zh": explanation.get("zh") or said.zh,
        "propensity": row.propensity,
        "holdout": row.holdout,
        "explored": bool(detail.get("explored")),
        "fallback": row.fallback,
        "cold_start": detail.get("cold_start"),
        "features_as_of": detail.get("features_as_of"),
        "rule_offer": explanation.get("rule_offer"),
        "runner_up": second,
        "lead_cents": explanation.get("lead_cents") if explanation else _lead(offers, second),
        "budget_price": explanation.get("budget_price"),
        "offers": offers,
        "flips": flips_of(explanation),
        "risk": _risk(detail.get("risk") or {}),
        "versions": {str(name): str(version) for name, version in (detail.get("versions") or {}).items()}
        or {"policy": row.policy_version},
        "after": _after(connection, row, now),
    }


def latest_of(connection: Connection, user_id: str, limit: int = LATEST) -> Sequence[Row[Any]]:
    """The newest decisions about a user: id, moment, trigger, offer, propensity, holdout and the coupon it led to."""
    query = (
        select(decisions)
        .where(decisions.c.user_id == user_id)
        .order_by(decisions.c.decided_at.desc(), decisions.c.decision_id.desc())
        .limit(limit)
    )
    return connection.execute(query).all()


def decision_of(connection: Connection, coupon_id: str) -> str | None:
    """The decision that a coupon comes from; None for one that was taken or pushed without a decision."""
    query = select(coupons.c.decision_id).where(coupons.c.coupon_id == coupon_id)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def _kept(row: Any, detail: Mapping[str, Any]) -> str:
    if detail.get("explanation"):
        return "full"
    if row.fallback:
        return "rules"
    return "scores" if any(offer.get("score") is not None for offer in _listed(detail)) else "nothing"


def _listed(detail: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = detail.get("offers")
    return [offer for offer in found if isinstance(offer, dict) and "offer" in offer] if isinstance(found, list) else []


def _offers(
    row: Any, detail: Mapping[str, Any], explanation: Mapping[str, Any], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Every offer with its figures, the chosen one first and then by score; eligible ones before the others."""
    eligible = [str(name) for name in _json(row.eligible, [])]
    stored = {str(offer["offer"]): offer for offer in _listed(detail)}
    rule, price = explanation.get("rule_offer"), explanation.get("budget_price")
    found = []
    for name in dict.fromkeys([*eligible, *stored]):
        figures = stored.get(name, {})
        value, cost, score = (figures.get(field) for field in ("value_cents", "cost_cents", "score"))
        profit = figures.get("profit_cents")
        for_budget = None if price is None or cost is None else price * cost
        own = explanation.get("unit_price_cents") if name == rule else _rest(profit, for_budget, score)
        found.append(
            {
                "offer": name,
                "name": names.get(name),
                "eligible": name in eligible,
                "chosen": name == row.offer,
                "value_cents": value,
                "cost_cents": cost,
                "profit_cents": profit,
                "for_budget_cents": for_budget,
                "for_offer_cents": own,
                "score": score,
                "redeem_probability": figures.get("redeem_probability"),
                "probability": figures.get("probability"),
            }
        )
    return sorted(found, key=lambda one: (not one["chosen"], not one["eligible"], -_or_least(one["score"])))


def _rest(profit: float | None, for_budget: float | None, score: float | None) -> float | None:
    """What is left of the way from profit to score once the budget is paid: the price of one of a limited offer."""
    if profit is None or for_budget is None or score is None:
        return None
    rest = profit - for_budget - score
    return 0.0 if abs(rest) < 1e-6 else rest


def _or_least(score: float | None) -> float:
    return float("-inf") if score is None else score


def _second(offers: Sequence[Mapping[str, Any]]) -> str | None:
    """The eligible offer with the best stored score that was not chosen."""
    others = [one for one in offers if one["eligible"] and not one["chosen"] and one["score"] is not None]
    return str(max(others, key=lambda one: one["score"])["offer"]) if others else None


def _lead(offers: Sequence[Mapping[str, Any]], second: str | None) -> float | None:
    scores = {one["offer"]: one["score"] for one in offers}
    mine = next((one["score"] for one in offers if one["chosen"]), None)
    return None if mine is None or second is None else float(mine - scores[second])


def _risk(risk: Mapping[str, Any]) -> dict[str, Any]:
    """The risk part stands apart: it withholds coupons, and never ranks them."""
    reasons = [reason for reason in risk.get("reasons") or () if isinstance(reason, dict)]
    return {
        "score": risk.get("score"),
        "action": risk.get("action"),
        "flagged": risk.get("flagged"),
        "fallback": risk.get("fallback"),
        "reasons": [{name: str(reason.get(name, "")) for name in ("code", "en", "zh")} for reason in reasons],
        "versions": {str(name): str(version) for name, version in (risk.get("versions") or {}).items()},
    }


def _after(connection: Connection, row: Any, now: datetime) -> dict[str, Any]:
    """What became of the decision: its coupons with all that happened to them, or how long it may still be claimed."""
    mine = coupons.c.decision_id == row.decision_id
    first = connection.execute(select(coupons.c.ref).where(mine)).scalar_one_or_none()
    # Of a pack the decision names one coupon; the others came out of the same bundle.
    wanted = or_(mine, coupons.c.ref == first) if first is not None and first.startswith("bdl_") else mine
    found = connection.execute(select(coupons).where(wanted).order_by(coupons.c.coupon_id)).all()
    return {
        "claimed": bool(found),
        "claim_until": moment(row.claim_until) if row.offer != NONE else None,
        "claimable": not found and row.offer != NONE and now < row.claim_until,
        "coupons": [
            {
                "coupon_id": coupon.coupon_id,
                "template_id": coupon.template_id,
                "state": coupon.state,
                "steps": _steps(connection, coupon.coupon_id),
            }
            for coupon in found
        ],
    }


def _steps(connection: Connection, coupon_id: str) -> list[dict[str, Any]]:
    """Events of one coupon in order; ``cents`` is the discount that the step gave, or took back."""
    query = select(events.c.kind, events.c.at, events.c.data).where(events.c.stream == f"coupon:{coupon_id}")
    held: dict[str, tuple[str, int]] = {}
    found = []
    for kind, at, text in connection.execute(query.order_by(events.c.n)):
        data = json.loads(text)
        if kind == "coupon.held":
            held[data["hold_id"]] = (data["order_id"], data["discount_cents"])
        order_id, discount = held.get(data.get("hold_id", ""), (None, None))
        cents = {
            "coupon.held": discount, "coupon.redeemed": discount,
            "coupon.refunded": data.get("share_cents"), "coupon.rolled_back": data.get("spent_cents"),
        }.get(kind)  # fmt: skip
        found.append({"at": moment(at), "code": kind, "order_id": order_id, "cents": cents, **step_words(kind).view()})
    return found


def _names(connection: Connection, row: Any, detail: Mapping[str, Any]) -> dict[str, str]:
    """Names of the templates behind the offers, as they are called today."""
    ids = {*map(str, _json(row.eligible, [])), *(str(offer["offer"]) for offer in _listed(detail)), row.offer}
    query = (
        select(templates.c.template_id, template_versions.c.spec)
        .join(
            template_versions,
            (template_versions.c.template_id == templates.c.template_id)
            & (template_versions.c.version == templates.c.version),
        )
        .where(templates.c.template_id.in_(sorted(ids)))
    )
    return {template_id: str(json.loads(spec)["name"]) for template_id, spec in connection.execute(query)}


def _json(text: str | None, otherwise: Any) -> Any:
    """Stored JSON of the kind of ``otherwise``; that itself where an old row has something else."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return otherwise
    return found if isinstance(found, type(otherwise)) else otherwise
