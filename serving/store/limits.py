"""Limits as conditional writes: each adds where the limit still holds, and the row count says whether it did.

Rows are always taken in the order user → template → campaign, so that two claims never wait for each other in a ring.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, or_, select, update

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
        if not count_up(tx.connection, user_claims, key, "claimed", user_claims.c.claimed < limit):
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


def would_refuse(connection: Connection, template: Template, user_id: str, day: date) -> Refuse | None:
    """What a claim would be told now, without counting: which offers are eligible. The claim itself decides."""
    shelf = connection.execute(
        select(templates.c.issued, templates.c.quantity).where(templates.c.template_id == template.template_id)
    ).one()
    if shelf.quantity is not None and shelf.issued >= shelf.quantity:
        return Refuse("quantity_exhausted")
    counted = {
        row.day: row.claimed
        for row in connection.execute(
            select(user_claims.c.day, user_claims.c.claimed).where(
                user_claims.c.template_id == template.template_id,
                user_claims.c.user_id == user_id,
                user_claims.c.day.in_([ALL_DAYS, day.isoformat()]),
            )
        )
    }
    if template.per_user is not None and counted.get(ALL_DAYS, 0) >= template.per_user:
        return Refuse("user_limit_total")
    if template.per_user_day is not None and counted.get(day.isoformat(), 0) >= template.per_user_day:
        return Refuse("user_limit_day")
    return _campaign_refuses(connection, template)


def _campaign_refuses(connection: Connection, template: Template) -> Refuse | None:
    if template.campaign_id is None:
        return None
    row = connection.execute(select(campaigns).where(campaigns.c.campaign_id == template.campaign_id)).one()
    if row.committed_cents >= row.budget_cents:
        return Refuse("budget_exhausted")
    if row.liability_cents is not None and row.live_cents + template.kind.most_cents > row.liability_cents:
        return Refuse("liability_exhausted")
    return None
