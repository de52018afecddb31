"""Tables by which templates are found: derived from the current version and access of every template.

A cart or a product page asks by what its lines are, and must not read a template that cannot answer: with 100,000
open templates it touches the few rows of its own keys.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from serving.store.schema import metadata

# What templates are found by: kind, class, function, stackable, issue, delivery, place (F030), access; and where one
# may be taken now ("offered", only while it is open and given by claim).
template_facets = Table(
    "template_facets",
    metadata,
    Column("facet", String(12), primary_key=True),
    Column("value", String(80), primary_key=True),
    Column("template_id", String(80), primary_key=True),
    Column("last_day", String(10), nullable=False),
    Index("ix_template_facets_template_id", "template_id"),
)

# Open templates by the goods that they cover: one row per place of display (or "automatic") and name of the scope.
template_scopes = Table(
    "template_scopes",
    metadata,
    Column("place", String(20), primary_key=True),
    Column("section", String(12), primary_key=True),
    Column("of", String(10), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("template_id", String(80), primary_key=True),
    Column("last_day", String(10), nullable=False),
    Index("ix_template_scopes_template_id", "template_id"),
)
