"""Block and allow lists, appeals and reveals, derived anew from the events."""

from __future__ import annotations

from dataclasses import asdict
from datetime import tzinfo

from serving.review import appeals as appeal_words
from serving.review import lists as list_words
from serving.review.appeals import Appeal
from serving.review.lists import Entry, entry_row
from serving.review.reveal import REVEALED
from serving.store.rebuild import EventRow, Rows
from serving.store.schema_lists import appeals, list_entries, reveals


class ListsAndAppeals:
    """Rebuilds ``list_entries``, ``appeals`` and ``reveals``."""

    tables = (list_entries, appeals, reveals)
    kinds = ("list.", "appeal.", REVEALED)

    def __init__(self, zone: tzinfo) -> None:  # noqa: ARG002
        """They know no time zone; every rebuilder is made with it."""
        self._entries: dict[str, Entry] = {}
        self._appeals: dict[str, Appeal] = {}

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        if row.kind == REVEALED:
            made = {"reveal_id": row.data["reveal_id"], "actor": row.actor, "revealed_at": row.at}
            rows["reveals"][row.data["reveal_id"],] = made
        elif row.kind.startswith("list."):
            entry_id = row.data["entry_id"]
            entry = list_words.apply(self._entries.get(entry_id), row.kind, row.data, row.at, row.actor)
            self._entries[entry_id] = entry
            rows["list_entries"][entry_id,] = entry_row(entry)
        else:
            appeal_id = row.data["appeal_id"]
            appeal = appeal_words.apply(self._appeals.get(appeal_id), row.kind, row.data)
            self._appeals[appeal_id] = appeal
            rows["appeals"][appeal_id,] = asdict(appeal)
