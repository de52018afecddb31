"""Decisions, cases and flags, derived anew from the events."""

from __future__ import annotations

from datetime import datetime, tzinfo

from serving.review.case import Case
from serving.review.case_rows import case_row, flag_rows
from serving.review.life import STANDS
from serving.review.life import apply as apply_case
from serving.review.views import DELETED, view_row
from serving.store.rebuild import EventRow, Rows
from serving.store.schema import cases, decisions, flags
from serving.store.schema_queue import queue_views
from serving.store.unit import canonical


class Decisions:
    """Rebuilds ``decisions``; which coupon one gave is told by the coupon's claim."""

    tables = (decisions,)
    kinds = ("decision.taken",)

    def __init__(self, zone: tzinfo) -> None:
        """Decisions know no time zone; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        made = dict(row.data)
        made["decided_at"] = datetime.fromisoformat(row.data["decided_at"])
        made["claim_until"] = datetime.fromisoformat(row.data["claim_until"])
        made["eligible"] = canonical(row.data["eligible"])
        made["detail"] = canonical(row.data["detail"])
        made["coupon_id"] = None
        rows["decisions"][row.data["decision_id"],] = made


class Cases:
    """Rebuilds ``cases`` and the ``flags`` of their users."""

    tables = (cases, flags)
    kinds = ("case.",)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """Cases know no time zone; every rebuilder is made with it."""
        self._cases: dict[str, Case] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        before = self._cases.get(row.data["case_id"])
        after = apply_case(before, row.kind, row.data)
        self._cases[after.case_id] = after
        rows["cases"][after.case_id,] = {"case_id": after.case_id, **case_row(after)}
        if row.kind not in STANDS:
            return
        known = rows["flags"]
        for user_id in before.users if before is not None else ():
            del known[user_id, after.case_id]
        known.update({(flag["user_id"], flag["case_id"]): flag for flag in flag_rows(after, row.at)})


class QueueViews:
    """Rebuilds ``queue_views``."""

    tables = (queue_views,)
    kinds = ("queue.",)

    def __init__(self, zone: tzinfo) -> None:
        """Views know no time zone; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        key = (row.data["view_id"],)
        if row.kind == DELETED:
            del rows["queue_views"][key]
        else:
            rows["queue_views"][key] = view_row(row.data)
