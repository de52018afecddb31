"""The issuer: an event of a user becomes a decision, a decision becomes a coupon; every limit in one atomic step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from serving.client import Fallback, ScoringClient
from serving.coupons.events import Claimed
from serving.coupons.refusals import Refuse
from serving.coupons.template import NONE, Template
from serving.coupons.validity import FixedDates, local_day
from serving.privacy import Hasher
from serving.review.flags import standing_of
from serving.review.live import report_withheld
from serving.scoring.messages import Decision as Scored
from serving.scoring.messages import DecisionRequest, Risk, RiskRequest
from serving.store import coupons as repository
from serving.store.decisions import Decision, add_decision, find_decision, take_coupon
from serving.store.limits import claimable, take_quantity, take_user
from serving.store.links import live_counts
from serving.store.shelf import find_campaign, find_template, on_offer
from serving.store.unit import Answer, Command, Store, Transaction
from serving.views import coupon_view, moment, template_view

# A decision is an offer for now; afterwards it only answers for the log.
CLAIM_WITHIN = timedelta(days=2)
# What may pass without a person; every other action waits for one or for the user's own proof.
_MAY_CLAIM = ("allow", "cap")


@dataclass(frozen=True, slots=True)
class Who:
    """The user of a request with the raw identifiers that came with it; they go to scoring and are never stored."""

    user_id: str
    device_id: str | None = None
    ip: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Triggers and claims. ``salt`` and ``holdout`` are the policy's, so that a fallback respects the holdout."""

    store: Store
    scoring: ScoringClient
    hasher: Hasher
    zone: ZoneInfo
    salt: str
    holdout: float

    # -- triggers ----------------------------------------------------------------------------------------------------

    async def trigger(self, who: Who, trigger: str, campaign_id: str | None) -> Command:
        """Ask scoring which offer this user gets, if any; the command stores the decision."""
        now = self.store.clock()
        known = await self.store.fetch(lambda connection: self._eligible(connection, who, campaign_id, now))
        if isinstance(known, Refuse):
            refused = known
            return lambda _: refused
        offers, standing, counts = known
        decision_id = self.store.ids("dec")
        ask = DecisionRequest(
            user_id=who.user_id,
            device_id=who.device_id,
            ip=who.ip,
            address=who.address,
            counts=counts,
            key=decision_id,
            trigger=trigger,
            offers=[template.template_id for template in offers],
        )
        scored = await self.scoring.decide(ask, self._fallback(offers, standing))
        decision = _decision(decision_id, trigger, campaign_id, scored, now + CLAIM_WITHIN)
        given = next((template for template in offers if template.template_id == scored.offer), None)

        def command(tx: Transaction) -> Answer | Refuse:
            add_decision(tx, decision)
            return Answer(201, _decision_view(decision, given, scored))

        return command

    def _eligible(
        self, connection: Connection, who: Who, campaign_id: str | None, now: datetime
    ) -> tuple[list[Template], str | None, dict[str, float]] | Refuse:
        """Offers that a claim would grant now, what stands on file about the user, and live counts."""
        if campaign_id is not None and find_campaign(connection, campaign_id) is None:
            return Refuse("campaign_unknown")
        day = local_day(now, self.zone)
        current = [template for template in on_offer(connection, campaign_id) if not _over(template, now, self.zone)]
        offers = claimable(connection, current, who.user_id, day)
        counts = live_counts(connection, who.user_id, self._hashed(who), now)
        return offers, standing_of(connection, who.user_id), counts

    def _hashed(self, who: Who) -> dict[str, str | None]:
        links = {"device": who.device_id, "ip": who.ip, "address": who.address}
        return {kind: self.hasher(kind, value) for kind, value in links.items()}

    def _fallback(self, offers: Sequence[Template], standing: str | None) -> Fallback:
        most = {template.template_id: template.kind.most_cents for template in offers}
        return Fallback(most, standing, self.salt, self.holdout)

    # -- claims ------------------------------------------------------------------------------------------------------

    async def claim(self, who: Who, template_id: str | None, decision_id: str | None) -> Command:
        """Ask how risky this claim is; the command counts every limit and issues the coupon."""
        now = self.store.clock()
        hashed = self._hashed(who)

        def known(connection: Connection) -> tuple[str | None, dict[str, float]]:
            return standing_of(connection, who.user_id), live_counts(connection, who.user_id, hashed, now)

        standing, counts = await self.store.fetch(known)
        ask = RiskRequest(
            user_id=who.user_id,
            device_id=who.device_id,
            ip=who.ip,
            address=who.address,
            counts=counts,
            occasion="claim",
        )
        risk = await self.scoring.risk(ask, self._fallback((), standing))

        def command(tx: Transaction) -> Answer | Refuse:
            return self._issue(tx, who.user_id, template_id, decision_id, hashed, risk)

        return command

    def _issue(
        self,
        tx: Transaction,
        user_id: str,
        template_id: str | None,
        decision_id: str | None,
        hashed: dict[str, str | None],
        risk: Risk,
    ) -> Answer | Refuse:
        offered = self._offered(tx, user_id, template_id, decision_id)
        if isinstance(offered, Refuse):
            return offered
        template = find_template(tx.connection, offered)
        if template is None:
            return Refuse("template_unknown")
        if template.access == "closed":
            return Refuse("template_closed")
        if template.access == "decision" and decision_id is None:
            return Refuse("decision_required")
        if _over(template, tx.now, self.zone):
            return Refuse("claim_over")
        if risk.action not in _MAY_CLAIM:
            return self._withhold(tx, user_id, risk)
        return self._count_and_issue(tx, user_id, template, decision_id, hashed, risk)

    @staticmethod
    def _withhold(tx: Transaction, user_id: str, risk: Risk) -> Answer:
        """A machine's "no" is a reversible one: it opens a case for a person and tells the user no reasons."""
        refuse = Refuse("step_up_required" if risk.action == "step_up" else "under_review")
        return report_withheld(tx, user_id, risk, refuse)

    def _count_and_issue(
        self,
        tx: Transaction,
        user_id: str,
        template: Template,
        decision_id: str | None,
        hashed: dict[str, str | None],
        risk: Risk,
    ) -> Answer | Refuse:
        for verdict in (
            take_user(tx, template, user_id, local_day(tx.now, self.zone)),
            take_quantity(tx, template.template_id),
        ):
            if isinstance(verdict, Refuse):
                return verdict
        coupon_id = tx.ids("cpn")
        if decision_id is not None and not take_coupon(tx, decision_id, coupon_id):
            return Refuse("decision_taken")
        valid_from, valid_until = template.validity.window(tx.now, self.zone)
        event = Claimed(
            coupon_id,
            tx.now,
            user_id,
            template.template_id,
            template.version,
            template.campaign_id,
            decision_id,
            template.kind.most_cents,
            valid_from,
            valid_until,
            hashed["device"],
            hashed["ip"],
            hashed["address"],
        )
        coupon = repository.record(tx, None, event)
        if isinstance(coupon, Refuse):
            return coupon
        return Answer(201, {**coupon_view(coupon, template), "fallback": risk.fallback})

    @staticmethod
    def _offered(tx: Transaction, user_id: str, template_id: str | None, decision_id: str | None) -> str | Refuse:
        """The template of this claim; a decision gives only its own offer, once, to its own user, in time."""
        if decision_id is None:
            return template_id or Refuse("template_unknown")
        row = find_decision(tx.connection, decision_id)
        if row is None or row.user_id != user_id:
            return Refuse("decision_unknown")
        if row.offer == NONE or (template_id is not None and template_id != row.offer):
            return Refuse("decision_mismatch")
        if row.coupon_id is not None:
            return Refuse("decision_taken")
        return Refuse("claim_over") if tx.now >= row.claim_until else str(row.offer)


def _over(template: Template, now: datetime, zone: ZoneInfo) -> bool:
    """Fixed dates that have passed: a claim would give a coupon that is already dead."""
    return isinstance(template.validity, FixedDates) and now >= template.validity.window(now, zone)[1]


def _decision(
    decision_id: str, trigger: str, campaign_id: str | None, scored: Scored, claim_until: datetime
) -> Decision:
    chosen = next((score for score in scored.offers if score.offer == scored.offer), None)
    return Decision(
        decision_id=decision_id,
        user_id=scored.user_id,
        trigger=trigger,
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


def _decision_view(decision: Decision, given: Template | None, scored: Scored) -> dict[str, Any]:
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
