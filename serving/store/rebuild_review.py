"""Decisions, cases and flags, derived anew from the events."""

from __future__ import annotations

from datetime import datetime, tzinfo

from serving.review.case import Case
from serving.review.case import apply as apply_case
from serving.review.store import case_row, flag_rows
from serving.store.rebuild import EventRow, Rows
from serving.store.schema import cases, decisions, flags
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
        after = apply_case(self._cases.get(row.data["case_id"]), row.kind, row.data)
        self._cases[after.case_id] = after
        rows["cases"][after.case_id,] = {"case_id": after.case_id, **case_row(after)}
        known = rows["flags"]
        for key in [key for key in known if key[1] == after.case_id]:
            del known[key]
        known.update({(flag["user_id"], flag["case_id"]): flag for flag in flag_rows(after, row.at)})
