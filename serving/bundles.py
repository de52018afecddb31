"""Give what a template gives: one coupon, every coupon of a pack together, or the one that a draw picks (F012, F020).

A pack is all or nothing: the first part that is refused refuses the pack. Parts are taken by template id, so that two
packs with the same parts never wait for each other in a ring. A draw that picks a prize of which nothing is left draws
again among the others, and says which were gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial

from sqlalchemy import Connection

from serving.coupons.audience import Shopper
from serving.coupons.claiming import to_look_at
from serving.coupons.coupon import Coupon
from serving.coupons.draws import drawn
from serving.coupons.kinds import GiftPack, LuckyDraw
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.issue import Grant, count, draw_seed, issue
from serving.store.bundles import Bundle, add_bundle
from serving.store.limits import Hashed
from serving.store.notices import add_notice
from serving.store.people import shopper_of
from serving.store.shelf import find_template
from serving.store.unit import Transaction

# Refusals of a prize that say nothing about the user.
_GONE = ("quantity_exhausted", "day_quota_exhausted", "slot_exhausted", "slot_closed", "pool_exhausted", "claim_over")


@dataclass(frozen=True, slots=True)
class Given:
    """The coupons that came into being, each with its template; ``bundle_id`` names the pack or draw, if it was one."""

    coupons: tuple[tuple[Coupon, Template], ...]
    bundle_id: str | None = None

    @property
    def claimed_id(self) -> str:
        """What a code or a decision was exchanged for."""
        return self.bundle_id or self.coupons[0][0].coupon_id


def shopper_for(connection: Connection, template: Template, user_id: str, hashed: Hashed, now: datetime) -> Shopper:
    """What is known of the user, read only when the template (or a part of it) asks about its users."""
    if template.audience.asks or isinstance(template.kind, GiftPack | LuckyDraw):
        return shopper_of(connection, user_id, hashed, now)
    return Shopper(user_id)


def give(tx: Transaction, grant: Grant, zone: tzinfo, seed: bytes) -> Given | Refuse:
    """Issue what the template of ``grant`` gives, or refuse; after a refusal the command has to end."""
    template = grant.template
    if not isinstance(template.kind, GiftPack | LuckyDraw):
        coupon = issue(tx, grant, zone, seed)
        return coupon if isinstance(coupon, Refuse) else Given(((coupon, template),))
    counted = count(tx, grant, 0, zone)
    if isinstance(counted, Refuse):
        return counted
    bundle_id = tx.ids("bdl")
    gone: list[str] = []
    if isinstance(template.kind, GiftPack):
        given = _give_parts(tx, grant, template.kind.templates, bundle_id, zone, seed)
    else:
        given = _draw(tx, grant, template.kind, bundle_id, zone, seed, gone)
    if isinstance(given, Refuse):
        return given
    _record(tx, grant, given, gone)
    add_notice(tx, bundle_id, grant.user_id, to_look_at(grant.ask(tx.now, zone)))
    return given


def _draw(
    tx: Transaction, grant: Grant, kind: LuckyDraw, bundle_id: str, zone: tzinfo, seed: bytes, gone: list[str]
) -> Given | Refuse:
    """The prize that the draw named ``bundle_id`` picks by weight; ``gone`` gets those of which nothing was left."""
    chances = [(prize.template_id, prize.weight) for prize in kind.prizes]
    while True:
        prize = drawn(draw_seed(seed, grant.template.template_id), bundle_id, chances, gone)
        given = tx.attempt(partial(_give_parts, tx, grant, [prize], bundle_id, zone, seed))
        if not isinstance(given, Refuse) or given.code not in _GONE:
            return given
        gone.append(prize)
        if not any(weight for name, weight in chances if name not in gone):
            return given


def _give_parts(
    tx: Transaction, grant: Grant, parts: Sequence[str], bundle_id: str, zone: tzinfo, seed: bytes
) -> Given | Refuse:
    coupons: dict[str, tuple[Coupon, Template]] = {}
    decision_id = grant.decision_id  # a decision gives one coupon, so the first part answers for it
    for template_id in sorted(parts):
        template = find_template(tx.connection, template_id)
        if template is None:
            return Refuse("template_unknown")
        part = replace(grant, template=template, part_of=bundle_id, decision_id=decision_id)
        coupon = issue(tx, part, zone, seed)
        if isinstance(coupon, Refuse):
            return coupon
        coupons[template_id] = (coupon, template)
        decision_id = None
    return Given(tuple(coupons[template_id] for template_id in parts), bundle_id)


def _record(tx: Transaction, grant: Grant, given: Given, gone: Sequence[str]) -> None:
    bundle = Bundle(
        given.claimed_id,
        grant.user_id,
        grant.template.template_id,
        grant.template.version,
        tx.now,
        grant.source,
        grant.ref,
        grant.place,
        grant.hashed.get("device"),
        grant.hashed.get("ip"),
        grant.hashed.get("address"),
    )
    add_bundle(tx, bundle, [coupon.coupon_id for coupon, _ in given.coupons], gone)
