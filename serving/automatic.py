"""Coupons that come by themselves at an order (F013): shown in quotes as ``auto:<template_id>``, issued with the hold.

Who may have one, and how many there are, is decided by the same ladder and the same counters as any claim. A user who
has a live coupon of the template uses that one instead of getting another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from sqlalchemy import Connection

from serving.coupons.cart import Cart
from serving.coupons.claiming import AUTOMATIC, Ask, check_claim
from serving.coupons.coupon import Coupon
from serving.coupons.pricing import Candidate
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.issue import Grant, issue
from serving.store.claimable import claimable
from serving.store.coupons import live_templates
from serving.store.people import shopper_of
from serving.store.shelf import automatic_for, find_template
from serving.store.unit import Transaction

PREFIX = "auto:"

Hashed = Mapping[str, str | None]


def is_automatic(coupon_id: str) -> bool:
    return coupon_id.startswith(PREFIX)


def candidates(
    connection: Connection, user_id: str, hashed: Hashed, cart: Cart, now: datetime, zone: tzinfo
) -> list[Candidate]:
    """What this user would get by itself for this cart."""
    templates = automatic_for(connection, cart)
    if templates:
        had = live_templates(connection, user_id, [template.template_id for template in templates])
        templates = [template for template in templates if template.template_id not in had]
    if not templates:
        return []
    shopper = shopper_of(connection, user_id, hashed, now)
    open_to = [
        template
        for template in templates
        if not isinstance(check_claim(Ask(template, shopper, now, zone, AUTOMATIC)), Refuse)
    ]
    left = claimable(connection, open_to, user_id, now, zone, hashed) if open_to else []
    return [candidate(template, user_id, now, zone) for template in left]


def candidate(template: Template, user_id: str, now: datetime, zone: tzinfo) -> Candidate:
    """A coupon as it would be issued now."""
    valid_from, valid_until = template.validity.window(now, zone)
    coupon = Coupon(
        f"{PREFIX}{template.template_id}",
        user_id,
        template.template_id,
        template.version,
        template.campaign_id,
        None,
        template.kind.most_cents,
        now,
        valid_from,
        valid_until,
        uses=template.uses,
        source=AUTOMATIC,
    )
    return Candidate(coupon, template)


def give(
    tx: Transaction, template: Template, user_id: str, hashed: Hashed, zone: tzinfo, seed: bytes
) -> Candidate | Refuse:
    """Issue one, counted like any claim; a refusal leaves nothing counted."""
    shopper = shopper_of(tx.connection, user_id, hashed, tx.now)
    grant = Grant(template, user_id, shopper, hashed, AUTOMATIC)
    coupon = tx.attempt(lambda: issue(tx, grant, zone, seed))
    return coupon if isinstance(coupon, Refuse) else Candidate(coupon, template)


def named(connection: Connection, coupon_ids: Sequence[str]) -> list[Template] | Refuse:
    """The templates that the customer named by ``auto:`` ids, by id."""
    found: list[Template] = []
    for coupon_id in sorted(coupon_ids):
        template = find_template(connection, coupon_id.removeprefix(PREFIX))
        if template is None or template.delivery != AUTOMATIC:
            return Refuse("coupon_unknown")
        found.append(template)
    return found
