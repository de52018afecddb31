"""Asking about risk at a claim or an order, and honouring the answer: one gate for issuer and redeemer.

``ask`` runs before the transaction (it speaks HTTP), ``honour_claim`` and ``honour_order`` inside it, where what a
person has decided is read again, and so is who claimed on the same things since the question: of two puppets who come
at the same instant the second one sees the first. A machine's "no" is a reversible one: it opens a case for a person
and tells the user no reasons. Where scoring does not answer, the live scorecard's built-in rules do. What each action
means:

========== ===================================== ==============================================================
action     at a claim                            at an order
========== ===================================== ==============================================================
allow      goes on                               goes on
cap        at most a few coupons a day           goes on
hold       waits for a person                    waits for a person
step_up    goes on with a fresh proof            goes on with a fresh proof
withhold   no new coupons                        waits for a person
revoke     no new coupons; unused ones are gone  goes on with what is left
freeze     refused                               refused
block      refused                               refused
========== ===================================== ==============================================================

Block and allow lists come before all of it (``serving.review.listing``): who is block-listed is refused (``listed``),
paid order or not, and no machine stops who is allow-listed.

An order that is already paid is only stopped by freeze and block, which a person has decided; anything else that the
machine says then opens a case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from features.devices import device_id
from features.network import network
from serving.client import Fallback, ScoringClient
from serving.coupons.kinds import prices
from serving.coupons.refusals import Refuse
from serving.people.checks import Checks, check_claim, check_order, claim_says, order_says
from serving.privacy import Hasher
from serving.review.case import ACTIONS, WATCH
from serving.review.flags import Holding, holding_of
from serving.review.listing import Listing, listing_of, networks_around
from serving.review.live import report_withheld
from serving.review.rule_gate import AtGate, Limits, at_gate, compare, note, without_hubs
from serving.scoring.live import RULES_VERSION, weigh
from serving.scoring.live_words import live_reasons
from serving.scoring.messages import Risk, RiskRequest
from serving.scoring.risk import stricter
from serving.store.company import company
from serving.store.habits import habits
from serving.store.links import LONGEST, Seen, counts_of, seen_lately
from serving.store.schema import coupons
from serving.store.shelf import find_template
from serving.store.unit import Answer, Store, Transaction
from serving.who import Who

_OPEN = ("allow", "watch", "cap")
_CLOSED = {"freeze": "account_frozen", "block": "account_blocked"}
DAY = timedelta(days=1)
# Longer than a question to scoring and its claim may lie apart on the clocks of two processes.
AGO = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer of scoring with the keyed hashes (device, ip, address) of what came with the request.

    ``at`` is the moment that was asked about, ``seen`` the claims of others on the same things up to then. ``near`` is
    the user without the things that a lead has named as hubs: these are kept and counted, but link nobody.
    """

    who: Who
    risk: Risk
    hashed: Mapping[str, str | None]
    at: datetime
    near: Who
    seen: Sequence[Seen] = ()

    @property
    def links(self) -> Mapping[str, str | None]:
        """The hashes of what may link."""
        return _links(self.near, self.hashed)


