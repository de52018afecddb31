"""Templates and campaigns: what may be claimed and what pays for it.

A version is never changed: an edit writes the next one, and coupons keep the version they were issued under. Access
is state of the shelf and not of a version, so closing a template takes effect at once for every version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, true, update

from serving.coupons.catalogue import template_to_data
from serving.coupons.kinds import GiftPack, Kind, LuckyDraw, prices
from serving.coupons.money import InvalidError
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.template import Campaign, Template
from serving.store.cursor import Cursor, Slice
from serving.store.recount import Recount
from serving.store.rows import Prepared, insert_new
from serving.store.schema import campaigns, template_versions, templates
from serving.store.schema_shelf import template_facets
from serving.store.scopes import OnShelf, automatic_for, claimable_at, for_cart, for_goods, index, on_shelf
from serving.store.unit import Transaction
from serving.store.versions import find_opened, find_version, find_versions, write_version

__all__ = [
    "FACETS",
    "OnShelf",
    "add_campaign",
    "add_template",
    "automatic_for",
    "check_parts",
    "claimable_at",
    "edit_template",
    "find_campaign",
    "find_on_shelf",
    "find_template",
    "find_version",
    "find_versions",
    "for_cart",
    "for_goods",
    "list_campaigns",
    "list_templates",
    "list_versions",
    "on_offer",
    "set_access",
]

# More templates than this are not weighed for one decision.
MOST_ON_OFFER = 500
# By what lists of templates are filtered (F030).
FACETS = ("kind", "class", "function", "stackable", "issue", "delivery", "place")


def add_campaign(tx: Transaction, campaign: Campaign) -> Verdict:
    row = {**asdict(campaign), "committed_cents": 0, "live_cents": 0, "created_at": tx.now, "n": 1}
    if not insert_new(tx.connection, campaigns, row):
        return Refuse("campaign_exists")
    tx.append(f"campaign:{campaign.campaign_id}", 1, "campaign.created", asdict(campaign))
    return PASS


def add_template(tx: Transaction, template: Template) -> Verdict:
    """Put the first version of a template on the shelf; what it is linked to must be there (F051)."""
    linked = _linked(tx.connection, template)
    if isinstance(linked, Refuse):
        return linked
    row = {
        "template_id": template.template_id,
        "campaign_id": template.campaign_id,
        "version": template.version,
        "access": template.access,
        "quantity": template.limits.quantity,
        "issued": 0,
        "created_at": tx.now,
        "n": 1,
    }
    if not insert_new(tx.connection, templates, row):
        return Refuse("template_exists")
    write_version(tx.connection, template)
    index(tx.connection, template)
    data = {"spec": template_to_data(template), "access": template.access}
    tx.append(f"template:{template.template_id}", 1, "template.created", data)
    return PASS


def edit_template(tx: Transaction, template: Template, expected_version: int, zone: tzinfo) -> Template | Refuse:
    """Write the version after ``expected_version``; issued coupons keep theirs, and access stays as it is.

    Refused as ``version_stale`` when somebody else has edited the template meanwhile, and as ``limits_changed`` when
    the new quantity is less than what was issued. Quotas and pools count what was claimed under earlier versions.
    Returns the version written.
    """
    linked = _linked(tx.connection, template)
    if isinstance(linked, Refuse):
        return linked
    quantity, recount = template.limits.quantity, Recount(tx, template, zone)
    recount.lock()
    statement = (
        update(templates)
        .where(
            templates.c.template_id == template.template_id,
            templates.c.version == expected_version,
            true() if quantity is None else templates.c.issued <= quantity,
        )
        .values(version=expected_version + 1, quantity=quantity, campaign_id=template.campaign_id, n=templates.c.n + 1)
        .returning(templates.c.n, templates.c.access)
    )
    row = tx.connection.execute(statement).one_or_none()
    if row is None:
        return _not_edited(tx.connection, template.template_id, expected_version)
    written = replace(template, version=expected_version + 1, access=row.access)
    write_version(tx.connection, written)
    index(tx.connection, written)
    data = {"spec": template_to_data(written), "counted": recount.count()}
    tx.append(f"template:{template.template_id}", row.n, "template.edited", data)
    return written


def set_access(tx: Transaction, template_id: str, access: str, reason: str) -> Verdict:
    """Open or close a template at once; ``closed`` is the kill switch of a leak."""
    statement = (
        update(templates)
        .where(templates.c.template_id == template_id)
        .values(access=access, n=templates.c.n + 1)
        .returning(templates.c.n, templates.c.version)
    )
    row = tx.connection.execute(statement).one_or_none()
    if row is None:
        return Refuse("template_unknown")
    index(tx.connection, find_version(tx.connection, template_id, row.version).opened(access))
    data = {"template_id": template_id, "access": access, "reason": reason}
    tx.append(f"template:{template_id}", row.n, "template.access", data)
    return PASS


_CAMPAIGN = Prepared(select(campaigns).where(campaigns.c.campaign_id == bindparam("of_campaign")))


def find_campaign(connection: Connection, campaign_id: str) -> Row[Any] | None:
    found: Row[Any] | None = _CAMPAIGN.one(connection, {"of_campaign": campaign_id})
    return found


_CURRENT = select(templates.c.template_id, templates.c.version, templates.c.access, templates.c.issued)
_ONE = Prepared(_CURRENT.where(templates.c.template_id == bindparam("of_template")))


def find_template(connection: Connection, template_id: str) -> Template | None:
    """The current version, with its access of now."""
    row = _ONE.one(connection, {"of_template": template_id})
    return None if row is None else find_opened(connection, template_id, row.version, row.access)


def find_on_shelf(connection: Connection, template_id: str) -> OnShelf | None:
    """The current version with its access and its issued count."""
    rows = _ONE.all(connection, {"of_template": template_id})
    return on_shelf(connection, rows)[0] if rows else None


def on_offer(connection: Connection, campaign_id: str | None, limit: int = MOST_ON_OFFER) -> Sequence[Template]:
    """Templates that a decision may give, of one campaign or of all, by id.

    At most ``limit``: those that only decisions give come before those that anybody may claim, then by id.
    """
    query = _CURRENT.join(template_facets, template_facets.c.template_id == templates.c.template_id)
    if campaign_id is not None:
        query = query.where(templates.c.campaign_id == campaign_id)
    rows: list[Row[Any]] = []
    for access in ("decision", "open"):
        given = query.where(template_facets.c.facet == "access", template_facets.c.value == access)
        ordered = given.order_by(template_facets.c.template_id).limit(limit - len(rows))
        rows += connection.execute(ordered).all()
    return [found.template for found in on_shelf(connection, sorted(rows, key=lambda row: row.template_id))]


def list_templates(connection: Connection, cursor: Cursor, facets: Mapping[str, str] | None = None) -> Slice[OnShelf]:
    """Templates by id, all or those that have every one of the ``facets`` (name of ``FACETS`` → value)."""
    query = _CURRENT
    for facet, value in (facets or {}).items():
        having = select(template_facets.c.template_id).where(
            template_facets.c.facet == facet, template_facets.c.value == value
        )
        query = query.where(templates.c.template_id.in_(having))
    found = cursor.fetch(connection, query, templates.c.template_id)
    return Slice(on_shelf(connection, found.rows), found.has_more)


def list_versions(connection: Connection, template_id: str, below: int | None, limit: int) -> list[Template]:
    """Up to ``limit`` versions of a template, the newest first, below a version number."""
    query = select(template_versions.c.version).where(template_versions.c.template_id == template_id)
    if below is not None:
        query = query.where(template_versions.c.version < below)
    numbers = connection.execute(query.order_by(template_versions.c.version.desc()).limit(limit)).scalars().all()
    found = find_versions(connection, [(template_id, number) for number in numbers])
    return [found[template_id, number] for number in numbers]


def list_campaigns(connection: Connection, cursor: Cursor) -> Slice[Row[Any]]:
    return cursor.fetch(connection, select(campaigns), campaigns.c.campaign_id)


def check_parts(connection: Connection, template: Template) -> None:
    """Refuse a pack or a draw of what can never come out of one: another pack, coupons by code or by themselves.

    Raises ``InvalidError`` that names the field and the part. That all parts are there is asked by ``add_template``.
    """
    field = "templates" if isinstance(template.kind, GiftPack) else "prizes.template_id"
    for name in _named(template.kind):
        part = find_template(connection, name)
        if part is not None and (not prices(part.kind) or part.delivery in ("code", "automatic")):
            raise InvalidError(field, name, f"coupons to claim or push; {name} is {part.delivery} {part.kind.TAG}")


def _linked(connection: Connection, template: Template) -> Verdict:
    """Whether the campaign and the templates that this one names exist."""
    if template.campaign_id is not None and find_campaign(connection, template.campaign_id) is None:
        return Refuse("campaign_unknown")
    named = _named(template.kind)
    if template.template_id in named:
        return Refuse("template_unknown")
    known = select(func.count()).select_from(templates).where(templates.c.template_id.in_(named))
    if named and connection.execute(known).scalar_one() < len(named):
        return Refuse("template_unknown")
    return PASS


def _named(kind: Kind) -> tuple[str, ...]:
    """The templates whose coupons a pack or a draw gives."""
    match kind:
        case GiftPack():
            return kind.templates
        case LuckyDraw():
            return tuple(prize.template_id for prize in kind.prizes)
        case _:
            return ()


def _not_edited(connection: Connection, template_id: str, expected_version: int) -> Refuse:
    row = connection.execute(select(templates.c.version).where(templates.c.template_id == template_id)).one_or_none()
    if row is None:
        return Refuse("template_unknown")
    return Refuse("version_stale" if row.version != expected_version else "limits_changed")
