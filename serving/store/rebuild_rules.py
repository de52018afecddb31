"""Changes of the abuse rule, promoted versions, what acts and what shadows saw, derived anew from the events."""

from __future__ import annotations

from datetime import datetime, tzinfo

from serving.review.rule_change import (
    PROMOTED,
    REJECTED,
    SHADOW_HIT,
    SHADOW_RUN,
    SHADOWED,
    WITHDRAWN,
    RuleChange,
    apply,
)
from serving.review.rule_change import change_row as row_of
from serving.review.rule_shadow import run_row
from serving.review.rules import LIVE
from serving.store.rebuild import EventRow, Rows
from serving.store.schema_rules import rule_changes, rule_shadow, rule_shadow_runs, rule_versions, rules_acting
from serving.store.unit import canonical


class Rules:
    """Rebuilds every table of the rule lab but ``rule_progress``, which holds no state."""

    tables = (rule_changes, rule_versions, rules_acting, rule_shadow, rule_shadow_runs)
    kinds = ("rule.", "shadow.")

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """Rules know no time zone; every rebuilder is made with it."""
        self._changes: dict[str, RuleChange] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        data = row.data
        if row.kind == SHADOW_HIT:
            key = (data["change_id"], data["day"], data["limit_name"], data["effect"], data["user_id"])
            rows["rule_shadow"][key] = {**data, "at": datetime.fromisoformat(data["at"])}
            return
        if row.kind == SHADOW_RUN:
            rows["rule_shadow_runs"][data["change_id"], data["run"]] = run_row(data, row.at)
            return
        change_id = str(data["change_id"])
        after = self._changes[change_id] = apply(self._changes.get(change_id), row.kind, data)
        rows["rule_changes"][change_id,] = row_of(after)
        acting = rows["rules_acting"]
        if row.kind == SHADOWED:
            acting[change_id,] = {"place": change_id, "fields": canonical(dict(after.fields))}
        elif row.kind in (PROMOTED, REJECTED, WITHDRAWN):
            acting.pop((change_id,), None)
        if row.kind == PROMOTED:
            fields = canonical(data["fields"])
            acting[LIVE,] = {"place": LIVE, "fields": fields}
            rows["rule_versions"][data["version"],] = {
                "version": data["version"],
                "change_id": change_id,
                "fields": fields,
                "author": data["author"],
                "promoted_by": data["by"],
                "promoted_at": row.at,
            }