@dataclass(frozen=True, slots=True)
class RiskGate:
    """Consults scoring through its client; ``salt`` and ``holdout`` are the policy's.

    ``capped_per_day`` is how many coupons a capped user may still take within a day.
    """

    store: Store
    scoring: ScoringClient
    hasher: Hasher
    salt: str
    holdout: float
    checks: Checks = field(default_factory=Checks)
    capped_per_day: int = 1

    def hashed(self, who: Who) -> dict[str, str | None]:
        links = {"device": who.device_id, "ip": who.ip, "address": who.address}
        return {kind: self.hasher(kind, value) for kind, value in links.items()}

    async def ask(self, who: Who, occasion: str, template_id: str | None = None) -> Asked:
        """``occasion`` is ``claim`` or ``redemption``; late or down, rules answer, marked ``fallback``.

        ``template_id`` is what is claimed, where that is known: company is then that of this very coupon.
        """
        now = self.store.clock()
        hashed = self.hashed(who)

        def known(connection: Connection) -> tuple[str | None, Who, Sequence[Seen], dict[str, float]]:
            holding = holding_of(connection, who.user_id, now)
            near = without_hubs(connection, who, self.hasher, now)
            if holding.lists:
                near = _without(near, self._listing(connection, who, hashed, holding, now).trusted)
            links = _links(near, hashed)
            seen = seen_lately(connection, who.user_id, links, now - LONGEST, now)
            live = _company(connection, near, seen, now, links, template_id)
            if occasion == "redemption":
                live |= habits(connection, who.user_id, links, now)
            return holding.standing, near, seen, live

        standing, near, seen, live = await self.store.fetch(known)
        ask = RiskRequest(
            user_id=who.user_id,
            device_id=near.device_id,
            ip=near.ip,
            address=near.address,
            terminal=who.terminal,
            counts=counts_of(seen, _links(near, hashed), now),
            live=live,
            occasion=occasion,
        )
        risk = await self.scoring.risk(ask, Fallback({}, standing, self.salt, self.holdout))
        if risk.fallback and live:
            risk = by_rules(risk, live, who.terminal)
        return Asked(who, risk, hashed, now, near, seen)

    def honour_claim(self, tx: Transaction, asked: Asked, template_id: str | None = None) -> Answer | Refuse | None:
        """None when the claim may go on; otherwise what the user is told."""
        risk = self._meanwhile(tx, asked, template_id)
        if isinstance(risk, Refuse):
            return risk
        if risk.action in _CLOSED:
            return Refuse(_CLOSED[risk.action])
        if risk.action not in _OPEN and not (risk.action == "step_up" and asked.who.stepped_up):
            return _withheld(tx, asked, risk, "under_review")
        rule, user_id = self._rule(tx), asked.who.user_id
        if risk.action == "cap" and (capped := self._capped(tx, user_id, rule)) is not None:
            return capped
        # A crowd on a hub is no wonder; a burst of claims from a network is one whoever stands behind it.
        told = {**asked.hashed, "device": asked.links["device"]}
        differing = rule.differing(("ip_claims_per_minute", "device_accounts"))
        if differing:
            says = claim_says(tx, user_id, told, rule.live.checks)
            compare(tx, user_id, says, differing, lambda limits: claim_says(tx, user_id, told, limits.checks))
        return check_claim(tx, user_id, told, rule.live.checks)

    def honour_order(
        self, tx: Transaction, asked: Asked, goods_cents: int, *, paid: bool = False
    ) -> Answer | Refuse | None:
        """The same for an order of ``goods_cents``; ``paid`` when its price was promised and paid already."""
        risk = self._now(tx, asked)
        if isinstance(risk, Refuse):
            return risk
        if risk.action in _CLOSED:
            return Refuse(_CLOSED[risk.action])
        passes = risk.action in (*_OPEN, "revoke") or (risk.action == "step_up" and asked.who.stepped_up)
        if paid:
            if not passes:
                _withheld(tx, asked, risk, "order_under_review")
            return None
        if not passes:
            return _withheld(tx, asked, risk, "order_under_review")
        rule, user_id = self._rule(tx), asked.who.user_id
        differing = rule.differing(("large_order_cents", "orders_in_a_row", "orders_within"))
        if differing:
            says = order_says(tx, user_id, goods_cents, rule.live.checks)
            compare(tx, user_id, says, differing, lambda limits: order_says(tx, user_id, goods_cents, limits.checks))
        return check_order(tx, user_id, goods_cents, rule.live.checks)

    def _rule(self, tx: Transaction) -> AtGate:
        """The limits that hold at this moment: what was promoted at the console over the settings."""
        return at_gate(tx.connection, Limits(self.checks, self.capped_per_day))

    def _listing(
        self, connection: Connection, who: Who, hashed: Mapping[str, str | None], holding: Holding, now: datetime
    ) -> Listing:
        around = networks_around(self.hasher, who.ip) if holding.networks else ()
        return listing_of(connection, who.user_id, hashed, around, now)

    def _now(self, tx: Transaction, asked: Asked) -> Risk | Refuse:
        """The answer of scoring, or what stands against the user by now if that is stricter; lists come before both."""
        holding = holding_of(tx.connection, asked.who.user_id, tx.now)
        if holding.lists:
            listing = self._listing(tx.connection, asked.who, asked.hashed, holding, tx.now)
            if listing.blocked:
                return Refuse("listed")
            if listing.allowed:
                return asked.risk.model_copy(update={"action": holding.by_person or "allow", "flagged": True})
        standing = holding.standing
        if standing is None or standing == WATCH or ACTIONS.index(standing) <= ACTIONS.index(asked.risk.action):
            return asked.risk
        return asked.risk.model_copy(update={"action": standing, "flagged": True})

    def _meanwhile(self, tx: Transaction, asked: Asked, template_id: str | None) -> Risk | Refuse:
        """``_now``, or what the built-in rules say of claims that were committed since scoring was asked."""
        risk, user_id = self._now(tx, asked), asked.who.user_id
        if isinstance(risk, Refuse) or risk.flagged:
            return risk
        since = asked.at - AGO
        lately = seen_lately(tx.connection, user_id, asked.links, since, tx.now)
        if len(lately) == sum(row.at >= since for row in asked.seen):
            return risk
        seen = seen_lately(tx.connection, user_id, asked.links, tx.now - LONGEST, tx.now)
        live = _company(tx.connection, asked.near, seen, tx.now, asked.links, template_id)
        return by_rules(risk, live, asked.who.terminal)

    def _capped(self, tx: Transaction, user_id: str, rule: AtGate) -> Refuse | None:
        lately, first = tx.connection.execute(
            select(func.count(), func.min(coupons.c.claimed_at)).where(
                coupons.c.user_id == user_id, coupons.c.claimed_at > tx.now - DAY
            )
        ).one()
        if lately < rule.live.capped_per_day:
            for change_id, limits in rule.shadows:
                if lately >= limits.capped_per_day:
                    note(tx, change_id, "capped", "stop", user_id)
            return None
        return Refuse("capped", max(1, int((first + DAY - tx.now).total_seconds())), "seconds")


