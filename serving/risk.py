"""Asking about risk at a claim or an order, and honouring the answer: one gate for issuer and redeemer.

``ask`` runs before the transaction (it speaks HTTP), ``honour_claim`` and ``honour_order`` inside it, where what a
person has decided is read again. A machine's "no" is a reversible one: it opens a case for a person and tells the user
no reasons. What each action means:

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

An order that is already paid is only stopped by freeze and block, which a person has decided; anything else that the
machine says then opens a case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, func, select

from serving.client import Fallback, ScoringClient
from serving.coupons.refusals import Refuse
from serving.people.checks import Checks, check_claim, check_order
from serving.privacy import Hasher
from serving.review.case import ACTIONS
from serving.review.flags import standing_of
from serving.review.live import report_withheld
from serving.scoring.messages import Risk, RiskRequest
from serving.store.links import live_counts
from serving.store.schema import coupons
from serving.store.unit import Answer, Store, Transaction
from serving.who import Who

_CLOSED = {"freeze": "account_frozen", "block": "account_blocked"}
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer of scoring with the keyed hashes (device, ip, address) of what came with the request."""

    who: Who
    risk: Risk
    hashed: Mapping[str, str | None]


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

    async def ask(self, who: Who, occasion: str) -> Asked:
        """``occasion`` is ``claim`` or ``redemption``; late or down, rules answer, marked ``fallback``."""
        now = self.store.clock()
        hashed = self.hashed(who)

        def known(connection: Connection) -> tuple[str | None, dict[str, float]]:
            return standing_of(connection, who.user_id), live_counts(connection, who.user_id, hashed, now)

        standing, counts = await self.store.fetch(known)
        ask = RiskRequest(
            user_id=who.user_id,
            device_id=who.device_id,
            ip=who.ip,
            address=who.address,
            counts=counts,
            occasion=occasion,
        )
        risk = await self.scoring.risk(ask, Fallback({}, standing, self.salt, self.holdout))
        return Asked(who, risk, hashed)

    def honour_claim(self, tx: Transaction, asked: Asked) -> Answer | Refuse | None:
        """None when the claim may go on; otherwise what the user is told."""
        risk = self._now(tx, asked)
        if risk.action in _CLOSED:
            return Refuse(_CLOSED[risk.action])
        if risk.action not in ("allow", "cap") and not (risk.action == "step_up" and asked.who.stepped_up):
            return _withheld(tx, asked, risk, "under_review")
        capped = self._capped(tx, asked.who.user_id) if risk.action == "cap" else None
        return capped or check_claim(tx, asked.who.user_id, asked.hashed, self.checks)

    def honour_order(
        self, tx: Transaction, asked: Asked, goods_cents: int, *, paid: bool = False
    ) -> Answer | Refuse | None:
        """The same for an order of ``goods_cents``; ``paid`` when its price was promised and paid already."""
        risk = self._now(tx, asked)
        if risk.action in _CLOSED:
            return Refuse(_CLOSED[risk.action])
        passes = risk.action in ("allow", "cap", "revoke") or (risk.action == "step_up" and asked.who.stepped_up)
        if paid:
            if not passes:
                _withheld(tx, asked, risk, "order_under_review")
            return None
        if not passes:
            return _withheld(tx, asked, risk, "order_under_review")
        return check_order(tx, asked.who.user_id, goods_cents, self.checks)

    @staticmethod
    def _now(tx: Transaction, asked: Asked) -> Risk:
        """The answer of scoring, or what stands against the user by now if that is stricter."""
        standing = standing_of(tx.connection, asked.who.user_id)
        if standing is None or ACTIONS.index(standing) <= ACTIONS.index(asked.risk.action):
            return asked.risk
        return asked.risk.model_copy(update={"action": standing, "flagged": True})

    def _capped(self, tx: Transaction, user_id: str) -> Refuse | None:
        lately, first = tx.connection.execute(
            select(func.count(), func.min(coupons.c.claimed_at)).where(
                coupons.c.user_id == user_id, coupons.c.claimed_at > tx.now - DAY
            )
        ).one()
        if lately < self.capped_per_day:
            return None
        return Refuse("capped", max(1, int((first + DAY - tx.now).total_seconds())), "seconds")


def _withheld(tx: Transaction, asked: Asked, risk: Risk, code: str) -> Answer:
    refuse = Refuse("step_up_required" if risk.action == "step_up" else code)
    return report_withheld(tx, asked.who.user_id, risk, refuse)
