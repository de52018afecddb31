"""Campaigns and templates with their versions and index rows, derived anew from the events.

What coupons move (``issued``, a campaign's money) is added by the rebuilder of coupons to the rows made here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from serving.coupons.catalogue import template_from_data
from serving.coupons.template import Template
from serving.store.rebuild import EventRow, Rows
from serving.store.schema import campaigns, template_versions, templates
from serving.store.schema_shelf import template_facets, template_scopes
from serving.store.scopes import facet_rows, scope_rows
from serving.store.unit import canonical

CAMPAIGN, CREATED, EDITED, ACCESS = "campaign.created", "template.created", "template.edited", "template.access"


class Shelf:
    """Rebuilds ``campaigns``, ``templates``, ``template_versions``, ``template_facets`` and ``template_scopes``."""

    tables = (campaigns, templates, template_versions, template_facets, template_scopes)
    kinds = (CAMPAIGN, CREATED, EDITED, ACCESS)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """The zone of the shop says nothing about its shelf; every rebuilder is made with it."""
        self._current: dict[str, Template] = {}
        self._indexed: dict[tuple[str, str], list[tuple[Any, ...]]] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        if row.kind == CAMPAIGN:
            made = {**row.data, "committed_cents": 0, "live_cents": 0, "created_at": row.at, "n": row.n}
            rows["campaigns"][row.data["campaign_id"],] = made
            return
        template = self._after(row)
        if row.kind != ACCESS:
            self._version(rows, template, row.data["spec"])
        stored = rows["templates"].setdefault((template.template_id,), {"issued": 0, "created_at": row.at})
        stored.update(
            template_id=template.template_id,
            campaign_id=template.campaign_id,
            version=template.version,
            access=template.access,
            quantity=template.limits.quantity,
            n=row.n,
        )
        self._index(rows, template)

    def _after(self, row: EventRow) -> Template:
        """The template after an event, with its access."""
        if row.kind == ACCESS:
            template = self._current[row.data["template_id"]].opened(row.data["access"])
        elif row.kind == CREATED:
            template = template_from_data(row.data["spec"], row.data["access"])
        else:
            before = self._current[row.data["spec"]["template_id"]]
            template = template_from_data(row.data["spec"], before.access)
        self._current[template.template_id] = template
        return template

    @staticmethod
    def _version(rows: dict[str, Rows], template: Template, spec: Mapping[str, Any]) -> None:
        """As it was written then: a version keeps the names of its day."""
        rows["template_versions"][template.template_id, template.version] = {
            "template_id": template.template_id,
            "version": template.version,
            "spec": canonical(spec),
        }

    def _index(self, rows: dict[str, Rows], template: Template) -> None:
        """The index rows of a template are those of now, and none of before."""
        made = ((template_facets, facet_rows(template)), (template_scopes, scope_rows(template)))
        for table, index_rows in made:
            names = [column.name for column in table.primary_key.columns]
            for key in self._indexed.pop((table.name, template.template_id), ()):
                del rows[table.name][key]
            keyed = {tuple(row[name] for name in names): row for row in index_rows}
            rows[table.name].update(keyed)
            self._indexed[table.name, template.template_id] = list(keyed)