def _without(who: Who, kinds: Collection[str]) -> Who:
    """The user without things of these kinds, which a list says are no evidence."""
    return replace(
        who,
        device_id=None if "device" in kinds else who.device_id,
        ip=None if "ip" in kinds else who.ip,
        address=None if "address" in kinds else who.address,
    )


def _links(near: Who, hashed: Mapping[str, str | None]) -> Mapping[str, str | None]:
    raw = {"device": near.device_id, "ip": near.ip, "address": near.address}
    return {kind: value if raw[kind] is not None else None for kind, value in hashed.items()}


def by_rules(risk: Risk, live: Mapping[str, float], terminal: str | None) -> Risk:
    """``risk``, or what the scorecard's built-in rules say of the issuer's figures ``live`` where that is stricter.

    What stored features said of the things, if scoring could tell, still counts. Who was flagged has been looked at.
    """
    found = weigh(live, risk.live.known if risk.live is not None else {}, terminal)
    if risk.flagged or stricter(risk.action, found.action) == risk.action:
        return risk
    update = {
        "action": found.action,
        "score": max(found.score, risk.score or 0.0),
        "reasons": [*live_reasons(live, found), *risk.reasons],
        "versions": {**risk.versions, "risk": RULES_VERSION},
    }
    return risk.model_copy(update=update)


def _company(
    connection: Connection,
    who: Who,
    seen: Sequence[Seen],
    now: datetime,
    hashed: Mapping[str, str | None],
    template_id: str | None,
) -> dict[str, float]:
    """Figures of the others on things that can link: no placeholder of a device, no reserved range of addresses."""
    links = {"device": device_id(who.device_id), "ip": network(who.ip), "address": who.address}
    near = [row for row in seen if links[row.kind] is not None]
    if not near:
        return {}
    template = find_template(connection, template_id) if template_id is not None else None
    if template is not None and not prices(template.kind):
        template = None  # of a pack or a draw only the parts are claimed
    return company(connection, who.user_id, near, now, hashed.get("address"), template)


def _withheld(tx: Transaction, asked: Asked, risk: Risk, code: str) -> Answer:
    refuse = Refuse("step_up_required" if risk.action == "step_up" else code)
    return report_withheld(tx, asked.who.user_id, risk, refuse)
