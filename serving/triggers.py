"""Something happened to a user: which offers may this user have now, and which one does scoring choose, if any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from serving.client import Fallback
from serving.coupons.audience import Shopper
from serving.coupons.claiming import Ask, check_claim
from serving.coupons.kinds import GiftPack, LuckyDraw
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.issuer import CLAIM_WITHIN, Issuer
from serving.review.flags import standings_of
from serving.scoring.messages import Decision as Scored
from serving.scoring.messages import DecisionRequest
from serving.store.claimable import claimable
from serving.store.decisions import Decision, add_decision
from serving.store.links import claim_counts, live_counts
from serving.store.people import shopper_of
from serving.store.shelf import find_campaign, find_template, on_offer
from serving.store.unit import Answer, Command, Transaction
from serving.views import moment, template_view
from serving.who import Who

# As many offers as one question to scoring may name.
MOST_OFFERS = 100


@dataclass(frozen=True, slots=True)
class Eligible:
    """Offers that a claim would grant now, what each can cost at most, what is on file, and live counts."""

    offers: Sequence[Template]
    most_cents: Mapping[str, int]
    standing: str | None
    counts: Mapping[str, float]


async def trigger(issuer: Issuer, who: Who, name: str, campaign_id: str | None) -> Command:
    """Ask scoring which offer this user gets, if any; the command stores the decision."""
    store, gate = issuer.store, issuer.gate
    now = store.clock()
    known = await store.fetch(lambda connection: _eligible(issuer, connection, who, campaign_id, now))
    if isinstance(known, Refuse):
        refused = known
        return lambda _: refused
    decision_id = store.ids("dec")
    ask = DecisionRequest(
        user_id=who.user_id,
        device_id=who.device_id,
        ip=who.ip,
        address=who.address,
        terminal=who.terminal,
        counts=dict(known.counts),
        key=decision_id,
        trigger=name,
        offers=[template.template_id for template in known.offers],
    )
    scored = await gate.scoring.decide(ask, Fallback(known.most_cents, known.standing, gate.salt, gate.holdout))
    decision = _decision(decision_id, name, campaign_id, scored, now + CLAIM_WITHIN)
    given = next((template for template in known.offers if template.template_id == scored.offer), None)

    def command(tx: Transaction) -> Answer | Refuse:
        add_decision(tx, decision)
        return Answer(201, _view(decision, given, scored))

    return command


def _eligible(
    issuer: Issuer, connection: Connection, who: Who, campaign_id: str | None, now: datetime
) -> Eligible | Refuse:
    if campaign_id is not None and find_campaign(connection, campaign_id) is None:
        return Refuse("campaign_unknown")
    hashed = issuer.gate.hashed(who)
    current = on_offer(connection, campaign_id)
    asks = any(template.audience.asks for template in current)
    shopper = shopper_of(connection, who.user_id, hashed, now) if asks else Shopper(who.user_id)
    allowed = [template for template in current if _may(issuer, template, shopper, now)]
    offers = claimable(connection, allowed, who.user_id, now, issuer.zone, hashed)[:MOST_OFFERS]
    most = {template.template_id: _most_cents(connection, template) for template in offers}
    priced = [template for template in offers if most[template.template_id] is not None]
    return Eligible(
        priced,
        {template_id: cents for template_id, cents in most.items() if cents is not None},
        standings_of(connection, [who.user_id], now).get(who.user_id),
        {**live_counts(connection, who.user_id, hashed, now), **claim_counts(connection, who.user_id, now)},
    )


def _may(issuer: Issuer, template: Template, shopper: Shopper, now: datetime) -> bool:
    ask = Ask(template, shopper, now, issuer.zone, decided=True, links=issuer.policy.links)
    return not isinstance(check_claim(ask), Refuse)


def _most_cents(connection: Connection, template: Template) -> int | None:
    """What the offer can cost; a pack costs its parts and a draw its dearest prize. None when a part is missing.

    Rules that answer in scoring's place give the cheapest offer: a pack must not look free to them.
    """
    kind = template.kind
    if not isinstance(kind, GiftPack | LuckyDraw):
        return kind.most_cents * template.uses
    ids = kind.templates if isinstance(kind, GiftPack) else tuple(prize.template_id for prize in kind.prizes)
    parts = [find_template(connection, template_id) for template_id in ids]
    cents = [part.kind.most_cents * part.uses for part in parts if part is not None]
    if len(cents) < len(ids):
        return None
    return sum(cents) if isinstance(kind, GiftPack) else max(cents)


def _decision(decision_id: str, name: str, campaign_id: str | None, scored: Scored, claim_until: datetime) -> Decision:
    chosen = next((score for score in scored.offers if score.offer == scored.offer), None)
    return Decision(
        decision_id=decision_id,
        user_id=scored.user_id,
        trigger=name,
        campaign_id=campaign_id,
        eligible=tuple(scored.eligible),
        offer=scored.offer,
        propensity=scored.propensity,
        holdout=scored.holdout,
        fallback=scored.fallback,
        policy_version=scored.versions.get("policy", ""),
        value_cents=chosen.value_cents if chosen else None,
        cost_cents=chosen.cost_cents if chosen else None,
        detail=scored.model_dump(mode="json", exclude={"key", "user_id", "eligible"}),
        claim_until=claim_until,
    )


def _view(decision: Decision, given: Template | None, scored: Scored) -> dict[str, Any]:
    return {
        "decision_id": decision.decision_id,
        "user_id": decision.user_id,
        "trigger": decision.trigger,
        "campaign_id": decision.campaign_id,
        "eligible": list(decision.eligible),
        "offer": decision.offer,
        "template": template_view(given) if given else None,
        "propensity": decision.propensity,
        "holdout": decision.holdout,
        "explored": scored.explored,
        "reason": scored.reason,
        "claim_until": moment(decision.claim_until) if given else None,
        "versions": scored.versions,
        "cold_start": scored.cold_start,
        "fallback": scored.fallback,
    }
