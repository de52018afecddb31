"""Users, their links and actions on accounts, derived anew from the events."""

from __future__ import annotations

from datetime import tzinfo

from serving.people.account import TAKEN, UNDONE, action_from_data, action_row
from serving.people.profile import PROFILED, profile_from_data
from serving.store.people import link_rows, profile_row
from serving.store.rebuild import EventRow, Rows
from serving.store.schema_people import account_actions, user_links, users


class People:
    """Rebuilds ``users``, ``user_links`` and ``account_actions``."""

    tables = (users, user_links, account_actions)
    kinds = (PROFILED, TAKEN, UNDONE)

    def __init__(self, zone: tzinfo) -> None:
        """The zone of the shop says nothing about people; every rebuilder is made with it."""

    def take(self, rows: dict[str, Rows], row: EventRow) -> None:
        if row.kind == PROFILED:
            profile = profile_from_data(row.data)
            rows["users"][profile.user_id,] = profile_row(profile, row.at, row.n)
            for link in link_rows(profile, row.at):
                rows["user_links"].setdefault((link["kind"], link["value"], link["user_id"]), link)
        elif row.kind == TAKEN:
            action = action_from_data(row.data)
            rows["account_actions"][action.action_id,] = action_row(action, row.at)
        else:
            undone = rows["account_actions"][row.data["action_id"],]
            undone.update(undone_at=row.at, undone_by=row.actor, n=row.n)
