"""Accounts of the console derived anew from the events, and the events that say something without changing anything."""

from __future__ import annotations

from datetime import tzinfo

from serving.staff.account import Account, apply
from serving.staff.accounts import account_row
from serving.store.rebuild import EventRow, Rows
from serving.store.schema_staff import staff


class Staff:
    """Rebuilds ``staff``; what is secret or passing (``schema_staff``) is in no event."""

    tables = (staff,)
    kinds = ("staff.",)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002 - every rebuilder is made with the shop's zone
        self._accounts: dict[str, Account] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        after = apply(self._accounts.get(row.data["name"]), row.kind, row.data, row.at)
        if after.n != row.n:
            raise ValueError(f"event {row.n} of {after.name} stands where event {after.n} belongs")
        self._accounts[after.name] = after
        rows["staff"][after.name,] = account_row(after)


class Notes:
    """Reads what has no table: that it is an event of a known kind with a subject is all there is to prove."""

    tables = ()
    kinds = ("audit.", "entrance.")

    def __init__(self, zone: tzinfo) -> None:
        """The zone of the shop says nothing about notes; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:  # noqa: ARG002 - there are no rows
        if not isinstance(row.data["subject"], str):
            raise TypeError("a note is about something that has a name")
