"""Bring one coupon into being: every limit is counted in the same transaction, or nothing happened at all.

The issuer, pushes, packs, draws, rewards, codes and automatic coupons all come through here. What every claim of a
template or a campaign shares is counted just before the commit, and may refuse the whole command even then.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from serving.coupons.audience import Shopper
from serving.coupons.claiming import Ask, NewcomerLinks, check_claim, to_look_at
from serving.coupons.coupon import Coupon, apply
from serving.coupons.draws import face_cents
from serving.coupons.events import Claimed
from serving.coupons.kinds import prices
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Template
from serving.store import coupons as repository
from serving.store.decisions import take_coupon
from serving.store.limits import still_there, take_own, take_shared
from serving.store.notices import add_notice
from serving.store.unit import Transaction


@dataclass(frozen=True, slots=True)
class Grant:
    """Who gets a coupon of which template, and why.

    ``hashed`` maps device, ip and address to keyed hashes. ``part_of`` is the pack or draw that the coupon comes out
    of: access, delivery and place were asked of that already, and the coupon names it as its reference.
    """

    template: Template
    user_id: str
    shopper: Shopper
    hashed: Mapping[str, str | None]
    source: str = "claim"
    place: str | None = None
    ref: str | None = None
    decision_id: str | None = None
    part_of: str | None = None
    links: NewcomerLinks = field(default_factory=NewcomerLinks)

    def ask(self, now: datetime, zone: tzinfo) -> Ask:
        """The same as a question to the rules."""
        return Ask(
            self.template,
            self.shopper,
            now,
            zone,
            self.source,
            self.place,
            decided=self.decision_id is not None,
            part=self.part_of is not None,
            links=self.links,
        )


def may_have(grant: Grant, now: datetime, zone: tzinfo) -> Verdict:
    """The rules alone, nothing counted."""
    return check_claim(grant.ask(now, zone))


def issue(tx: Transaction, grant: Grant, zone: tzinfo, seed: bytes) -> Coupon | Refuse:
    """One coupon with every limit counted, or the refusal, after which the command (or its attempt) has to end.

    ``seed`` is the installation's key: a random amount follows from it, the template and the coupon's id alone, so
    that anybody who has the key can draw it again (F017). Packs and draws are given by ``serving.bundles``.
    """
    template = grant.template
    if not prices(template.kind):
        return Refuse("not_claimable")
    event = _claimed(grant, tx.ids("cpn"), tx.now, zone, seed)
    coupon = apply(None, event)
    counted = count(tx, grant, coupon.live_cents, zone)
    if isinstance(counted, Refuse):
        return counted
    if grant.decision_id is not None and not take_coupon(tx, grant.decision_id, coupon.coupon_id):
        return Refuse("decision_taken")
    repository.write(tx, coupon, event)
    add_notice(tx, coupon.coupon_id, grant.user_id, to_look_at(grant.ask(tx.now, zone)))
    return coupon


def count(tx: Transaction, grant: Grant, promised_cents: int, zone: tzinfo) -> Verdict:
    """The rules hold, the user's own limits are counted, and the shared ones looked at and left for last."""
    verdict = may_have(grant, tx.now, zone)
    if not isinstance(verdict, Refuse):
        verdict = take_own(tx, grant.template, grant.user_id, grant.hashed, zone)
    if not isinstance(verdict, Refuse):
        verdict = still_there(tx, grant.template, promised_cents, zone)
    if isinstance(verdict, Refuse):
        return verdict
    take_shared(tx, grant.template, promised_cents, zone)
    return PASS


def draw_seed(secret: bytes, template_id: str) -> bytes:
    """The seed of all draws of one template, from the installation's key."""
    return hmac.digest(secret, f"draw\n{template_id}".encode(), "sha256")


def _claimed(grant: Grant, coupon_id: str, now: datetime, zone: tzinfo, seed: bytes) -> Claimed:
    template = grant.template
    valid_from, valid_until = template.validity.window(now, zone)
    return Claimed(
        coupon_id,
        now,
        grant.user_id,
        template.template_id,
        template.version,
        template.campaign_id,
        grant.decision_id,
        face_cents(template.kind, draw_seed(seed, template.template_id), coupon_id),
        valid_from,
        valid_until,
        grant.hashed.get("device"),
        grant.hashed.get("ip"),
        grant.hashed.get("address"),
        uses=template.uses,
        source=grant.source,
        ref=grant.part_of or grant.ref,
        place=grant.place,
    )
