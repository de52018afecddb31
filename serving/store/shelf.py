"""Templates and campaigns: what may be claimed and what pays for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Row, insert, select, update

from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Campaign, Template, template_from_data, template_to_data
from serving.store.rows import insert_new
from serving.store.schema import campaigns, template_versions, templates
from serving.store.unit import Transaction, canonical


def add_campaign(tx: Transaction, campaign: Campaign) -> Verdict:
    row = {**asdict(campaign), "committed_cents": 0, "live_cents": 0, "created_at": tx.now, "n": 1}
    if not insert_new(tx.connection, campaigns, row):
        return Refuse("campaign_exists")
    tx.append(f"campaign:{campaign.campaign_id}", 1, "campaign.created", asdict(campaign))
    return PASS


def add_template(tx: Transaction, template: Template) -> Verdict:
    """Put the first version of a template on the shelf."""
    if template.campaign_id is not None and find_campaign(tx.connection, template.campaign_id) is None:
        return Refuse("campaign_unknown")
    spec = template_to_data(template)
    row = {
        "template_id": template.template_id,
        "campaign_id": template.campaign_id,
        "version": template.version,
        "access": template.access,
        "quantity": template.quantity,
        "issued": 0,
        "created_at": tx.now,
        "n": 1,
    }
    if not insert_new(tx.connection, templates, row):
        return Refuse("template_exists")
    tx.connection.execute(
        insert(template_versions),
        {"template_id": template.template_id, "version": template.version, "spec": canonical(spec)},
    )
    tx.append(f"template:{template.template_id}", 1, "template.created", {"spec": spec, "access": template.access})
    return PASS


def set_access(tx: Transaction, template_id: str, access: str, reason: str) -> Verdict:
    """Open or close a template at once; ``closed`` is the kill switch of a leak."""
    statement = (
        update(templates)
        .where(templates.c.template_id == template_id)
        .values(access=access, n=templates.c.n + 1)
        .returning(templates.c.n)
    )
    n = tx.connection.execute(statement).scalar_one_or_none()
    if n is None:
        return Refuse("template_unknown")
    data = {"template_id": template_id, "access": access, "reason": reason}
    tx.append(f"template:{template_id}", n, "template.access", data)
    return PASS


def find_campaign(connection: Connection, campaign_id: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(campaigns).where(campaigns.c.campaign_id == campaign_id)).one_or_none()


_CURRENT = (
    select(templates.c.access, templates.c.issued, template_versions.c.spec)
    .join(
        template_versions,
        (template_versions.c.template_id == templates.c.template_id)
        & (template_versions.c.version == templates.c.version),
    )
    .order_by(templates.c.template_id)
)


def find_template(connection: Connection, template_id: str) -> Template | None:
    """The current version, with its access of now."""
    row = connection.execute(_CURRENT.where(templates.c.template_id == template_id)).one_or_none()
    return None if row is None else template_from_data(json.loads(row.spec), row.access)


def find_version(connection: Connection, template_id: str, version: int) -> Template:
    """The version under which a coupon was issued; it is never deleted."""
    spec = connection.execute(
        select(template_versions.c.spec).where(
            template_versions.c.template_id == template_id, template_versions.c.version == version
        )
    ).scalar_one()
    return template_from_data(json.loads(spec))


def on_offer(connection: Connection, campaign_id: str | None) -> Sequence[Template]:
    """Templates that a decision may give, of one campaign or of all, by id."""
    query = _CURRENT.where(templates.c.access != "closed")
    if campaign_id is not None:
        query = query.where(templates.c.campaign_id == campaign_id)
    rows = connection.execute(query).all()
    return [template_from_data(json.loads(row.spec), row.access) for row in rows]


def list_templates(connection: Connection, after: str, limit: int) -> list[tuple[Template, int]]:
    """Up to ``limit`` templates with their issued count, by id, after an id."""
    rows = connection.execute(_CURRENT.where(templates.c.template_id > after).limit(limit)).all()
    return [(template_from_data(json.loads(row.spec), row.access), row.issued) for row in rows]


def list_campaigns(connection: Connection, after: str, limit: int) -> Sequence[Row[tuple[object, ...]]]:
    query = select(campaigns).where(campaigns.c.campaign_id > after).order_by(campaigns.c.campaign_id).limit(limit)
    return connection.execute(query).all()
