"""The issuer: a user takes a coupon, by a template, a decision or a code; risk is asked first, limits are counted once.

What every way of giving shares is here: pushes, rewards and triggers build on it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from serving.bundles import Given, give, shopper_for
from serving.client import ScoringClient
from serving.coupons.claiming import CODE, NewcomerLinks
from serving.coupons.codes import GuessLimit, normal
from serving.coupons.refusals import Refuse
from serving.coupons.rewards import RewardRules
from serving.coupons.template import NONE, Template
from serving.issue import Grant, may_have
from serving.risk import Asked, RiskGate
from serving.store.codes import guess_keys, live_code, lock_guesses, locked, tidy_guesses, use_code, wrong_guess
from serving.store.decisions import find_decision
from serving.store.shelf import find_template
from serving.store.unit import Answer, Command, Store, Transaction, refusal
from serving.views import coupon_view
from serving.who import Who

# A decision is an offer for now; afterwards it only answers for the log.
CLAIM_WITHIN = timedelta(days=2)
# Runs one part of a request in a transaction of its own, under a name by which a replay finds it.
Part = Callable[[str, Command], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """What the shop decides about claims: links of newcomers, guesses at codes, rewards."""

    links: NewcomerLinks = field(default_factory=NewcomerLinks)
    guesses: GuessLimit = field(default_factory=GuessLimit)
    rewards: RewardRules = field(default_factory=RewardRules)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user claims: the offer of a decision, or a template that is open to all; where, and through what."""

    template_id: str | None = None
    decision_id: str | None = None
    source: str = "claim"
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Claims of users. ``secret`` is the installation's key: the draws of random amounts follow from it (F017)."""

    store: Store
    gate: RiskGate
    zone: ZoneInfo
    secret: bytes
    policy: ClaimPolicy = field(default_factory=ClaimPolicy)

    @property
    def scoring(self) -> ScoringClient:
        return self.gate.scoring

    async def claim(self, who: Who, wanted: Wanted) -> Command:
        """Ask how risky this claim is; the command counts every limit and issues the coupon or the pack."""
        asked = await self.gate.ask(who, "claim", wanted.template_id)

        def command(tx: Transaction) -> Answer | Refuse:
            offered = _offered(tx, who.user_id, wanted)
            if isinstance(offered, Refuse):
                return offered
            return self.answer(self.grant(tx, asked, offered, wanted), asked)

        return command

    async def claim_code(self, who: Who, code: str, place: str | None = None) -> Command:
        """Exchange a code, once. Unknown, used and expired codes have one answer, and are counted (see RELIABILITY).

        A wrong guess is an ``Answer`` and not a ``Refuse``: what it counted must stay.
        """
        asked = await self.gate.ask(who, "claim")
        code_hash = self.gate.hasher("code", normal(code)) or ""

        def command(tx: Transaction) -> Answer | Refuse:
            keys, limit = guess_keys(who.user_id, asked.hashed), self.policy.guesses
            guesses = lock_guesses(tx, keys)
            refuse = locked(guesses, tx.now, limit)
            if refuse is not None:
                return refuse
            found = live_code(tx, code_hash)
            if found is None:
                wrong_guess(tx, keys, guesses, limit)
                return refusal(Refuse("code_unknown"))
            template_id, batch_id = found
            tidy_guesses(tx, keys)
            given = self.grant(tx, asked, template_id, Wanted(source=CODE, place=place), ref=batch_id)
            if isinstance(given, Given):
                use_code(tx, code_hash, given.claimed_id)
            return self.answer(given, asked)

        return command

    def grant(
        self, tx: Transaction, asked: Asked, template_id: str, wanted: Wanted, ref: str | None = None
    ) -> Given | Answer | Refuse:
        """Give what a template gives if the rules, then risk, then every limit allow it."""
        grant = self.allow(tx, asked, template_id, wanted, ref)
        return self.give(tx, grant) if isinstance(grant, Grant) else grant

    def give(self, tx: Transaction, grant: Grant) -> Given | Refuse:
        """Count every limit of what was allowed, and issue it."""
        return give(tx, grant, self.zone, self.secret)

    def allow(
        self, tx: Transaction, asked: Asked, template_id: str, wanted: Wanted, ref: str | None = None
    ) -> Grant | Answer | Refuse:
        """What may be given by the rules and by risk, nothing counted yet.

        The rules come before risk, so that nobody is told to wait for a person over a coupon that is closed; an
        ``Answer`` is that of risk, and what it wrote (a case) stays.
        """
        template = find_template(tx.connection, template_id)
        if template is None:
            return Refuse("template_unknown")
        grant = self._grant(tx, asked, template, wanted, ref)
        verdict = may_have(grant, tx.now, self.zone)
        if isinstance(verdict, Refuse):
            return verdict
        stopped = self.gate.honour_claim(tx, asked, template_id)
        return grant if stopped is None else stopped

    def _grant(self, tx: Transaction, asked: Asked, template: Template, wanted: Wanted, ref: str | None) -> Grant:
        user_id = asked.who.user_id
        return Grant(
            template,
            user_id,
            shopper_for(tx.connection, template, user_id, asked.hashed, tx.now),
            asked.hashed,
            wanted.source,
            wanted.place,
            ref,
            wanted.decision_id,
            links=self.policy.links,
        )

    @staticmethod
    def answer(given: Given | Answer | Refuse, asked: Asked) -> Answer | Refuse:
        """A coupon as it is shown, or the coupons of a pack."""
        if not isinstance(given, Given):
            return given
        return Answer(201, {**given_view(given), "fallback": asked.risk.fallback})


def given_view(given: Given) -> dict[str, Any]:
    """One coupon by itself; the coupons of a pack or a draw under ``coupons``, in the pack's order."""
    views = [coupon_view(coupon, template) for coupon, template in given.coupons]
    return views[0] if given.bundle_id is None else {"bundle_id": given.bundle_id, "coupons": views}


def _offered(tx: Transaction, user_id: str, wanted: Wanted) -> str | Refuse:
    """The template of this claim; a decision gives only its own offer, once, to its own user, in time."""
    if wanted.decision_id is None:
        return wanted.template_id or Refuse("template_unknown")
    row = find_decision(tx.connection, wanted.decision_id)
    if row is None or row.user_id != user_id:
        return Refuse("decision_unknown")
    if row.offer == NONE or (wanted.template_id is not None and wanted.template_id != row.offer):
        return Refuse("decision_mismatch")
    if row.coupon_id is not None:
        return Refuse("decision_taken")
    return Refuse("claim_over") if tx.now >= row.claim_until else str(row.offer)
