"""Limits as conditional writes: each adds where the limit still holds, and the row count says whether it did.

Rows are always taken in the order user → template → campaign, so that two claims never wait for each other in a ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, or_, select, update

from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Template
from serving.store.rows import count_up
from serving.store.schema import campaigns, templates, user_claims
from serving.store.unit import Transaction

ALL_DAYS = ""


def take_user(tx: Transaction, template: Template, user_id: str, day: date) -> Verdict:
    """Count one claim of this user, in all and on this shop-local day."""
    for limit, name, code in (
        (template.per_user, ALL_DAYS, "user_limit_total"),
        (template.per_user_day, day.isoformat(), "user_limit_day"),
    ):
        if limit is None:
            continue
        key = {"template_id": template.template_id, "user_id": user_id, "day": name}
        if not count_up(tx.connection, user_claims, key, "claimed", limit):
            return Refuse(code)
    return PASS


def take_quantity(tx: Transaction, template_id: str) -> Verdict:
    """Count one issued coupon; a template that was closed meanwhile gives none."""
    left = or_(templates.c.quantity.is_(None), templates.c.issued < templates.c.quantity)
    statement = (
        update(templates)
        .where(templates.c.template_id == template_id, templates.c.access != "closed", left)
        .values(issued=templates.c.issued + 1)
    )
    return PASS if tx.connection.execute(statement).rowcount == 1 else Refuse("quantity_exhausted")


def add_live(tx: Transaction, campaign_id: str, cents: int, *, capped: bool) -> Verdict:
    """Move the face value of live coupons; a new coupon has to fit under the liability cap."""
    statement = update(campaigns).where(campaigns.c.campaign_id == campaign_id)
    if capped:
        fits = campaigns.c.live_cents + cents <= campaigns.c.liability_cents
        statement = statement.where(or_(campaigns.c.liability_cents.is_(None), fits))
    statement = statement.values(live_cents=campaigns.c.live_cents + cents)
    return PASS if tx.connection.execute(statement).rowcount == 1 else Refuse("liability_exhausted")


def add_committed(tx: Transaction, campaign_id: str, cents: int) -> Verdict:
    """Move held and spent discount; it never passes the budget."""
    statement = (
        update(campaigns)
        .where(campaigns.c.campaign_id == campaign_id, campaigns.c.committed_cents + cents <= campaigns.c.budget_cents)
        .values(committed_cents=campaigns.c.committed_cents + cents)
    )
    return PASS if tx.connection.execute(statement).rowcount == 1 else Refuse("budget_exhausted")


def claimable(connection: Connection, offers: Sequence[Template], user_id: str, day: date) -> list[Template]:
    """The templates that a claim would grant now, without counting: which offers are eligible. The claim decides.

    Three queries for all templates together, because this is read for every trigger.
    """
    ids = [template.template_id for template in offers]
    payers = sorted({template.campaign_id for template in offers if template.campaign_id is not None})
    days = [ALL_DAYS, day.isoformat()]
    sold_out = set(connection.execute(_SOLD_OUT, {"ids": ids}).scalars())
    rows = connection.execute(_COUNTED, {"ids": ids, "user_id": user_id, "days": days})
    counted = {(row.template_id, row.day): row.claimed for row in rows}
    paying = {row.campaign_id: row for row in connection.execute(_PAYERS, {"ids": payers})}
    return [
        template
        for template in offers
        if template.template_id not in sold_out
        and _below(counted.get((template.template_id, ALL_DAYS), 0), template.per_user)
        and _below(counted.get((template.template_id, day.isoformat()), 0), template.per_user_day)
        and (template.campaign_id is None or _pays(paying[template.campaign_id], template))
    ]


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_SOLD_OUT = select(templates.c.template_id).where(
    templates.c.template_id.in_(_IDS), templates.c.issued >= templates.c.quantity
)
_COUNTED = select(user_claims.c.template_id, user_claims.c.day, user_claims.c.claimed).where(
    user_claims.c.template_id.in_(_IDS),
    user_claims.c.user_id == bindparam("user_id"),
    user_claims.c.day.in_(bindparam("days", expanding=True)),
)
_PAYERS = select(campaigns).where(campaigns.c.campaign_id.in_(_IDS))


def _below(claimed: int, limit: int | None) -> bool:
    return limit is None or claimed < limit


def _pays(campaign: Row[Any], template: Template) -> bool:
    if campaign.committed_cents >= campaign.budget_cents:
        return False
    live = campaign.live_cents + template.kind.most_cents
    return campaign.liability_cents is None or bool(live <= campaign.liability_cents)
