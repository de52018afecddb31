"""Templates by scope, display place and class."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What templates of before had without saying so.
_PLACES = ("coupon_centre", "personal_centre", "order_confirmation")
_CLASSED = (
    ("class", "general"),
    ("function", "promote"),
    ("stackable", "yes"),
    ("issue", "active"),
    ("delivery", "claim"),
)
_FOR_EVER = "9999-12-31"


def upgrade() -> None:
    facets = op.create_table(
        "template_facets",
        sa.Column("facet", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("facet", "value", "template_id", name=op.f("pk_template_facets")),
    )
    op.create_index("ix_template_facets_template_id", "template_facets", ["template_id"], unique=False)
    scopes = op.create_table(
        "template_scopes",
        sa.Column("place", sa.String(length=20), nullable=False),
        sa.Column("section", sa.String(length=12), nullable=False),
        sa.Column("of", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("template_id", sa.String(length=80), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("place", "section", "of", "name", "template_id", name=op.f("pk_template_scopes")),
    )
    op.create_index("ix_template_scopes_template_id", "template_scopes", ["template_id"], unique=False)
    known = sa.text(
        "SELECT t.template_id, t.access, v.spec FROM templates t "
        "JOIN template_versions v ON v.template_id = t.template_id AND v.version = t.version"
    )
    for template_id, access, text in op.get_bind().execute(known).all():
        spec = json.loads(text)
        op.bulk_insert(facets, _facets(template_id, access, spec))
        op.bulk_insert(scopes, _scopes(template_id, access, spec))


def downgrade() -> None:
    op.drop_table("template_scopes")
    op.drop_table("template_facets")


def _facets(template_id: str, access: str, spec: dict[str, Any]) -> list[dict[str, Any]]:
    values = [("kind", spec["kind"]["kind"]), *_CLASSED, ("access", access)]
    values += [("place", place) for place in _PLACES]
    if access == "open":
        values += [("offered", place) for place in _PLACES]
    ends = {"template_id": template_id, "last_day": spec["validity"].get("last", _FOR_EVER)}
    return [{"facet": facet, "value": value, **ends} for facet, value in values]


def _scopes(template_id: str, access: str, spec: dict[str, Any]) -> list[dict[str, Any]]:
    if access != "open":
        return []
    of, _, names = spec["scope"].partition(":")
    ends = {"template_id": template_id, "last_day": spec["validity"].get("last", _FOR_EVER)}
    return [
        {"place": place, "section": "coupon", "of": of, "name": name, **ends}
        for place in _PLACES
        for name in dict.fromkeys(names.split("|"))
    ]
